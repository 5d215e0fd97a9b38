"""Reading audio: WAV, FLAC, NIST SPHERE and more through libsndfile, resampled on the way where that is allowed.

What is read is named as in a wav.scp: a path, or a command and `|` that writes audio to its output, as in
`sph2pipe -f wav -p x.sph |`. A command is run only where that is allowed (feats.allow_pipes).
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from spkr.errors import InputError
from spkr.kaldi.rules import MAX_OVERSHOOT

STREAM = 0x7FFFF000  # such a size of a WAV file's data, or more, is written where it is not known (sox, ffmpeg)


def read_audio(
    source: str | Path,
    rate: int,
    allow_downsample: bool = False,
    allow_pipes: bool = False,
    start: float = 0.0,
    end: float = -1.0,
    first_channel: bool = False,
) -> np.ndarray:
    """Read one channel of audio as float32 on the scale of 16-bit integers, as Kaldi takes it: (samples,).

    Only the part from `start` to `end` seconds (-1: its end) is decoded where the format can be sought in. Raises
    InputError, naming the source, where it is missing, unreadable, cut short or empty, where its command fails or is
    not allowed, where it has more than one channel (unless the `first_channel` is asked for), samples that are not
    finite, or another sampling rate than `rate` Hz (a higher one is resampled if `allow_downsample`), or where it ends
    before the part does, as extract-segments has it.
    """
    with _at_rate(source, rate, allow_downsample, allow_pipes, first_channel) as f:
        first, last = sample_range(source, f, start, end)
        f.seek(first)
        samples = f.read(last - first, dtype="float32", always_2d=True)[:, 0] * 32768
    if len(samples) < last - first:
        raise InputError(f"{source}: cut short after {first + len(samples)} samples; replace the file")
    if not np.isfinite(samples).all():
        raise InputError(f"{source}: has samples that are not finite; replace the file")
    return samples if f.samplerate == rate else resample(samples, f.samplerate, rate)


def check_audio(
    source: str | Path,
    rate: int,
    allow_downsample: bool = False,
    allow_pipes: bool = False,
    start: float = 0.0,
    end: float = -1.0,
    first_channel: bool = False,
) -> None:
    """Raise InputError as `read_audio` does, for what a file's header shows; a command that is allowed is not run."""
    if allow_pipes and is_command(source):
        return
    with _at_rate(source, rate, allow_downsample, allow_pipes, first_channel) as f:
        sample_range(source, f, start, end)


def is_command(source: str | Path) -> bool:
    """Whether a value of wav.scp is a command, whose output is the audio."""
    return str(source).endswith("|")


@contextmanager
def open_audio(
    source: str | Path, allow_pipes: bool = False, first_channel: bool = False
) -> Iterator[soundfile.SoundFile]:
    """Open audio of one channel, or of more if the first is asked for.

    Raises InputError as `read_audio` does, for what is wrong with all of it.
    """
    try:
        with _decoder(source, allow_pipes) as f:
            if not f.frames:
                raise InputError(f"{source}: the audio file has no samples; replace or remove it")
            if f.channels != 1 and not first_channel:
                raise InputError(f"{source}: {f.channels} channels; expected one")
            yield f
    except (soundfile.SoundFileError, TypeError) as e:  # TypeError: a name that libsndfile takes for headerless audio
        raise InputError(f"{source}: not readable as audio ({e}); replace the file") from None


@contextmanager
def _at_rate(
    source: str | Path, rate: int, allow_downsample: bool, allow_pipes: bool, first_channel: bool
) -> Iterator[soundfile.SoundFile]:
    with open_audio(source, allow_pipes, first_channel) as f:
        if f.samplerate != rate and not (allow_downsample and f.samplerate > rate):
            raise InputError(f"{source}: sampled at {f.samplerate} Hz; expected {rate} Hz (feats.sample_frequency)")
        yield f


def sample_range(source: str | Path, f: soundfile.SoundFile, start: float, end: float) -> tuple[int, int]:
    """The first sample of a part, and the one after its last: extract-segments' rounding and overshoot.

    Raises InputError where the part begins behind the end, or ends MAX_OVERSHOOT seconds behind it or more.
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
    """Open a file or a command's output, whether or not its header knows how long it is."""
    if is_command(source):
        if not allow_pipes:
            raise InputError(
                f"{source}: a command; expected an audio file: set feats.allow_pipes to true (spkr data: --allow-pipes)"
                " if it may be run, or run it, and name what it wrote"
            )
        content = _output(str(source))
    elif os.path.isfile(source):  # noqa: PTH113, a Path takes much of the time of a short file
        content = None
    else:
        raise InputError(f"{source}: no such audio file; was the corpus moved or deleted after data preparation?")
    f = soundfile.SoundFile(source if content is None else BytesIO(content))
    if f.format == "WAV" and not f.frames:  # 0 may mean that the length was not known; libsndfile then wants 8 before
        content = content or Path(source).read_bytes()
        return soundfile.SoundFile(BytesIO(content[:4] + b"\x08\0\0\0" + content[8:]))
    if _is_cut_short(f, source if content is None else content):
        raise InputError(f"{source}: cut short after {f.frames} samples, fewer than its header says; replace the file")
    return f


def _is_cut_short(f: soundfile.SoundFile, content: str | Path | bytes) -> bool:
    """Whether there is less than a header says, of which libsndfile reads what there is."""
    if f.format == "NIST":
        with BytesIO(content) if isinstance(content, bytes) else Path(content).open("rb") as g:
            count = re.search(rb"sample_count -i (\d+)", g.read(1024))
        return bool(count) and f.frames < int(count[1])
    size = re.search(r"^data : (\d+) \(should be", f.extra_info, re.MULTILINE) if f.format in ("WAV", "WAVEX") else None
    return bool(size) and int(size[1]) < STREAM


@lru_cache(maxsize=1)  # segments of one recording follow each other
def _output(source: str) -> bytes:
    """What a command writes; InputError with the end of its stderr where it fails or writes nothing."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", source[:-1]], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode or not done.stdout:
        what = f"failed with exit status {done.returncode}" if done.returncode else "wrote nothing"
        said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
        raise InputError(f"{source}: the command {what}; its last words: {said or '(none)'}")
    return done.stdout


def resample(samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Resample (samples,) float32 with torchaudio's windowed sinc."""
    import torch
    from torchaudio.functional import resample as sinc_resample

    return sinc_resample(torch.from_numpy(samples), rate, new_rate).numpy()
