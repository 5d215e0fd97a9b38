"""The features of ReDimNet2 against numpy and against values of their own code (PalabraAI/redimnet2, TFMelBanks)."""

import numpy as np
import pytest
import torch
import yaml

from spkr.errors import InputError
from spkr.feats import compute, make_front_end
from tests.conftest import ROOT
from tests.unit.feats.extraction import speech

FRONT_END = make_front_end(yaml.safe_load((ROOT / "conf/feats/redimnet72.yaml").read_text())["feats"])
THEIRS = [
    [-1.9735, 3.5885, 8.1855],
    [-2.9765, 1.6456, 7.5568],
    [0.3784, 2.8981, 8.6705],
]  # of speech(5000): frames 0, 10 and 29, bands 0, 17 and 71


def independent(samples):
    x = samples.astype(float) / 32768
    x = (x - x.mean()) / (x.std() + 1e-8)
    x = np.append(x[0] - 0.97 * x[1], x[1:] - 0.97 * x[:-1])
    x = np.pad(x, 80)
    frames = np.stack([x[t : t + 400] for t in range(0, len(x) - 399, 160)])
    power = np.abs(np.fft.rfft(frames * np.hamming(400), 512)[:, :256]) ** 2
    mel = 2595 * np.log10(1 + np.linspace(0, 8000, 256) / 700)[:, None]
    edges = np.linspace(2595 * np.log10(1 + 20 / 700), 2595 * np.log10(1 + 7600 / 700), 74)
    rising, falling = ((mel - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - mel) / np.diff(edges)[1:])
    banks = np.maximum(0, np.minimum(rising, falling)) * (np.arange(256) > 0)[:, None]
    return np.log(np.clip(np.clip(power, 1e-8, 1e8) @ banks, 1e-8, 1e8) + 1e-8)


@pytest.mark.parametrize(("n", "frames"), [(16000, 99), (16079, 99), (16080, 100), (400, 2), (163917, 1023)])
def test_features_are_those_of_the_formula(n, frames):
    feats, energy = compute(torch.from_numpy(speech(n)), FRONT_END)
    assert feats.shape == (frames, 72) and energy.shape == (frames,)
    assert np.abs(feats.numpy() - independent(speech(n))).max() < 2e-3


def test_features_are_those_of_the_networks_own_code():
    feats = compute(torch.from_numpy(speech(5000)), FRONT_END)[0].numpy()
    assert np.abs(feats[[0, 10, 29]][:, [0, 17, 71]] - THEIRS).max() < 1e-3


def test_volume_and_offset_change_the_energy_alone():
    samples = torch.from_numpy(speech(8000))
    (feats, energy), (louder, more) = compute(samples, FRONT_END), compute(4 * samples + 100, FRONT_END)
    torch.testing.assert_close(louder, feats, atol=2e-3, rtol=0)
    torch.testing.assert_close(more, energy + np.log(16), atol=1e-3, rtol=0)


def test_silence_has_finite_features():
    feats = compute(torch.zeros(4000), FRONT_END)[0]
    assert feats.isfinite().all() and (feats == feats[0]).all()


def test_bands_that_hold_no_bin_are_refused():
    with pytest.raises(InputError, match="feats.num_mel_bins: .* of 200 bands hold no bin of the FFT"):
        compute(torch.zeros(4000), FRONT_END.replace(num_mel_bins=200))
