"""Reading audio: WAV, FLAC, NIST SPHERE and more through libsndfile, resampled if that is allowed.

A source is given as in wav.scp: a path, or a command that writes audio to its standard output, followed by `|`, such
as `sph2pipe -f wav -p x.sph |`. A command is run only if feats.allow_pipes allows it.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from math import gcd
from pathlib import Path
from stat import S_ISDIR
from typing import NamedTuple

import numpy as np
import soundfile

from spkr.audio.headers import SHORTENED, FlacSum, check_header, is_shortened, is_stream, read_head
from spkr.audio.mpeg import with_length
from spkr.audio.resampling import piece_size, resample, resample_pieces, resampled_length
from spkr.errors import DamagedAudio, InputError
from spkr.kaldi.rules import MAX_OVERSHOOT, is_command

RATES = range(1000, 400_000)  # Hz; other values come from damaged headers, and a block of 0.1 s would fill the memory
MAX_FILTER = 4_000_000  # coefficients of a resampling filter; 44,100 to 16,000 Hz needs 70,560, 44,101 far more
MAX_SAMPLE = 2.0**31  # full scale should be 1, but not all files keep to it; the energy is still finite
BLOCK = 1 << 22  # samples decoded at once: a header may announce more samples than fit into memory


class Decoder(soundfile.SoundFile):
    """A sound file whose samples do not depend on where reading begins.

    In MP3 and Vorbis, libsndfile seeks inexactly, or decodes a frame without the frames that it depends on. SoundFile
    seeks after each block if the file is seekable.
    """

    def seekable(self) -> bool:
        """Whether seeking is exact to the sample."""
        return self.format not in ("MP3", "OGG") and super().seekable()


def read_audio(
    source: str | Path,
    rate: int,
    resampling: str = "never",
    allow_pipes: bool = False,
    start: float = 0.0,
    end: float = -1.0,
    first_channel: bool = False,
) -> np.ndarray:
    """Read one channel of audio as (samples,) float32 on the scale of 16-bit integers, as Kaldi does.

    If the format is seekable, only the part from `start` to `end` seconds (-1: the end of the file) is decoded.

    Raises InputError, naming the source, if
    - it is missing, unreadable, cut short or empty, or its command fails or is not allowed;
    - it has more than one channel and `first_channel` is false, or samples that are not finite;
    - its sampling rate is not `rate` Hz and `resampling` (feats.resample) does not allow it;
    - it ends before `end`, by the rule of Kaldi's extract-segments.
    """
    with _at_rate(source, rate, resampling, allow_pipes, first_channel) as f:
        first, last = sample_range(source, f, start, end)
        size = piece_size(f.samplerate, rate)
        if f.samplerate != rate and last - first > size:  # hours at the original rate may not fit into memory
            return resample_pieces(decode(source, f, first, last, size), last - first, f.samplerate, rate)
        samples = _joined(list(decode(source, f, first, last)))
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
    with open_audio(file, first_channel=True) as f:
        seconds = f.frames / f.samplerate
    end = seconds if count is None else start + (count + 1) / rate
    last = end if end < seconds else -1
    return read_audio(file, rate, resampling, start=start, end=last, first_channel=True)[:count]


def decode(
    source: str | Path, f: soundfile.SoundFile, first: int, last: int, size: int = BLOCK
) -> Iterator[np.ndarray]:
    """Yield blocks (samples,) of an open file's first channel, from sample `first` to `last`, of at most `size`.

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
        samples = block[:, 0].astype(np.float32)
        yield samples if dtype == "int16" else samples * 32768
    if flac:
        flac.check()


def _skip_to(f: soundfile.SoundFile, first: int) -> None:
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
    first_channel: bool = False,
) -> Extent | None:
    """Check a file by its header. Raises InputError as `read_audio` does, for faults that the header shows.

    Returns None for a command that is allowed, which is not run.
    """
    if allow_pipes and is_command(source):
        return None
    with _at_rate(source, rate, resampling, allow_pipes, first_channel) as f:
        first, last = sample_range(source, f, start, end)
        return Extent(f.samplerate, resampled_length(last - first, f.samplerate, rate))


@contextmanager
def open_audio(
    source: str | Path, allow_pipes: bool = False, first_channel: bool = False
) -> Iterator[soundfile.SoundFile]:
    """Open audio of one channel, or of several if `first_channel`.

    Raises InputError as `read_audio` does, except for faults of samples and of the part.
    """
    try:
        with _decoder(source, allow_pipes) as f:
            if not f.frames:
                raise InputError(f"{source}: the audio file has no samples; replace or remove it")
            if f.channels != 1 and not first_channel:
                raise InputError(f"{source}: {f.channels} channels; expected one")
            if f.samplerate not in RATES:
                expected = f"{RATES.start} to {RATES.stop - 1} Hz"
                raise InputError(f"{source}: sampled at {f.samplerate} Hz; expected {expected}; replace the file")
            check_header(f)
            yield f
    except DamagedAudio as e:
        raise InputError(f"{source}: {e}; {e.remedy}") from None
    except soundfile.LibsndfileError as e:
        raise InputError(f"{source}: {_why_unreadable(source, e)}") from None


def _why_unreadable(source: str | Path, error: soundfile.LibsndfileError) -> str:
    """Why libsndfile cannot read an audio file, and what to do."""
    try:
        head = _output(source) if is_command(source) else read_head(source)
    except OSError as e:
        return f"cannot be read ({e.strerror}); check its permissions and the disk"
    if not head:
        return "not readable as audio (the file is empty); replace or remove it"
    if is_shortened(head):
        return SHORTENED
    return f"not readable as audio ({error.error_string.rstrip('.')}); replace the file"


@contextmanager
def _at_rate(
    source: str | Path, rate: int, resampling: str, allow_pipes: bool, first_channel: bool
) -> Iterator[soundfile.SoundFile]:
    with open_audio(source, allow_pipes, first_channel) as f:
        _check_rate(source, f.samplerate, rate, resampling)
        if f.samplerate * rate > MAX_FILTER * gcd(f.samplerate, rate) ** 2:
            raise InputError(
                f"{source}: sampled at {f.samplerate} Hz; expected {rate} Hz, or a rate with a larger common divisor"
            )
        yield f


def _why_no_file(source: str | Path) -> str:
    """Why a source is not a regular file, and what to do."""
    try:
        mode = Path(source).stat().st_mode
    except FileNotFoundError:
        return "no such audio file; was the corpus moved or deleted after data preparation?"
    except (OSError, ValueError) as e:  # ValueError of a NUL byte
        return f"cannot be read ({getattr(e, 'strerror', e)}); expected an audio file"
    return f"a {'folder' if S_ISDIR(mode) else 'device, pipe or socket'}; expected an audio file"


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


def sample_range(source: str | Path, f: soundfile.SoundFile, start: float, end: float) -> tuple[int, int]:
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


def _decoder(source: str | Path, allow_pipes: bool) -> soundfile.SoundFile:
    """Open a file or the output of a command. The header need not give the length."""
    if is_command(source):
        if not allow_pipes:
            raise InputError(
                f"{source}: a command; expected an audio file: set feats.allow_pipes to true (spkr data: --allow-pipes)"
                " to run it, or run it yourself and name its output file"
            )
        content = _output(str(source))
    elif os.path.isfile(source):  # noqa: PTH113, a Path takes much of the time of a short file
        content = None
    else:
        raise InputError(f"{source}: {_why_no_file(source)}")
    try:
        f = Decoder(source if content is None else BytesIO(content))
    except TypeError:
        raise InputError(f"{source}: not readable as audio (its name is that of headerless audio); rename it") from None
    if f.format == "WAV" and not f.frames and is_stream(f):  # libsndfile expects a RIFF size of 8 then
        content = content or Path(source).read_bytes()
        return Decoder(BytesIO(content[:4] + b"\x08\0\0\0" + content[8:]))
    if f.format == "MP3" and (known := with_length(content or Path(source).read_bytes())):
        return Decoder(BytesIO(known))
    return f


@lru_cache(maxsize=1)  # segments of one recording follow each other
def _output(source: str) -> bytes:
    """The output of a command. Raises InputError with the end of its stderr if it fails or writes nothing."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", source[:-1]], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode or not done.stdout:
        what = f"failed with exit status {done.returncode}" if done.returncode else "wrote nothing"
        said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
        raise InputError(f"{source}: the command {what}; stderr: {said or '(empty)'}")
    return done.stdout
