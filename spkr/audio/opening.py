"""Opening audio with libsndfile or PyAV: a file, or the output of a command. Its header is checked first.

A source is given as in wav.scp: a path, or a command that writes audio to its standard output, followed by `|`, such
as `sph2pipe -f wav -p x.sph |`. A command is run only if feats.allow_pipes allows it.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from stat import S_ISDIR

import soundfile

from spkr.audio.channels import Channel, check_channel
from spkr.audio.containers import Container, kind_of
from spkr.audio.headers import SHORTENED, check_header, is_shortened, is_stream, read_head
from spkr.audio.mpeg import with_length
from spkr.errors import DamagedAudio, InputError
from spkr.kaldi.rules import is_command

RATES = range(1000, 400_000)  # Hz; other values come from damaged headers, and a block of 0.1 s would fill the memory


class Decoder(soundfile.SoundFile):
    """A sound file whose samples do not depend on where reading begins.

    In MP3 and Vorbis, libsndfile seeks inexactly, or decodes a frame without the frames that it depends on. SoundFile
    seeks after each block if the file is seekable.
    """

    def seekable(self) -> bool:
        """Whether seeking is exact to the sample."""
        return self.format not in ("MP3", "OGG") and super().seekable()


@contextmanager
def open_audio(
    source: str | Path, allow_pipes: bool = False, channel: Channel = None
) -> Iterator[soundfile.SoundFile | Container]:
    """Open audio that has this channel, or one channel if it is None.

    Raises InputError as `read_audio` does, except for faults of samples and of the part.
    """
    try:
        with _decoder(source, allow_pipes) as f:
            if not f.frames:
                raise InputError(f"{source}: the audio file has no samples; replace or remove it")
            check_channel(source, f.channels, channel)
            if f.samplerate not in RATES:
                expected = f"{RATES.start} to {RATES.stop - 1} Hz"
                raise InputError(f"{source}: sampled at {f.samplerate} Hz; expected {expected}; replace the file")
            if not isinstance(f, Container):  # those are checked when they are opened
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


def _why_no_file(source: str | Path) -> str:
    """Why a source is not a regular file, and what to do."""
    try:
        mode = Path(source).stat().st_mode
    except FileNotFoundError:
        return "no such audio file; was it moved or deleted?"
    except (OSError, ValueError) as e:  # ValueError of a NUL byte
        return f"cannot be read ({getattr(e, 'strerror', e)}); expected an audio file"
    return f"a {'folder' if S_ISDIR(mode) else 'device, pipe or socket'}; expected an audio file"


def _decoder(source: str | Path, allow_pipes: bool) -> soundfile.SoundFile | Container:
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
    except UnicodeEncodeError:
        raise InputError(f"{str(source)!r}: bytes that are not UTF-8 in the name; rename the file") from None
    except TypeError:
        raise InputError(f"{source}: not readable as audio (its name is that of headerless audio); rename it") from None
    except soundfile.LibsndfileError:
        with suppress(OSError):  # _why_unreadable names it
            if kind := kind_of(content or read_head(source)):
                return Container(source, content, kind)
        raise
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
