"""What the headers of many audio files say: durations and sums, and what is wrong with those that cannot be used."""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from spkr.audio.decoding import open_audio
from spkr.audio.fingerprint import fingerprint
from spkr.errors import InputError

CHUNK = 500  # files that a process takes at a time


@dataclass
class Headers:
    """Of each recording that can be used, the seconds and the sum; of each other one, by file name, the reason."""

    seconds: dict[str, str] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)


def read_headers(paths: Mapping[str, str], sample_rate: int, jobs: int) -> Headers:
    """Read the headers of recordings, `jobs` files at a time.

    Args: paths are recording -> audio file; a sampling rate above `sample_rate` Hz is as good.
    """
    read, found = partial(_read, sample_rate=sample_rate), Headers()
    if jobs > 1 and len(paths) > CHUNK:
        with ProcessPoolExecutor(jobs) as pool:
            results = list(pool.map(read, paths.values(), chunksize=CHUNK))
    else:
        results = map(read, paths.values())
    for (recording, path), (seconds, result) in zip(paths.items(), results, strict=True):
        if seconds is None:
            found.bad[Path(path).name] = result
        else:
            found.seconds[recording], found.sums[recording] = f"{seconds:.6f}", result
    return found


def _read(path: str, sample_rate: int) -> tuple[float | None, str]:
    """Seconds and sum of an audio file; or None, and what is wrong with it."""
    try:
        return read_seconds(path, sample_rate), fingerprint(path)
    except InputError as e:
        return None, str(e).removeprefix(f"{path}: ")


def read_seconds(path: str | Path, sample_rate: int) -> float:
    """Duration by the header of an audio file; InputError says what is wrong with it."""
    with open_audio(path) as f:
        if f.samplerate < sample_rate:
            raise InputError(f"{path}: sampled at {f.samplerate} Hz; expected {sample_rate} Hz or more")
        return f.frames / f.samplerate
