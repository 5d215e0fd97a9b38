"""Durations and fingerprints of many audio files from their headers, and why some files cannot be used."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from spkr.audio.channels import Channel
from spkr.audio.fingerprint import fingerprint
from spkr.audio.opening import open_audio
from spkr.errors import InputError

T = TypeVar("T")
CHUNK = 500  # files given to a process at a time


def of_files(read: Callable[[str], T], files: Collection[str], jobs: int) -> list[T]:
    """What `read` finds in each file, by `jobs` processes if there are many files."""
    if jobs > 1 and len(files) > CHUNK:
        with ProcessPoolExecutor(jobs) as pool:
            return list(pool.map(read, files, chunksize=CHUNK))
    return list(map(read, files))


@dataclass
class Headers:
    """What is known of recordings from their headers."""

    seconds: dict[str, str] = field(default_factory=dict)  # by recording
    sums: dict[str, str] = field(default_factory=dict)  # fingerprints, by recording
    bad: dict[str, str] = field(default_factory=dict)  # why a file cannot be used, by recording


def read_headers(paths: Mapping[str, str], sample_rate: int, jobs: int, channel: Channel = None) -> Headers:
    """Read the headers of recordings, `jobs` files at a time.

    Args: `paths` maps recordings to audio files. A sampling rate above `sample_rate` Hz is accepted. Files
    without `channel`, or with several if it is None, cannot be used.
    """
    read, found = partial(_read, sample_rate=sample_rate, channel=channel), Headers()
    results = of_files(read, paths.values(), jobs)
    for recording, (seconds, result) in zip(paths, results, strict=True):
        if seconds is None:
            found.bad[recording] = result
        else:
            found.seconds[recording], found.sums[recording] = f"{seconds:.6f}", result
    return found


def _read(path: str, sample_rate: int, channel: Channel) -> tuple[float | None, str]:
    """Seconds and fingerprint of an audio file; or None, and why it cannot be used."""
    try:
        return read_seconds(path, sample_rate, channel), fingerprint(path)
    except InputError as e:
        return None, str(e).removeprefix(f"{path}: ")


def read_seconds(path: str | Path, sample_rate: int, channel: Channel = None) -> float:
    """The duration that the header of an audio file gives. Raises InputError if the file cannot be used."""
    with open_audio(path, channel=channel) as f:
        if f.samplerate < sample_rate:
            raise InputError(f"{path}: sampled at {f.samplerate} Hz; expected {sample_rate} Hz or more")
        return f.frames / f.samplerate
