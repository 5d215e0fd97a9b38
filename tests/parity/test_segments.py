"""Features of segments against what Kaldi's extract-segments and compute-fbank-feats (f4007661) gave."""

from pathlib import Path

import kaldiio
import numpy as np
import pytest

from spkr.feats import Fbank
from spkr.feats.extract import extract_shard
from spkr.kaldi.datadir import write_data_dir

GOLDEN = Path(__file__).parent / "golden/feats"
FRONT_END = {"snip_edges": True, "compress": False, "shards": 1}


@pytest.mark.parametrize("pipes", [False, True])
def test_fbank_of_segments(tmp_path, pipes):
    segments = dict(line.split(maxsplit=1) for line in (GOLDEN / "segments").read_text().splitlines())
    recordings = {value.split()[0] for value in segments.values()}
    files = {
        "wav.scp": {reco: f"cat {GOLDEN}/{reco}.wav |" if pipes else f"{GOLDEN}/{reco}.wav" for reco in recordings},
        "segments": segments,
        "utt2spk": dict.fromkeys(segments, "spk0"),
    }
    write_data_dir(tmp_path / "data", files)
    extract_shard(tmp_path / "data", tmp_path / "feats", Fbank(**FRONT_END, allow_pipes=pipes), 1)
    ours = dict(kaldiio.load_ark(str(tmp_path / "feats/feats.1.ark")))
    golden = dict(kaldiio.load_ark(str(GOLDEN / "fbank80_segments.ark")))
    assert {utt: x.shape for utt, x in ours.items()} == {utt: x.shape for utt, x in golden.items()}
    difference = np.concatenate([np.abs(ours[utt] - golden[utt]) for utt in golden])
    assert difference.max() < 0.06
    assert difference.mean() < 3e-5
