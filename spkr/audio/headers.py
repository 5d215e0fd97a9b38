"""Whether a sound file is what its header says: libsndfile reads what there is, and does not mind.

A file is refused where it has fewer samples than its header says (it was cut short) or more (a size in it is wrong),
where its header contradicts itself, and where a FLAC file's samples are not those that were encoded. An unknown
length is none of these: of WAV, where the data's size is 0 or STREAM and more, as of tools that write to a pipe, all
that follows is samples.
"""

import hashlib
import re
import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
import soundfile

from spkr.audio.mpeg import check_mpeg
from spkr.audio.ogg import check_ogg
from spkr.errors import DamagedAudio

STREAM = 0x7FFFF000  # such a size of a WAV file's data, or more, is written where it is not known (sox, ffmpeg)
ENDLESS = 2**63 - 1  # libsndfile's number of samples of a FLAC file that does not say it
RIFF = ("WAV", "WAVEX")
MARKED = ("RF64", "W64", "AIFF", "AU", "CAF")  # libsndfile's log says where one of their chunks is cut short
READABLE = (*RIFF, "FLAC", "NIST", *MARKED, "OGG", "MP3")
LINEAR = {1, 3, 6, 7, 0xFFFE}  # format tags of WAV: each sample has bytes of its own

SHORTENED = (
    "a SPHERE file compressed with shorten, which is not read; convert it (sph2pipe -f wav FILE FILE.wav), or name "
    "`sph2pipe -f wav FILE |` in wav.scp and set feats.allow_pipes to true"
)


def raw(f: soundfile.SoundFile) -> IO[bytes]:
    """The bytes that an open sound file is decoded from, as a file of their own."""
    return BytesIO(f.name.getvalue()) if isinstance(f.name, BytesIO) else open(f.name, "rb")  # noqa: PTH123, faster


def check_header(f: soundfile.SoundFile) -> None:
    """Raise DamagedAudio where a file that was just opened is of no READABLE format, or shows that it is not whole."""
    if f.format not in READABLE:
        raise DamagedAudio(f"a {f.format} file; expected WAV, FLAC or NIST SPHERE")
    if f.frames == ENDLESS:
        raise DamagedAudio("does not say how many samples it has, as it was written to a pipe; encode it anew")
    with raw(f) as file:
        if f.format in RIFF:
            _check_riff(file, f.frames)
        elif f.format == "NIST":
            _check_sphere(file, f.frames)
        elif f.format == "OGG":
            check_ogg(file.read())
        elif f.format == "MP3":
            check_mpeg(file.read(), f.frames)
        elif f.format in MARKED and "(should be" in f.extra_info:
            raise _cut_short(f.frames)


def _cut_short(frames: int) -> DamagedAudio:
    return DamagedAudio(f"cut short after {frames} samples, fewer than its header says")


def _too_long(frames: int) -> DamagedAudio:
    return DamagedAudio(f"goes on behind the {frames} samples that its header says it has")


def read_head(path: str | Path) -> bytes:
    """The first kilobyte of a file, which is SPHERE's header; OSError where it cannot be read."""
    with Path(path).open("rb") as file:
        return file.read(1024)


def is_shortened(head: bytes) -> bool:
    """Whether this is the head of a SPHERE file whose samples are compressed with shorten."""
    return head.startswith(b"NIST_1A") and b"embedded-shorten" in head


def is_stream(f: soundfile.SoundFile) -> bool:
    """Whether a WAV file without samples by its header has some, as its length was not known."""
    with raw(f) as file:
        order, begin, length, _ = _find_data(file)
        return length == 0 and not _are_chunks(file, order, begin, file.seek(0, 2))


def _check_riff(file: IO[bytes], frames: int) -> None:
    order, begin, length, width = _find_data(file)
    end, size = begin + length, file.seek(0, 2)
    if not length or (length >= STREAM and end > size):
        return
    if end > size:
        raise _cut_short(frames)
    if width and length % width:
        raise DamagedAudio(f"has {length} bytes of samples of {width} bytes each; a size in its header is wrong")
    if end == size:
        return
    file.seek(4)
    stated = 8 + struct.unpack(order + "I", file.read(4))[0]
    if not _are_chunks(file, order, end + length % 2, min(size, stated) if stated >= end else size):
        raise _too_long(frames)


def _find_data(file: IO[bytes]) -> tuple[str, int, int, int]:
    """Byte order, where the samples begin, their size in bytes by the header, and that of one of all channels or 0."""
    file.seek(0)
    order = ">" if file.read(4) == b"RIFX" else "<"
    width = 0
    for name, begin, length in _chunks(file, order, 12):
        if name == b"data":
            return order, begin, length, width
        if name == b"fmt ":
            file.seek(begin)
            tag, channels, rate, byte_rate, width, bits = struct.unpack(order + "HHIIHH", file.read(16).ljust(16))
            if tag not in LINEAR:
                width = 0
            elif width != channels * -(-bits // 8) or byte_rate != rate * width:
                raise DamagedAudio(
                    "its header contradicts itself about the size of a sample, or the number in a second"
                )
    raise DamagedAudio("has no samples where its header says")


def _chunks(file: IO[bytes], order: str, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, beginning and length of each chunk from byte `at` on, up to what is none."""
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or not re.fullmatch(rb"[ -~]{4}", head[:4]):
            return
        name, length = struct.unpack(order + "4sI", head)
        yield name, at + 8, length
        at += 8 + length + length % 2


def _are_chunks(file: IO[bytes], order: str, at: int, end: int) -> bool:
    """Whether the bytes from `at` to `end` are chunks, or none."""
    for _, begin, length in _chunks(file, order, at):
        if at >= end:
            break
        at = begin + length + length % 2
    return end <= at <= end + 1  # the last one need not be padded


def _check_sphere(file: IO[bytes], frames: int) -> None:
    head = file.read(1024)
    length = head[8:16].strip()
    head += file.read(min(int(length), 1 << 16) - 1024) if length.isdigit() and int(length) > 1024 else b""
    size = file.seek(0, 2)
    stated = dict(re.findall(rb"^(sample_count|sample_n_bytes|channel_count) -\w+ (\d+)\s*$", head, re.MULTILINE))
    order = re.search(rb"^sample_byte_format -s\d (01|10|012|210|0123|3210)\s*$", head, re.MULTILINE)
    if not length.isdigit() or int(length) % 1024 or int(length) < 1024:
        raise DamagedAudio("its header does not say how long it is, or lies; expected a multiple of 1024 bytes")
    if len(stated) < 3 or not (order or stated[b"sample_n_bytes"] == b"1"):
        raise DamagedAudio("its header lacks the number, the size or the byte order of its samples")
    count = int(stated[b"sample_count"])
    if frames < count:
        raise _cut_short(frames)
    if len(head) + count * int(stated[b"sample_n_bytes"]) * int(stated[b"channel_count"]) < size:
        raise _too_long(count)


class FlacSum:
    """The MD5 of a FLAC file's samples, which its header knows (RFC 9639, section 8.2), against those decoded."""

    def __init__(self, f: soundfile.SoundFile):
        """Args: f is any sound file; of other formats there is nothing to be checked."""
        head = b""
        if f.format == "FLAC":
            with raw(f) as file:
                head = file.read(42)
        self.bits = (int.from_bytes(head[20:22]) >> 4 & 31) + 1
        known = head[:4] == b"fLaC" and self.bits in (8, 16, 24) and any(head[26:42])
        self.expected = head[26:42] if known else None
        self.md5 = hashlib.md5(usedforsecurity=False)

    def update(self, samples: np.ndarray) -> None:
        """Add the next samples, (n, channels): int16 of 16 bits, else float32 from -1 to 1."""
        if self.expected:
            integers = samples if samples.dtype == np.int16 else samples * np.float32(1 << self.bits - 1)
            if self.bits == 24:
                self.md5.update(integers.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
            else:
                self.md5.update(integers.astype(f"<i{self.bits // 8}").data)

    def check(self) -> None:
        """Raise DamagedAudio where the samples were not all, or others."""
        if self.expected and self.md5.digest() != self.expected:
            raise DamagedAudio("its samples are not those that were encoded")
