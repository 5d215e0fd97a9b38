import numpy as np
import pytest
import scipy.signal
import torch

from spkr.feats.cmvn import normalize
from spkr.feats.logmel import logmel
from tests.unit.feats.extraction import SEED, speech


def slaney_mel(hz):
    """Linear below 1 kHz (200/3 Hz a mel), then logarithmic (27 mel for a factor of 6.4)."""
    hz = np.asarray(hz, float)
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))


def slaney_hz(mel):
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def independent_logmel(samples):
    x = scipy.signal.lfilter([1, -0.97], 1, samples.astype(float) / 32768)
    x = np.pad(x, 256, mode="reflect" if len(x) > 256 else "constant")
    window = np.pad(scipy.signal.get_window("hann", 320, fftbins=False), 96)
    frames = [x[start : start + 512] * window for start in range(0, len(samples), 160)]
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = slaney_hz(np.linspace(slaney_mel(0), slaney_mel(8000), 66))
    f = np.linspace(0, 8000, 257)[:, None]
    rising = (f - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - f) / (edges[2:] - edges[1:-1])
    banks = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    return np.log(power @ banks + 2.0**-24)


@pytest.mark.parametrize(
    "n, frames", [(16000, 100), (16001, 101), (15999, 100), (320, 2), (257, 2), (256, 2), (100, 1)]
)
def test_logmel_is_the_seeds(n, frames):
    samples = speech(n)
    ours = logmel(torch.from_numpy(samples), SEED)[0].numpy()
    assert ours.shape == (frames, 64)
    assert np.abs(ours - independent_logmel(samples)).max() < 2e-3


def test_logmel_is_normalised_over_the_utterance():
    feats = independent_logmel(speech(16000))
    ours = normalize(logmel(torch.from_numpy(speech(16000)), SEED)[0].numpy(), SEED.cmvn)
    assert ours.dtype == np.float32
    assert np.abs(ours - (feats - feats.mean(0)) / (feats.std(0, ddof=1) + 1e-5)).max() < 2e-3
    assert np.array_equal(normalize(feats[:1].astype(np.float32), SEED.cmvn), np.zeros((1, 64)))
