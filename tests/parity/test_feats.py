"""Features and feature arks against what Kaldi's programs (f4007661) gave, cut down to two made recordings.

spk0-utt0 holds digital silence; spk0-utt1 is longer than the normalisation's window.
"""

from pathlib import Path

import kaldiio
import numpy as np
import pytest
import torch

from spkr.audio.decoding import read_audio
from spkr.config.front_end_options import CmvnOptions, VadOptions
from spkr.feats import Fbank, Mfcc, compute, make_front_end
from spkr.feats.cmvn import cmvn_stats, normalize
from spkr.feats.fbank import fbank, log_energy
from spkr.feats.reader import FeatureReader
from spkr.feats.vad import energy_vad
from spkr.kaldi.table import TableWriter

GOLDEN = Path(__file__).parent / "golden/feats"
MFCC = Mfcc(num_mel_bins=30, high_freq=7600, use_energy=True)
UTTS = ("spk0-utt0", "spk0-utt1")


def golden(name):
    return dict(kaldiio.load_ark(str(GOLDEN / f"{name}.ark")))


def golden_vad(name):
    lines = (GOLDEN / name).read_text().splitlines()
    return {line.split()[0]: np.array(line.split()[2:-1], float) for line in lines}


def samples(utt):
    return torch.from_numpy(read_audio(GOLDEN / f"{utt}.wav", 16000))


def differences(name, compute, front_end):
    """Absolute differences over all utterances of a golden table."""
    table = golden(name)
    ours = {utt: compute(samples(utt), front_end)[0].numpy() for utt in table}
    assert {utt: x.shape for utt, x in ours.items()} == {utt: x.shape for utt, x in table.items()}
    return np.concatenate([np.abs(ours[utt] - table[utt]) for utt in table])


@pytest.mark.parametrize(
    "name, settings",
    [
        ("fbank80", {"snip_edges": True}),
        ("fbank80_nosnip", {}),
        ("fbank80_hamming", {"snip_edges": True, "window_type": "hamming"}),
        ("fbank80_energy", {"snip_edges": True, "use_energy": True}),
    ],
)
@pytest.mark.parametrize("engine", ["spkr", "torchaudio"])
def test_fbank(name, settings, engine):
    difference = differences(name, compute, make_front_end({**settings, "engine": engine}))
    assert difference.max() < 0.06
    assert difference.mean() < 3e-5


def test_fbank_without_logarithm():
    front_end = Fbank(snip_edges=True, use_log_fbank=False)
    for utt, expected in golden("fbank80_linear").items():
        ours = fbank(samples(utt), front_end)[0].numpy()
        assert np.abs(ours - expected).max() < 2e-5 * expected.max()


@pytest.mark.parametrize(
    "name, settings",
    [
        ("mfcc_nosnip", {}),
        ("mfcc_snip", {"snip_edges": True}),
        ("mfcc_snip_noenergy", {"snip_edges": True, "use_energy": False}),
    ],
)
@pytest.mark.parametrize("engine", ["spkr", "torchaudio"])
def test_mfcc(name, settings, engine):
    difference = differences(name, compute, MFCC.replace(**settings, engine=engine))
    assert difference.max() < 0.01
    assert difference.mean() < (1.5e-4 if engine == "spkr" else 2e-4)


@pytest.mark.parametrize(
    "name, options",
    [("vad.txt", VadOptions(frames_context=0, proportion_threshold=0.6)), ("vad_ctx2.txt", VadOptions())],
)
def test_vad(name, options):
    table, vad = golden("mfcc_nosnip"), golden_vad(name)
    for utt in UTTS:
        assert np.array_equal(energy_vad(table[utt][:, 0], options), vad[utt])
        assert np.array_equal(energy_vad(log_energy(samples(utt), Fbank()).numpy(), options), vad[utt])


@pytest.mark.parametrize(
    "name, options",
    [
        ("mfcc_cmn300", CmvnOptions()),
        ("mfcc_cmvn100", CmvnOptions(norm_vars=True, window=100)),
        ("mfcc_cmn100_left", CmvnOptions(center=False, window=100, min_window=50)),
    ],
)
def test_sliding_normalisation(name, options):
    table = golden(name)
    for utt, raw in golden("mfcc_nosnip").items():
        assert np.abs(normalize(raw, options) - table[utt]).max() < 1e-4


def test_normalisation_over_a_speaker():
    raw, expected = golden("mfcc_nosnip"), golden("mfcc_cmvn_spk")
    stats = cmvn_stats(raw[utt] for utt in UTTS)
    assert stats == pytest.approx(golden("cmvn_spk")["spk0"], rel=1e-6)
    for utt in UTTS:
        ours = normalize(raw[utt], CmvnOptions(type="speaker", norm_vars=True), stats)
        assert np.abs(ours - expected[utt]).max() < 1e-4


def test_reader_normalises_then_selects_voiced_frames(tmp_path):
    vad = golden_vad("vad.txt")
    for name, tables in (("feats", golden("mfcc_nosnip")), ("vad", vad)):
        with TableWriter(tmp_path / f"{name}.ark") as table:
            for utt in UTTS:
                table[utt] = tables[utt]
    reader = FeatureReader([tmp_path], MFCC)
    for utt, voiced in golden("mfcc_cmn300_voiced").items():
        assert reader[utt].dtype == np.float32
        assert np.abs(reader[utt] - voiced).max() < 1e-4
