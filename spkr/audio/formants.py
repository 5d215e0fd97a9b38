"""Shifted formants: another voice at the same pitch and tempo.

Speed moves pitch and formants together, as if a body grew as a whole. Formants alone are the length of the vocal tract.
"""

import numpy as np
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

WINDOW, SHIFT = 0.032, 0.008  # seconds
PITCH_LIMIT = 0.0016  # seconds: shorter quefrencies are the vocal tract, longer ones the pitch, up to 600 Hz
FLOOR = 1e-3  # added to magnitudes on the scale of 16-bit integers, against the logarithm of digital silence
MAX_GAIN = np.log(10.0)  # of a band, in nepers: 20 dB


def shift_formants(samples: np.ndarray, ratio: float, rate: int) -> np.ndarray:
    """Multiply the formants of (samples,) by `ratio`; pitch, tempo and length stay.

    In each frame the spectrum is divided by its smooth envelope, exp E(f), and multiplied by exp E(f / ratio).

    Source: A. Röbel, X. Rodet, "Efficient spectral envelope estimation and its application to pitch shifting and
    envelope preservation", DAFx 2005, section 2; the envelope here is the cepstrally smoothed one of section 2.1.
    """
    if ratio == 1:
        return samples
    window = hann(round(WINDOW * rate), sym=False)
    stft = ShortTimeFFT(window, hop=round(SHIFT * rate), fs=rate, scale_to="magnitude")
    if len(samples) < stft.m_num:  # shorter than a window
        return samples
    spectrum = stft.stft(samples.astype(np.float64))
    envelope = smooth_envelope(spectrum, rate, len(window))
    bins = np.arange(len(envelope))
    nearest = np.minimum(np.rint(bins / ratio).astype(int), len(envelope) - 1)
    gain = np.exp(np.clip(envelope[nearest] - envelope, -MAX_GAIN, MAX_GAIN))
    return stft.istft(spectrum * gain, k1=len(samples)).astype(np.float32)


def smooth_envelope(spectrum: np.ndarray, rate: int, n: int) -> np.ndarray:
    """The logarithm of the envelope, (bins, frames), of short-time spectra (bins, frames) of n samples."""
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + FLOOR), n, axis=0)
    kept = round(PITCH_LIMIT * rate)
    cepstrum[kept + 1 : n - kept] = 0
    return np.fft.rfft(cepstrum, axis=0).real
