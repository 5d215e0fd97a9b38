"""Reading audio of any container that `open_audio` opens, one channel of it, resampled if that is allowed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from spkr.audio.channels import Channel, picked
from spkr.audio.containers import Container
from spkr.audio.headers import FlacSum
from spkr.audio.opening import open_audio
from spkr.audio.resampling import piece_size, resample, resample_pieces, resampled_length
from spkr.errors import InputError
from spkr.kaldi.rules import MAX_OVERSHOOT, is_command

FULL_SCALE = 2**15 - 1  # of 16 bits
MAX_CLIPPED = 0.001  # share of the samples at full scale; a recording with more is called clipped
MAX_SAMPLE = 2.0**31  # full scale should be 1, but not all files keep to it; the energy is still finite
BLOCK = 1 << 22  # samples decoded at once: a header may announce more samples than fit into memory

Audio = soundfile.SoundFile | Container  # open


def read_audio(
    source: str | Path,
    rate: int,
    resampling: str = "never",
    allow_pipes: bool = False,
    start: float = 0.0,
    end: float = -1.0,
    channel: Channel = None,
) -> np.ndarray:
    """Read one channel of audio, or the mean of all, as (samples,) float32 on the scale of 16-bit integers.

    If the format is seekable, only the part from `start` to `end` seconds (-1: the end of the file) is decoded.

    Raises InputError, naming the source, if

    - it is missing, unreadable, cut short or empty, or its command fails or is not allowed;
    - it does not have `channel`, has several if that is None, or has samples that are not finite;
    - its sampling rate is not `rate` Hz and `resampling` (feats.resample) does not allow it;
    - it ends before `end`, by the rule of Kaldi's extract-segments.
    """
    with _at_rate(source, rate, resampling, allow_pipes, channel) as f:
        first, last = sample_range(source, f, start, end)
        size = piece_size(f.samplerate, rate)
        if f.samplerate != rate and last - first > size:  # hours at the original rate may not fit into memory
            return resample_pieces(decode(source, f, first, last, channel, size), last - first, f.samplerate, rate)
        samples = _joined(list(decode(source, f, first, last, channel)))
    return samples if f.samplerate == rate else resample(samples, f.samplerate, rate)


def _joined(blocks: list[np.ndarray]) -> np.ndarray:
    """Join blocks to one array. The list is emptied meanwhile, so that long audio is not in memory twice."""
    if len(blocks) == 1:
        return blocks[0]
    out, at = np.empty(sum(map(len, blocks)), np.float32), 0
    blocks.reverse()
    while blocks:
        block = blocks.pop()
        out[at : at + len(block)] = block
        at += len(block)
    return out


def read_part(file: str, rate: int, resampling: str, start: float, count: int | None) -> np.ndarray:
    """Read the first channel of a file from `start` seconds, at most `count` samples at `rate` Hz (None: all).

    Raises InputError as `read_audio` does.
    """
    with open_audio(file, channel=0) as f:
        seconds = f.frames / f.samplerate
    end = seconds if count is None else start + (count + 1) / rate
    last = end if end < seconds else -1
    return read_audio(file, rate, resampling, start=start, end=last, channel=0)[:count]


def decode(
    source: str | Path, f: Audio, first: int, last: int, channel: Channel = None, size: int = BLOCK
) -> Iterator[np.ndarray]:
    """Yield blocks (samples,) of one channel of an open file, from sample `first` to `last`, of at most `size`.

    Samples are float32 on the scale of 16-bit integers. 16-bit files are read as integers, which takes half the time.

    Raises InputError, naming the source, if samples are missing, not finite or huge, or if a FLAC file that is decoded
    as a whole does not match its checksum.
    """
    _skip_to(f, first)
    flac = FlacSum(f) if (first, last) == (0, f.frames) else None
    dtype = "int16" if f.subtype == "PCM_16" else "float32"
    at = first
    while at < last:
        block = f.read(min(size, last - at), dtype=dtype, always_2d=True)
        at += len(block)
        if not len(block):
            raise InputError(f"{source}: cut short after {at} samples; replace the file")
        if dtype == "float32" and not -MAX_SAMPLE < block.min() <= block.max() < MAX_SAMPLE:  # false with a NaN, too
            raise InputError(f"{source}: has samples that are not finite or are too large; replace the file")
        if flac:
            flac.update(block)
        samples = picked(block, channel)
        yield samples if dtype == "int16" else samples * 32768
    if flac:
        flac.check()


def _skip_to(f: Audio, first: int) -> None:
    """Skip to a sample of a file that was just opened."""
    if first and f.seekable():
        f.seek(first)
        return
    while first > 0:
        first -= len(f.read(min(first, BLOCK), dtype="float32")) or first


class Extent(NamedTuple):
    """What a header says about a part of a recording."""

    rate: int  # Hz, of the file
    samples: int  # of the part, after resampling


def check_audio(
    source: str | Path,
    rate: int,
    resampling: str = "never",
    allow_pipes: bool = False,
    start: float = 0.0,
    end: float = -1.0,
    channel: Channel = None,
) -> Extent | None:
    """Check a file by its header. Raises InputError as `read_audio` does, for faults that the header shows.

    Returns None for a command that is allowed, which is not run.
    """
    if allow_pipes and is_command(source):
        return None
    with _at_rate(source, rate, resampling, allow_pipes, channel) as f:
        first, last = sample_range(source, f, start, end)
        return Extent(f.samplerate, resampled_length(last - first, f.samplerate, rate))


@contextmanager
def _at_rate(source: str | Path, rate: int, resampling: str, allow_pipes: bool, channel: Channel) -> Iterator[Audio]:
    with open_audio(source, allow_pipes, channel) as f:
        _check_rate(source, f.samplerate, rate, resampling)
        yield f


def _check_rate(source: str | Path, found: int, rate: int, resampling: str) -> None:
    if found == rate or resampling == "any" or (resampling == "down" and found > rate):
        return
    remedy = (
        "down to resample higher rates"
        if found > rate
        else f"any to resample lower rates, too (the speech then has nothing above {found // 2} Hz)"
    )
    raise InputError(
        f"{source}: sampled at {found} Hz; expected {rate} Hz (feats.sample_frequency); set feats.resample to {remedy}"
    )


def sample_range(source: str | Path, f: Audio, start: float, end: float) -> tuple[int, int]:
    """The first sample of a part and the one after its last, rounded as Kaldi's extract-segments does.

    Raises InputError if the part begins after the end of the audio, or ends MAX_OVERSHOOT seconds after it or more.
    """
    first, last = int(start * f.samplerate), int(end * f.samplerate) if end != -1 else f.frames
    if first >= f.frames or last >= f.frames + int(MAX_OVERSHOOT * f.samplerate):
        raise InputError(
            f"{source}: {f.frames / f.samplerate:g} seconds long; its segment from {start:g} to {end:g} s is not inside"
        )
    if first >= last:
        raise InputError(f"{source}: its segment from {start:g} to {end:g} s has no samples; remove it")
    return first, min(last, f.frames)
