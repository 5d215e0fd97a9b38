"""Augmented copies of a data directory, as Kaldi's recipes make them, from speech alone.

Noise and rooms are synthesised, so that nothing but the corpus is needed. A copy is a line of `utt2aug` that says
what is done to the recording when its features are computed; no audio is written:

    sp0.9-fash-an251-b-aug1  speed=0.9 rt60=0.41 drr=6.2 slope=-1.3 snr=12.8

    speed   tempo and pitch; a copy of another speed is another speaker, sp<speed>-<speaker>
    rt60    reverberation time of the room in seconds, with
    drr     the direct to reverberant energy ratio in dB
    snr     signal to noise ratio in dB, of coloured noise if
    slope   its spectral slope is given (0 white, -1 pink, -2 brown; power ~ f^slope), or else of
    babble  these utterances of other speakers, comma-separated

What is drawn here is drawn from a seed and the utterance's name alone, so that no copy depends on another.
"""

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve

from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir, write_data_dir

SPEED_OF_SOUND_DELAY = 0.0025  # seconds from the direct sound to the tail: under a metre of detour


@dataclass(frozen=True)
class AugmentOptions:
    """What copies are made. Each range is [low, high], drawn from uniformly; probabilities are a copy's own."""

    speeds: tuple[float, ...] = (1.0,)
    copies: int = 0  # augmented copies beside each clean one
    room_probability: float = 0.5
    rt60: tuple[float, float] = (0.1, 0.6)
    drr: tuple[float, float] = (0.0, 12.0)
    noise_probability: float = 0.75
    snr: tuple[float, float] = (5.0, 25.0)
    slope: tuple[float, float] = (-2.0, 0.0)
    babble_probability: float = 0.3  # of a noisy copy's noise being babble
    babble_talkers: tuple[int, int] = (3, 7)

    @classmethod
    def from_dict(cls, settings: Mapping) -> "AugmentOptions":
        """Build from a config's `augment` section; an unknown key is an InputError naming it."""
        known = {f.name for f in fields(cls)}
        if unknown := sorted(settings.keys() - known):
            raise InputError(f"augment: no such option {unknown[0]!r}; the options are {', '.join(sorted(known))}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})


def random_for(seed: int, name: str) -> np.random.Generator:
    """A generator that depends on the seed and the name alone."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(digest[:8], "little")))


def augmented(data: Mapping[str, Mapping[str, str]], options: AugmentOptions, seed: int) -> dict[str, dict[str, str]]:
    """The files wav.scp, utt2spk, utt2dur and utt2aug of a data directory's augmented copies, clean ones included.

    Args:
        data: content of the clean directory's wav.scp, utt2spk and utt2dur.
        options: what copies are made.
        seed: of all that is drawn.
    """
    out: dict[str, dict[str, str]] = {name: {} for name in ("wav.scp", "utt2spk", "utt2dur", "utt2aug")}
    for utt, spk in data["utt2spk"].items():
        for speed in options.speeds:
            prefix = "" if speed == 1 else f"sp{speed:g}-"
            for copy in range(options.copies + 1):
                name = f"{prefix}{utt}" + (f"-aug{copy}" if copy else "")
                spec = {"speed": f"{speed:g}"}
                if copy:
                    spec |= _draw(random_for(seed, name), utt, data["utt2spk"], options)
                out["wav.scp"][name] = data["wav.scp"][utt]
                out["utt2spk"][name] = prefix + spk
                out["utt2dur"][name] = f"{float(data['utt2dur'][utt]) / speed:.3f}"
                out["utt2aug"][name] = " ".join(f"{k}={v}" for k, v in spec.items())
    return out


def augment_data_dir(data_dir: str | Path, out_dir: str | Path, options: AugmentOptions, seed: int) -> None:
    """Write the data directory of `data_dir`'s augmented copies, clean ones included."""
    files = check_data_dir(data_dir)
    if "utt2dur" not in files:
        raise InputError(f"{data_dir}/utt2dur: no such file; augmentation needs the durations")
    write_data_dir(out_dir, augmented(files, options, seed))


def _draw(rng: np.random.Generator, utt: str, utt2spk: Mapping[str, str], options: AugmentOptions) -> dict[str, str]:
    spec = {}
    if rng.random() < options.room_probability:
        spec |= {"rt60": f"{rng.uniform(*options.rt60):.3f}", "drr": f"{rng.uniform(*options.drr):.2f}"}
    if rng.random() < options.noise_probability or not spec:
        if rng.random() < options.babble_probability:
            others = [u for u in sorted(utt2spk) if utt2spk[u] != utt2spk[utt]]
            low, high = options.babble_talkers
            talkers = rng.choice(others, size=min(len(others), int(rng.integers(low, high + 1))), replace=False)
            spec["babble"] = ",".join(talkers)
        else:
            spec["slope"] = f"{rng.uniform(*options.slope):.2f}"
        spec["snr"] = f"{rng.uniform(*options.snr):.2f}"
    return spec


def parse_spec(text: str, where: str) -> dict[str, str]:
    """A line of utt2aug as a dictionary; raises InputError, naming `where`, for anything else."""
    if not re.fullmatch(r"(speed|rt60|drr|slope|snr|babble)=\S+( (speed|rt60|drr|slope|snr|babble)=\S+)*", text):
        raise InputError(f"{where}: expected 'speed=... rt60=... drr=... slope=...|babble=... snr=...', found {text!r}")
    return dict(item.split("=", 1) for item in text.split(" "))


def change_speed(samples: np.ndarray, speed: float, rate: int) -> np.ndarray:
    """Play (samples,) at `speed` times the speed: tempo and pitch change together (sox speed)."""
    from spkr.audio.read import resample

    percent = round(speed * 100)
    divisor = math.gcd(percent, 100)
    return samples if percent == 100 else resample(samples, percent // divisor, 100 // divisor)


def add_room_and_noise(
    samples: np.ndarray,
    spec: Mapping[str, str],
    rate: int,
    rng: np.random.Generator,
    read: Callable[[str], np.ndarray],
) -> np.ndarray:
    """Reverberate (samples,) and add noise as `spec` says; `read` gives another utterance's samples, for babble."""
    out = samples
    if "rt60" in spec:
        rir = room_response(float(spec["rt60"]), float(spec["drr"]), rate, rng)
        out = fftconvolve(out, rir)[: len(samples)]
    if "snr" in spec:
        if "babble" in spec:
            noise = sum(_fit(read(utt), len(out), rng) for utt in spec["babble"].split(","))
        else:
            noise = coloured_noise(len(out), float(spec["slope"]), rng)
        power = np.mean(np.square(out, dtype=np.float64))
        noise_power = max(np.mean(np.square(noise, dtype=np.float64)), np.finfo(float).tiny)
        out = out + noise * math.sqrt(power / noise_power / 10 ** (float(spec["snr"]) / 10))
    return out.astype(np.float32)


def room_response(rt60: float, drr: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """An impulse response of unit direct sound and a diffuse tail: Gaussian noise that decays by 60 dB in `rt60` s.

    Source: J. D. Polack, "La transmission de l'energie sonore dans les salles", 1988 (the statistical room model).
    """
    delay = round(SPEED_OF_SOUND_DELAY * rate)
    t = np.arange(round(rt60 * rate)) / rate
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / rt60)
    tail *= 10 ** (-drr / 20) / np.linalg.norm(tail)
    return np.concatenate([[1.0], np.zeros(delay - 1), tail])


def coloured_noise(n: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise (n,) whose power falls with frequency as f^slope, flat below 20 bins' worth of hum."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    f = np.maximum(np.arange(len(spectrum)), max(1, len(spectrum) // 100))
    return np.fft.irfft(spectrum * f ** (slope / 2), n)


def _fit(samples: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Loop or cut (samples,) to n from a random place, at unit power: a talker of the babble."""
    samples = np.roll(np.resize(samples, max(n, len(samples))), -int(rng.integers(len(samples))))[:n]
    return samples / max(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))), 1e-9)
