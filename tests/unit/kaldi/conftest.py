"""Data directories: a good one, one with segments, and one whose recordings exist."""

import numpy as np
import pytest
import soundfile

from spkr.kaldi.datadir import write_data_dir
from tests.unit.kaldi.data_dirs import FILES, RATE, SEGMENTED


@pytest.fixture
def data(tmp_path):
    write_data_dir(tmp_path / "data", FILES)
    return tmp_path / "data"


@pytest.fixture
def segmented(tmp_path):
    write_data_dir(tmp_path / "segmented", SEGMENTED)
    return tmp_path / "segmented"


@pytest.fixture
def recordings(tmp_path):
    """Three recordings of a second, in two speakers' data directory."""
    rng = np.random.default_rng(0)
    for name in ("a-0", "a-1", "b-0"):
        soundfile.write(tmp_path / f"{name}.wav", rng.normal(0, 0.1, RATE), RATE)
    utts = {"a-0": "a", "a-1": "a", "b-0": "b"}
    wav = {utt: f"{tmp_path}/{utt}.wav" for utt in utts}
    write_data_dir(tmp_path / "data", {"utt2spk": utts, "wav.scp": wav, "utt2dur": dict.fromkeys(utts, 1)})
    return tmp_path / "data"
