"""Shifted formants: of vowels whose formants and pitch are known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from spkr.audio.formants import shift_formants, smooth_envelope

RATE, PITCH = 16000, 125
FORMANTS = 700, 1400, 2600


def vowel():
    """Pulses through resonators, on the scale of 16-bit integers."""
    samples = np.zeros(RATE)
    samples[:: RATE // PITCH] = 3000
    for formant in FORMANTS:
        radius, angle = np.exp(-np.pi * 120 / RATE), 2 * np.pi * formant / RATE
        samples = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], samples)
    return samples.astype(np.float32)


def formants_of(samples):
    """The frequencies of the three highest peaks of the smooth envelope."""
    window = np.hanning(1024)
    frames = np.stack([samples[i : i + 1024] * window for i in range(2000, 12000, 100)], axis=1)
    envelope = smooth_envelope(np.fft.rfft(frames, axis=0), RATE, 1024).mean(axis=1)
    inner = envelope[1:-1]
    peaks = np.flatnonzero((inner > envelope[:-2]) & (inner > envelope[2:])) + 1
    return np.sort(peaks[np.argsort(envelope[peaks])[-3:]]) * RATE / 1024


@pytest.mark.parametrize("ratio", [0.85, 1.15])
def test_formants_move_and_pitch_stays(ratio):
    before, after = vowel(), shift_formants(vowel(), ratio, RATE)
    assert len(after) == len(before) and after.dtype == np.float32
    assert formants_of(before) == pytest.approx(FORMANTS, abs=PITCH / 2)  # harmonics are all that is heard of them
    assert formants_of(after) == pytest.approx(np.multiply(FORMANTS, ratio), abs=PITCH / 2)
    assert np.mean(formants_of(after) / formants_of(before)) == pytest.approx(ratio, abs=0.04)
    spectrum = np.abs(np.fft.rfft(after[2000:14000]))  # 1.33 Hz a bin
    strongest = np.argsort(spectrum)[-10:] * RATE / 12000
    assert np.all(np.abs(strongest / PITCH - np.rint(strongest / PITCH)) < 0.03)


def test_a_ratio_of_one_changes_nothing_and_silence_stays():
    assert np.array_equal(shift_formants(vowel(), 1.0, RATE), vowel())
    assert not shift_formants(np.zeros(4000, np.float32), 1.1, RATE).any()


@pytest.mark.parametrize("n", [1, 100, 400, 513])
def test_less_than_a_window_keeps_its_length(n):
    samples = vowel()[2000 : 2000 + n]
    out = shift_formants(samples, 1.1, RATE)
    assert len(out) == n and np.isfinite(out).all()
    if n > 300:
        assert not np.allclose(out, samples, rtol=1e-3)
