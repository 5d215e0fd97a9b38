"""Recordings as a packed model hears them: samples, how much of them is speech, and what makes a comparison unsure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spkr.audio.channels import Channel
from spkr.audio.decoding import FULL_SCALE, MAX_CLIPPED, MAX_SAMPLE, check_audio, read_audio
from spkr.audio.opening import RATES
from spkr.audio.resampling import resample
from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError

QUIET = 2**15 * 10 ** (-50 / 20)  # a root mean square below -50 dB of full scale
LEAST_COMPARED = 0.25  # seconds of speech; the score of less says next to nothing of a voice
LITTLE_SPEECH = 2.0  # seconds; the scores of shorter speech vary more than results on longer recordings say
NO_SAMPLES = np.empty(0, np.float32)

Audio = str | Path | np.ndarray


@dataclass(frozen=True)
class Sound:
    """A recording at the rate of the features."""

    source: str
    samples: np.ndarray  # (n,) float32 on the scale of 16-bit integers
    seconds: float  # of the recording
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heard:
    """A recording's embedding, and what is known of its quality."""

    source: str
    embedding: np.ndarray = field(repr=False)  # (dim,) float32, as the network gives it
    seconds: float  # of the recording
    speech: float  # seconds of speech found
    warnings: tuple[str, ...] = ()
    vad: str = "energy"  # what found the speech


@dataclass(frozen=True)
class Prepared:
    """A recording, ready for the network."""

    sound: Sound  # without its samples
    speech: float  # seconds
    warnings: tuple[str, ...]
    feats: np.ndarray  # (frames, dim) raw
    used: np.ndarray  # (frames,) bool: those that the network sees


def read_sound(audio: Audio, fe: FrontEnd, rate: int | None = None, channel: Channel = None) -> Sound:
    """A recording, at any rate, as a `Sound`.

    Args:
        audio: a path; or samples (n,), floats from -1 to 1 or 16-bit integers
        rate: Hz, of samples; None: that of the features
        channel: of recordings with several
    Raises InputError for a file as `read_audio` does; for samples of another shape or type, or that are not finite; and
    if there are fewer than fill a frame.
    """
    to = int(fe.sample_frequency)
    if isinstance(audio, np.ndarray):
        source, rate = "array", to if rate is None else rate
        if rate not in RATES:
            raise InputError(f"array: rate {rate!r}; expected a whole number of Hz, {RATES.start} to {RATES.stop - 1}")
        samples, rate = _of_array(audio), int(rate)
        samples = samples if rate == to else resample(samples, rate, to)
    else:
        source = str(audio)
        if rate is not None:
            raise InputError(f"{source}: rate {rate} for a file; expected it for samples only, as a file has its own")
        found = check_audio(source, to, "any", channel=channel)
        rate, samples = found.rate, read_audio(source, to, "any", channel=channel)
    seconds = len(samples) / to
    if len(samples) < fe.min_samples:
        raise InputError(f"{source}: {seconds:.3f} s; expected at least {fe.min_samples / to:g} s, a frame")
    return Sound(source, samples, seconds, tuple(_warnings(samples, rate, to)))


def _of_array(audio: np.ndarray) -> np.ndarray:
    """Samples as float32 on the scale of 16-bit integers."""
    if audio.ndim != 1:
        raise InputError(f"array of shape {audio.shape}; expected samples of one channel, (n,)")
    if audio.dtype == np.int16:
        return audio.astype(np.float32)
    if audio.dtype.kind != "f":
        raise InputError(f"array of {audio.dtype}; expected floats from -1 to 1, or 16-bit integers")
    if not (np.abs(audio) < MAX_SAMPLE).all():  # false with a NaN, too
        raise InputError("array: has samples that are not finite or are too large")
    return audio.astype(np.float32) * 32768


def _warnings(samples: np.ndarray, rate: int, to: int):
    if rate < to:
        yield f"resampled from {rate:,} Hz, so that it has nothing above {rate // 2:,} Hz"
    elif rate > to:
        yield f"resampled from {rate:,} Hz"
    if (share := float((np.abs(samples) >= FULL_SCALE).mean())) > MAX_CLIPPED:
        yield f"clipped: {100 * share:.1f} % of its samples are at full scale"
    if float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) < QUIET:
        yield "very quiet: below -50 dB of full scale"


def check_speech(
    sound: Sound, voiced: np.ndarray, fe: FrontEnd, finder: str, least: float
) -> tuple[float, tuple[str, ...]]:
    """Seconds of speech among the frames (frames,) of a sound, and its warnings.

    Raises InputError if it has no speech, or less than `least` seconds.
    """
    speech = int(np.count_nonzero(voiced)) * fe.frame_shift / 1000
    where = f"in its {sound.seconds:.1f} s (by the {finder} VAD)"
    if not speech:
        raise InputError(f"{sound.source}: no speech found {where}")
    if speech < least:
        raise InputError(f"{sound.source}: {speech:.2f} s of speech {where}; expected {least:g} s or more")
    few = (f"little speech: {speech:.1f} s",) if speech < LITTLE_SPEECH else ()
    return speech, sound.warnings + few


def joined(heard: Sequence[Heard]) -> list[str]:
    """The warnings of several recordings, each with its source."""
    return [f"{one.source}: {warning}" for one in heard for warning in one.warnings]
