"""What a line of utt2aug does to a recording: another speed, a room, noise. Rooms and noise are synthesised.

    sp0.9-fash-an251-b-aug1 speed=0.9 rt60=0.410 drr=6.20 slope=-1.30 snr=12.80

    speed   tempo and pitch, in hundredths
    rt60    reverberation time of the room in seconds, with
    drr     the direct to reverberant energy ratio in dB
    snr     signal to noise ratio in dB, over the whole recording, of coloured noise if
    slope   its spectral slope is given (0 white, -1 pink, -2 brown; power ~ f^slope), or else of
    babble  these utterances, comma-separated, as they were recorded

What is left out is not done.
"""

import hashlib
import math
from collections.abc import Callable

import numpy as np
from scipy.fft import irfft, next_fast_len
from scipy.signal import fftconvolve

from spkr.audio.read import resample
from spkr.errors import InputError

LIMITS = {"speed": (0.1, 10), "rt60": (0.01, 20), "drr": (-100, 100), "slope": (-10, 10), "snr": (-100, 100)}
TAIL_DELAY = 0.0025  # seconds from the direct sound to the tail: under a metre of detour

Spec = dict[str, float | list[str]]


def random_for(seed: int, name: str) -> np.random.Generator:
    """A generator that depends on the seed and the name alone."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(digest[:8], "little")))


def parse_spec(text: str, where: str) -> Spec:
    """A line of utt2aug: numbers, and the list of `babble`. Raises InputError, naming `where`, for anything else."""
    items = [item.split("=", 1) for item in text.split(" ")]
    names = [name for name, *_ in items]
    noises = names.count("slope") + names.count("babble")
    if (
        not all(len(item) == 2 for item in items)
        or len(set(names)) < len(names)
        or set(names) - {*LIMITS, "babble"}
        or ("rt60" in names) != ("drr" in names)
        or ("snr" in names) != noises
    ):
        raise InputError(
            f"{where}: expected some of 'speed=S', 'rt60=T drr=D', and 'slope=B snr=N' or 'babble=U,V snr=N'; "
            f"found {text!r}"
        )
    return {name: value.split(",") if name == "babble" else _number(name, value, where) for name, value in items}


def _number(name: str, text: str, where: str) -> float:
    low, high = LIMITS[name]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high or (name == "speed" and not is_hundredth(value)):
        kind = "a number of hundredths" if name == "speed" else "a number"
        raise InputError(f"{where}: {name}={text}; expected {kind} from {low} to {high}")
    return value


def is_hundredth(value: float) -> bool:
    """Whether a speed is a whole number of per cent, as `change_speed` takes it."""
    return math.isclose(100 * value, round(100 * value))


def change_speed(samples: np.ndarray, speed: float) -> np.ndarray:
    """Play (samples,) at `speed` times the speed: tempo and pitch change together (sox speed)."""
    percent = round(speed * 100)
    divisor = math.gcd(percent, 100)
    return samples if percent == 100 else resample(samples, percent // divisor, 100 // divisor)


def add_room_and_noise(
    samples: np.ndarray, spec: Spec, rate: int, rng: np.random.Generator, read: Callable[[str], np.ndarray]
) -> np.ndarray:
    """Reverberate (samples,) and add noise as `spec` says; `read` gives another utterance's samples, for babble."""
    out = samples
    if "rt60" in spec:
        out = fftconvolve(out, room_response(spec["rt60"], spec["drr"], rate, rng))[: len(samples)]
    if "snr" in spec:
        if "babble" in spec:
            noise = sum(_talker(read(utt), len(out), rng) for utt in spec["babble"])
        else:
            noise = coloured_noise(len(out), spec["slope"], rng)
        if noise_power := _power(noise):
            out = out + noise * math.sqrt(_power(out) / noise_power / 10 ** (spec["snr"] / 10))
    return out.astype(np.float32, copy=False)


def _power(samples: np.ndarray) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def room_response(rt60: float, drr: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """An impulse response of unit direct sound and a diffuse tail: Gaussian noise that decays by 60 dB in `rt60` s.

    Source: J. D. Polack, "La transmission de l'energie sonore dans les salles", 1988 (the statistical room model).
    """
    t = np.arange(round(rt60 * rate)) / rate
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / rt60)
    tail *= 10 ** (-drr / 20) / np.linalg.norm(tail)
    return np.concatenate([[1.0], np.zeros(round(TAIL_DELAY * rate) - 1), tail])


def coloured_noise(n: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise (n,) of power ~ f^slope, flat below a hundredth of the Nyquist frequency."""
    fast = next_fast_len(n, real=True)  # a transform of prime length takes twenty times as long
    bins = fast // 2 + 1
    spectrum = rng.standard_normal((bins, 2), dtype=np.float32).view(np.complex64)[:, 0]
    f = np.maximum(np.arange(bins, dtype=np.float32) / bins, 0.01)
    return irfft(spectrum * f ** (slope / 2), fast)[:n]


def _talker(samples: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """(samples,) from a random place on, in a loop, cut to n: one voice of the babble, at unit power."""
    start = int(rng.integers(len(samples)))
    voice = np.resize(np.roll(samples, -start), n)
    return voice / max(math.sqrt(_power(voice)), 1e-9)
