"""Reading MP4, Matroska and AAC files (m4a, mp4, mov, webm, mkv, aac), which libsndfile cannot, with PyAV.

When a file is opened, it is decoded to its end, to count its samples and to see that it is whole: headers of these
containers may give no length, or one that includes what decoders drop.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from spkr.errors import DamagedAudio

DEMUXERS = {"MP4": "mp4", "Matroska": "matroska", "AAC": "aac"}  # FFmpeg's, by kind
BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # that an MP4 or QuickTime file may begin with
EBML, SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"  # ids of Matroska's elements
SECOND = 1_000_000  # FFmpeg's units of a container's duration
SLACK = 3  # frames of the codec by which a length in a header may be off: encoders add some at both ends


class Facts(NamedTuple):
    """What decoding a file to its end shows."""

    rate: int  # Hz
    channels: int
    samples: int


def kind_of(head: bytes) -> str | None:
    """The kind of a file that begins like this, of DEMUXERS; None for other files."""
    if head[4:8] in BOXES:
        return "MP4"
    if head.startswith(EBML):
        return "Matroska"
    return "AAC" if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 else None


class Media:
    """The audio stream of an open file, and the lengths in seconds that its header gives; 0 if it gives none."""

    def __init__(self, container, kind: str):
        """Args: an av.container.InputContainer. Raises DamagedAudio unless it has one stream of audio."""
        self.container, streams = container, container.streams.audio
        if len(streams) != 1:
            raise DamagedAudio(f"an {kind} file with {len(streams)} streams of audio; expected one")
        self.audio = streams[0]
        # FFmpeg guesses that of AAC from its bit rate
        self.stated = (container.duration or 0) / SECOND if kind != "AAC" else 0.0
        self.exact = float((self.audio.duration or 0) * self.audio.time_base) if kind == "MP4" else 0.0
        self.end = 0.0  # of what has been read, of all streams

    def frames(self) -> Iterator:
        """Decode the audio, an av.AudioFrame at a time. Raises DamagedAudio if a packet is cut short."""
        for packet in self.container.demux():
            if packet.is_corrupt:
                raise DamagedAudio(f"cut short after {self.end:.2f} s")
            if packet.pts is not None:
                self.end = max(self.end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream is self.audio:
                yield from packet.decode()


@contextmanager
def _opened(file: IO[bytes], kind: str) -> Iterator[Media]:
    """Open a file. It is read through Python and with one demuxer, so that it can name no other file or address."""
    try:
        import av
    except ImportError:
        expected = "expected WAV, FLAC, MP3, Ogg or NIST SPHERE, or the extra av"
        raise DamagedAudio(f"an {kind} file; {expected}", "install it: pip install 'spkr[av]'") from None
    try:
        with av.open(file, format=DEMUXERS[kind], metadata_errors="replace") as container:
            yield Media(container, kind)
    except av.FFmpegError as e:
        raise DamagedAudio(f"an {kind} file that is damaged or cut short ({e.strerror})") from None


def _decoded(file: IO[bytes], kind: str) -> Iterator[np.ndarray]:
    """Decode a file, a block (n, channels) float32 at a time."""
    with _opened(file, kind) as media:
        from av import AudioResampler

        as_floats = AudioResampler(format="fltp")
        for frame in media.frames():
            for floats in as_floats.resample(frame):
                yield floats.to_ndarray().T


class Container:
    """An open file, with what soundfile.SoundFile has for reading from the beginning to the end."""

    subtype = "FLOAT"

    def __init__(self, path: str | Path, content: bytes | None, kind: str):
        """Open a file, or the content of one.

        Raises DamagedAudio if PyAV is not installed, or the file is not whole or has not one stream of audio.
        """
        self.name, self.format = path, kind
        if content is None:
            found = Path(path).stat()
            facts = _facts_of_file(str(path), kind, found.st_mtime_ns, found.st_size)
        else:
            facts = _facts(BytesIO(content), kind)
        self.samplerate, self.channels, self.frames = facts
        self._file = open(path, "rb") if content is None else BytesIO(content)  # noqa: PTH123, SIM115
        self._blocks, self._rest = _decoded(self._file, kind), np.empty((0, self.channels))

    def __enter__(self) -> "Container":
        return self

    def __exit__(self, *error: object) -> None:
        self._blocks.close()
        self._file.close()

    def seekable(self) -> bool:
        """False: seeking is not exact to the sample."""
        return False

    def read(self, n: int, dtype: str = "float32", always_2d: bool = True) -> np.ndarray:
        """The next samples, at most n, (m, channels) float32 from -1 to 1; after `frames`, there may be padding."""
        blocks, length = [self._rest], len(self._rest)
        while length < n and (block := next(self._blocks, None)) is not None:
            blocks.append(block)
            length += len(block)
        joined = np.concatenate(blocks, dtype=np.float32)
        found, self._rest = joined[:n], joined[n:]
        return found


@lru_cache(maxsize=100_000)  # a file is checked before features are computed, and opened for each of its segments
def _facts_of_file(path: str, kind: str, mtime: int, size: int) -> Facts:
    with open(path, "rb") as file:  # noqa: PTH123, as above
        return _facts(file, kind)


def _check_segment(file: IO[bytes]) -> None:
    """Raise DamagedAudio if a Matroska file ends before its segment does. Source: RFC 8794, section 4; RFC 9559."""
    length = file.seek(0, 2)
    file.seek(len(EBML))
    file.seek(_size(file) or 0, 1)
    if file.read(4) == SEGMENT and (size := _size(file)) is not None and file.tell() + size > length:
        raise DamagedAudio(f"cut short after {length} bytes; its header says {file.tell() + size}")
    file.seek(0)


def _size(file: IO[bytes]) -> int | None:
    """The size of an EBML element, in a variable number of bytes; None if it is unknown or missing."""
    first = int.from_bytes(file.read(1))
    more = 8 - first.bit_length()  # bytes that follow
    value = int.from_bytes(bytes([first & 0x7F >> more]) + file.read(more)) if more < 8 else 0
    return value if more < 8 and value != (1 << 7 * (more + 1)) - 1 else None


def _facts(file: IO[bytes], kind: str) -> Facts:
    """Decode a file to its end. Raises DamagedAudio if it has less than its header says, or more."""
    if kind == "Matroska":
        _check_segment(file)
    longest, samples, shapes = 0, 0, set()
    with _opened(file, kind) as media:
        for frame in media.frames():
            shapes.add((frame.sample_rate, frame.layout.nb_channels))
            samples, longest = samples + frame.samples, max(longest, frame.samples)
    if len(shapes) > 1:
        raise DamagedAudio(f"changes its sampling rate or channels: {sorted(shapes)}; expected one of each")
    rate, channels = shapes.pop() if shapes else (1000, 1)
    slack = SLACK * longest / rate
    if media.end < media.stated - slack:
        raise DamagedAudio(f"cut short after {media.end:.2f} s; its header says {media.stated:.2f} s")
    if media.exact and samples / rate > media.exact + slack:
        raise DamagedAudio(f"has {samples / rate:.2f} s of audio; its header says {media.exact:.2f} s")
    return Facts(rate, channels, min(samples, round(media.exact * rate)) if media.exact else samples)


def is_longer(path: str | Path, seconds: float) -> bool:
    """Whether a file of these kinds has more audio than `seconds`; it is not decoded further than that.

    A small file may hold days of silence. False for files of other kinds, and for those that are damaged before.
    """
    with suppress(DamagedAudio), open(path, "rb") as file:  # noqa: PTH123, as above
        kind, heard = kind_of(file.read(16)), 0.0
        file.seek(0)
        if kind is None:
            return False
        with _opened(file, kind) as media:
            for frame in media.frames():
                heard += frame.samples / frame.sample_rate
                if heard > seconds:
                    return True
    return False
