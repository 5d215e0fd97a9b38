"""Rooms, noise and telephones, applied to (samples,) on the scale of 16-bit integers."""

import math
from functools import cache
from io import BytesIO
from types import ModuleType

import numpy as np
import scipy  # which imports scipy.signal at its first use: half a second
import soundfile
from scipy.fft import irfft, next_fast_len

from spkr.audio.resampling import resample

POWER_FLOOR = 1e-18  # of reverberated speech; avoids a division by zero for silence
TAIL_DELAY = 0.0025  # seconds from the direct sound to the tail: less than a metre of extra path
TELEPHONE_RATE = 8000  # Hz
CODECS = {"mulaw": "ULAW", "alaw": "ALAW", "gsm": "GSM610"}  # ITU-T G.711 and GSM 06.10, as libsndfile calls them


def power(samples: np.ndarray) -> float:
    """Mean square of (samples,)."""
    return float(np.mean(np.square(samples, dtype=np.float64)))


def room_response(rt60: float, drr: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """An impulse response: unit direct sound, then a diffuse tail of Gaussian noise that decays by 60 dB in `rt60` s.

    Source: J. D. Polack, "La transmission de l'energie sonore dans les salles", 1988 (the statistical room model).
    """
    t = np.arange(round(rt60 * rate)) / rate
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / rt60)
    tail *= 10 ** (-drr / 20) / np.linalg.norm(tail)
    return np.concatenate([[1.0], np.zeros(round(TAIL_DELAY * rate) - 1), tail])


def reverberate(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Convolve (samples,) with an impulse response of any delay and scale; the direct sound keeps its place.

    The largest peak is taken as the direct sound, and the power is kept, as in Kaldi's wav-reverberate with
    --shift-output and --normalize-output.
    """
    out = through_room(samples, response, int(np.argmax(np.abs(response))), scipy.fft)
    return out * math.sqrt(power(samples) / max(power(out), POWER_FLOOR))


def through_room(samples, response, direct: int, fft: ModuleType):
    """Convolve (..., samples) with (..., taps), and keep as many samples, starting at the direct sound, tap `direct`.

    `fft` is scipy.fft for numpy arrays and torch.fft for tensors. The caller corrects the power, because rows of a
    batch have different lengths.
    """
    n = samples.shape[-1]
    size = next_fast_len(n + response.shape[-1] - 1, real=True)
    out = fft.irfft(fft.rfft(samples, size) * fft.rfft(response, size), size)
    return out[..., direct : direct + n]


def coloured_noise(n: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise (n,) of power ~ f^slope, flat below a hundredth of the Nyquist frequency."""
    fast = next_fast_len(n, real=True)  # an FFT of prime length takes twenty times as long
    bins = fast // 2 + 1
    spectrum = rng.standard_normal((bins, 2), dtype=np.float32).view(np.complex64)[:, 0]
    f = np.maximum(np.arange(bins, dtype=np.float32) / bins, 0.01)
    return irfft(spectrum * f ** (slope / 2), fast)[:n]


def in_loop(samples: np.ndarray, n: int, start: int = 0) -> np.ndarray:
    """Repeat (samples,), starting at `start`, up to n samples, and scale it to unit power: one voice of several."""
    voice = np.resize(np.roll(samples, -start), n)
    return voice / max(math.sqrt(power(voice)), 1e-9)


def telephone(samples: np.ndarray, rate: int, codec: str) -> np.ndarray:
    """Pass (samples,) through a telephone: 300 to 3400 Hz, 8 kHz, `codec`; then resample back to `rate` Hz."""
    narrow = samples.astype(np.float32, copy=False)
    if rate != TELEPHONE_RATE:
        narrow = resample(narrow, rate, TELEPHONE_RATE)
    sent = np.clip(np.rint(scipy.signal.sosfilt(telephone_band(), narrow)), -32768, 32767).astype(np.int16)
    line = BytesIO()
    soundfile.write(line, sent, TELEPHONE_RATE, format="WAV", subtype=CODECS[codec])
    line.seek(0)
    heard = soundfile.read(line, dtype="float32")[0] * 32768
    if rate != TELEPHONE_RATE:
        heard = resample(heard, TELEPHONE_RATE, rate)
    return heard[: len(samples)]  # GSM 06.10 pads its last block


@cache
def telephone_band() -> np.ndarray:
    """The band of a telephone, 300 to 3400 Hz as in ITU-T G.712, as second-order sections (4, 6) at 8 kHz."""
    return scipy.signal.butter(4, (300, 3400), "bandpass", fs=TELEPHONE_RATE, output="sos")
