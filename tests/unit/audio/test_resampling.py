import numpy as np
import pytest

from spkr.audio import resampling
from spkr.audio.resampling import resample, resampled_length

PAIRS = [(44100, 16000), (48000, 16000), (8000, 16000), (16000, 8000), (22050, 16000), (160, 161), (7, 3)]


@pytest.mark.parametrize(("rate", "new_rate"), PAIRS)
def test_it_is_torchaudios_sinc(rate, new_rate):
    torch, functional = pytest.importorskip("torch"), pytest.importorskip("torchaudio.functional")
    rng = np.random.default_rng(1)
    for n in (1, 5, 100, 2000):
        x = rng.normal(0, 3000, n).astype(np.float32)
        theirs = functional.resample(torch.from_numpy(x).double(), rate, new_rate).numpy()
        ours = resample(x, rate, new_rate)
        assert ours.dtype == np.float32
        assert ours.shape == theirs.shape == (resampled_length(n, rate, new_rate),)
        np.testing.assert_allclose(ours, theirs, atol=1e-6 * np.abs(theirs).max())


@pytest.mark.parametrize(("rate", "new_rate"), [(44100, 16000), (8000, 16000), (5, 3)])
def test_pieces_join_without_a_seam(rate, new_rate, monkeypatch):
    x = np.random.default_rng(2).normal(size=5000).astype(np.float32)
    whole = resample(x, rate, new_rate)
    monkeypatch.setattr(resampling, "PIECE", 1400)
    np.testing.assert_allclose(resample(x, rate, new_rate), whole, atol=1e-6)


def test_a_tone_keeps_its_pitch_and_level():
    t = np.arange(44101) / 44101
    tone = resample(np.sin(2 * np.pi * 440 * t).astype(np.float32), 44101, 16000)
    expected = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(tone[500:-500], expected[500:-500], atol=2e-3)
