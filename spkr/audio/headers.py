"""Checks that a sound file is whole and agrees with its header, which libsndfile does not check.

A file is refused if it has fewer samples than its header says (it was cut short) or more (a size is wrong), if its
header contradicts itself, or if the samples of a FLAC file do not match its checksum. An unknown length is accepted:
if the size of a WAV file's data is 0, or STREAM or more, as tools write it to a pipe, all that follows is samples.
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

STREAM = 0x7FFFF000  # sox and ffmpeg write this data size, or a larger one, into WAV files of unknown length
ENDLESS = 2**63 - 1  # libsndfile's number of samples for a FLAC file of unknown length
RIFF = ("WAV", "WAVEX")
MARKED = ("RF64", "W64", "AIFF", "AU", "CAF")  # libsndfile's log says where one of their chunks is cut short
READABLE = (*RIFF, "FLAC", "NIST", *MARKED, "OGG", "MP3")
LINEAR = {1, 3, 6, 7, 0xFFFE}  # format tags of WAV whose samples all have the same number of bytes

SHORTENED = (
    "a SPHERE file compressed with shorten, which is not supported; convert it (sph2pipe -f wav FILE FILE.wav), or "
    "write `sph2pipe -f wav FILE |` into wav.scp and set feats.allow_pipes to true"
)


def raw(f: soundfile.SoundFile) -> IO[bytes]:
    """Open the bytes of an open sound file a second time."""
    return BytesIO(f.name.getvalue()) if isinstance(f.name, BytesIO) else open(f.name, "rb")  # noqa: PTH123, faster


def check_header(f: soundfile.SoundFile) -> None:
    """Raise DamagedAudio if a file that was just opened has none of the READABLE formats, or is not whole."""
    if f.format not in READABLE:
        raise DamagedAudio(f"a {f.format} file; expected WAV, FLAC or NIST SPHERE")
    if f.frames == ENDLESS:
        raise DamagedAudio("does not say how many samples it has, as it was written to a pipe; encode it again")
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
    return DamagedAudio(f"has more data after the {frames} samples that its header gives")


def read_head(path: str | Path) -> bytes:
    """The first kilobyte of a file, the size of SPHERE's header. Raises OSError if it cannot be read."""
    with Path(path).open("rb") as file:
        return file.read(1024)


def is_shortened(head: bytes) -> bool:
    """Whether a file that begins like this is a SPHERE file compressed with shorten."""
    return head.startswith(b"NIST_1A") and b"embedded-shorten" in head


def is_stream(f: soundfile.SoundFile) -> bool:
    """Whether a WAV file has samples although its header gives none, because its length was unknown."""
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
    """Byte order, first byte of the samples, their bytes by the header, and bytes of one frame (0: not constant)."""
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
                    "its header contradicts itself about the bytes of a sample or the samples in a second"
                )
    raise DamagedAudio("has no chunk of samples")


def _chunks(file: IO[bytes], order: str, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and length of each chunk from byte `at`, until something is not a chunk."""
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or not re.fullmatch(rb"[ -~]{4}", head[:4]):
            return
        name, length = struct.unpack(order + "4sI", head)
        yield name, at + 8, length
        at += 8 + length + length % 2


def _are_chunks(file: IO[bytes], order: str, at: int, end: int) -> bool:
    """Whether the bytes from `at` to `end` are whole chunks; true if there are no bytes."""
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
        raise DamagedAudio("its header gives no length, or a wrong one; expected a multiple of 1024 bytes")
    if len(stated) < 3 or not (order or stated[b"sample_n_bytes"] == b"1"):
        raise DamagedAudio("its header lacks the number, the size or the byte order of its samples")
    count = int(stated[b"sample_count"])
    if frames < count:
        raise _cut_short(frames)
    if len(head) + count * int(stated[b"sample_n_bytes"]) * int(stated[b"channel_count"]) < size:
        raise _too_long(count)


class FlacSum:
    """Compares the decoded samples of a FLAC file with the MD5 in its header (RFC 9639, section 8.2)."""

    def __init__(self, f: soundfile.SoundFile):
        """Args: f is any sound file. For other formats than FLAC, nothing is checked."""
        head = b""
        if f.format == "FLAC":
            with raw(f) as file:
                head = file.read(42)
        self.bits = (int.from_bytes(head[20:22]) >> 4 & 31) + 1
        known = head[:4] == b"fLaC" and self.bits in (8, 16, 24) and any(head[26:42])
        self.expected = head[26:42] if known else None
        self.md5 = hashlib.md5(usedforsecurity=False)

    def update(self, samples: np.ndarray) -> None:
        """Add the next samples, (n, channels): int16 for 16 bits, otherwise float32 from -1 to 1."""
        if self.expected:
            integers = samples if samples.dtype == np.int16 else samples * np.float32(1 << self.bits - 1)
            if self.bits == 24:
                self.md5.update(integers.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
            else:
                self.md5.update(integers.astype(f"<i{self.bits // 8}").data)

    def check(self) -> None:
        """Raise DamagedAudio if the samples do not match the MD5."""
        if self.expected and self.md5.digest() != self.expected:
            raise DamagedAudio("its samples are not those that were encoded")
