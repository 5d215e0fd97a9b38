"""Shifted formants: another voice at the same pitch and tempo.

Speed moves pitch and formants together, as if a body grew as a whole. Formants alone are the length of the vocal tract.
"""

import numpy as np
import scipy  # which imports scipy.signal at its first use: half a second
from scipy.fft import irfft, rfft

WINDOW, SHIFT = 0.032, 0.008  # seconds
PITCH_LIMIT = 0.002  # seconds: shorter quefrencies are the vocal tract, longer ones the pitch, up to 500 Hz
ITERATIONS = 4  # of the envelope; more change little
FLOOR = 1e-3  # added to magnitudes on the scale of 16-bit integers, against the logarithm of digital silence
MAX_GAIN = np.log(10.0)  # of a band, in nepers: 20 dB


def shift_formants(samples: np.ndarray, ratio: float, rate: int) -> np.ndarray:
    """Multiply the formants of (samples,) by `ratio`; pitch, tempo and length stay.

    In each frame the spectrum is divided by its smooth envelope, exp E(f), and multiplied by exp E(f / ratio).

    Source: A. Röbel, X. Rodet, "Efficient spectral envelope estimation and its application to pitch shifting and
    envelope preservation", DAFx 2005.
    """
    if ratio == 1:
        return samples
    window = scipy.signal.windows.hann(round(WINDOW * rate), sym=False)
    stft = scipy.signal.ShortTimeFFT(window, hop=round(SHIFT * rate), fs=rate, scale_to="magnitude")
    whole = np.pad(samples.astype(np.float64), (0, max(0, len(window) - len(samples))))
    spectrum = stft.stft(whole)
    envelope = smooth_envelope(spectrum, rate, len(window))
    bins = np.arange(len(envelope))
    nearest = np.minimum(np.rint(bins / ratio).astype(int), len(envelope) - 1)
    gain = np.exp(np.clip(envelope[nearest] - envelope, -MAX_GAIN, MAX_GAIN))
    return stft.istft(spectrum * gain, k1=len(whole))[: len(samples)].astype(np.float32)


def smooth_envelope(spectrum: np.ndarray, rate: int, n: int) -> np.ndarray:
    """The logarithm of the true envelope, (bins, frames), of short-time spectra (bins, frames) of n samples.

    A cepstrally smoothed spectrum lies below the peaks of the harmonics. It is smoothed again where it does, with the
    peaks in its place, until it goes through them (the source above).
    """
    kept, log = round(PITCH_LIMIT * rate), np.log(np.abs(spectrum) + FLOOR)
    envelope = log
    for _ in range(ITERATIONS):
        cepstrum = irfft(np.maximum(envelope, log), n, axis=0)
        cepstrum[kept + 1 : n - kept] = 0
        envelope = rfft(cepstrum, axis=0).real
    return envelope
