import math

import numpy as np
import pytest
import torch

from spkr.errors import InputError
from spkr.feats import Fbank, Mfcc, compute, make_front_end
from spkr.feats.fbank import fbank, log_energy, mel_banks, mfcc, num_frames
from tests.unit.feats.extraction import RATE, SEED, speech


@pytest.mark.parametrize(
    "settings",
    [{}, {"snip_edges": True}, {"type": "mfcc"}, {"use_energy": True}, SEED.to_dict(), {"frame_length": 25.03}],
)
@pytest.mark.parametrize("n", [400, 401, 560, 1600, 12345])
def test_energies_are_of_the_same_frames(settings, n):
    front_end = make_front_end(settings)
    samples = torch.from_numpy(speech(n))
    feats, log_energies = compute(samples, front_end)
    assert feats.shape == (len(log_energies), front_end.dim)
    if front_end.type != "logmel":
        assert len(feats) == num_frames(n, front_end)
    assert torch.isfinite(feats).all()


@pytest.mark.parametrize("n", [400, 401, 479, 480, 5000])
def test_frames_are_reflected_at_both_ends(n):
    samples = speech(n)
    mirrored = np.pad(samples, 400, mode="symmetric")
    frames = np.stack(
        [mirrored[start : start + 400] for start in range(400 - 120, 400 - 120 + 160 * ((n + 80) // 160), 160)]
    )
    frames = frames - frames.mean(axis=1, keepdims=True)
    expected = np.log(np.maximum(np.sum(frames**2, axis=1), np.finfo(np.float32).eps))
    assert np.allclose(log_energy(torch.from_numpy(samples), Fbank()), expected, atol=1e-4)


def test_c0_is_the_energy_if_asked_for():
    samples = torch.from_numpy(speech(8000))
    energy = log_energy(samples, Fbank())
    with_energy, without = (mfcc(samples, Mfcc(use_energy=use))[0] for use in (True, False))
    assert torch.equal(with_energy[:, 0], energy)
    assert torch.equal(with_energy[:, 1:], without[:, 1:])
    assert (without[:, 0] - energy).abs().max() > 1


@pytest.mark.parametrize("floor", [0.0, 1e6])
def test_energy_is_a_column_more_of_fbank_and_floored(floor):
    samples = torch.from_numpy(np.concatenate([speech(8000), np.zeros(8000, np.float32)]))
    feats, energy = fbank(samples, Fbank(use_energy=True, energy_floor=floor))
    assert torch.equal(feats[:, 0], energy)
    assert torch.equal(feats[:, 1:], fbank(samples, Fbank())[0])
    assert energy.min().item() == pytest.approx(math.log(floor or np.finfo(np.float32).eps))


@pytest.mark.parametrize("settings", [{}, {"type": "mfcc", "use_energy": True}, {"use_log_fbank": False}])
def test_torchaudio_gives_the_same(settings):
    samples = torch.from_numpy(speech(12345))
    front_end = make_front_end(settings)
    ours, theirs = (compute(samples, front_end.replace(engine=engine)) for engine in ("spkr", "torchaudio"))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=2e-4, atol=1e-2)


def test_features_do_not_depend_on_the_number_of_threads():
    samples = torch.from_numpy(speech(10 * RATE))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = fbank(samples, Fbank())[0]
        torch.set_num_threads(2)
        assert torch.equal(fbank(samples, Fbank())[0], one)
    finally:
        torch.set_num_threads(threads)


def test_band_without_a_bin_is_refused():
    narrow = Fbank(sample_frequency=8000, num_mel_bins=120)
    with pytest.raises(InputError, match=r"feats.num_mel_bins: \d+ of 120 bands hold no bin of the FFT"):
        mel_banks(narrow, torch.device("cpu"))
