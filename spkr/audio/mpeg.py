"""The length of an MP3 file, and whether it is whole. Without a header, libsndfile guesses the length.

A file is a sequence of frames, each with a header that gives its length. Tags may precede and follow them. Most
encoders begin with an Info (or Xing) frame that gives the number of frames. If it is missing, one is inserted.
Source: ISO/IEC 11172-3, section 2.4; the Xing header and LAME's tag as mpg123 reads them (libmpg123, parse.c).
"""

import struct
from collections.abc import Iterator

from spkr.errors import DamagedAudio

KBITS = {  # by MPEG version 1 or 2, and layer
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = (44100, 48000, 32000)  # Hz, of version 1; version 2 has half of these, version 2.5 a quarter
ENCODERS = (b"LAME", b"Lavf", b"Lavc")  # those known to put a checksum into the Info frame
FFMPEG_BYTES = 190  # FFmpeg's checksum covers so many, with zeros in its own place (libavformat/mp3enc.c)
TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")  # what may follow the frames
CONVERT = "replace the file; if it is all there was, decode it and write it as FLAC (ffmpeg -i FILE FILE.flac)"


class Header:
    """The header of a frame, from four bytes. Raises ValueError if they are not a header."""

    def __init__(self, four: bytes):
        self.bits = bits = int.from_bytes(four)
        version, layer, kbits, rate = bits >> 19 & 3, 4 - (bits >> 17 & 3), bits >> 12 & 15, bits >> 10 & 3
        if len(four) < 4 or bits >> 21 != 0x7FF or version == 1 or layer == 4 or kbits == 15 or rate == 3:
            raise ValueError
        self.version, self.layer = 1 if version == 3 else 2, layer
        self.rate = RATES[rate] >> (0, 1, 2)[(3, 2, 0).index(version)]
        self.mono = bits >> 6 & 3 == 3
        per_second = 1000 * KBITS[self.version, layer][kbits]
        padding = bits >> 9 & 1
        if layer == 1:
            self.samples, length = 384, 4 * (12 * per_second // self.rate + padding)
        else:
            self.samples = 576 if (self.version, layer) == (2, 3) else 1152
            length = self.samples // 8 * per_second // self.rate + padding
        self.length = length if per_second else 0  # bytes; 0 in free format, which does not give the length

    @property
    def kind(self) -> tuple:
        """What all frames of a file have in common."""
        return self.version, self.layer, self.rate, self.mono

    @property
    def info_at(self) -> int:
        """The position of the word Info or Xing in a frame."""
        side = (17 if self.mono else 32) if self.version == 1 else (9 if self.mono else 17)
        return 4 + side


def check_mpeg(content: bytes, frames: int) -> None:
    """Raise DamagedAudio unless an MP3 file is a sequence of whole frames, as many as its Info frame says.

    Args:
        content: of the file, after `with_length`.
        frames: its number of samples by libsndfile.
    """
    places = list(_frames(content))
    header, begin = Header(content[places[0] :][:4]), places[0]
    if header.layer != 3:
        if frames != header.samples * len(places):
            raise DamagedAudio(f"does not give its length, which is {header.samples * len(places)} samples", CONVERT)
        return
    frame = content[begin : begin + header.length]
    stated, found = _stated(frame, header), len(places) - 1
    if stated != found:
        how = "cut short" if found < stated else "has more data after its end"
        raise DamagedAudio(f"{how}: it has {found} MP3 frames, and its header says {stated}")
    _check_info(frame, header)


def with_length(content: bytes) -> bytes | None:
    """The content of an MP3 file with an Info frame inserted, which gives the number of frames; None if it has one.

    Raises DamagedAudio if the file is not a sequence of whole frames.
    """
    places = list(_frames(content))
    begin = places[0]
    header = Header(content[begin : begin + 4])
    frame = content[begin : begin + header.length]
    _check_info(frame, header)
    if header.layer != 3 or _stated(frame, header) is not None:
        return None
    if _is_info(frame, header) or frame[36:40] == b"VBRI":
        places = places[1:]
    if not places:
        raise DamagedAudio("has no MP3 frame with sound in it")
    longest = header.bits & ~0xF000 | 0xE000 | 1 << 16  # of the greatest bit rate, and without a checksum
    info = Header(longest.to_bytes(4))
    head = longest.to_bytes(4).ljust(info.info_at, b"\0") + b"Info" + struct.pack(">II", 1, len(places))
    return head.ljust(info.length, b"\0") + content[places[0] :]


def _frames(content: bytes) -> Iterator[int]:
    """The position of each frame. Raises DamagedAudio for other bytes between or after frames, or a frame cut short."""
    at, number = _behind_tags(content), 0
    kind, lengths = None, {}  # few headers differ
    while at < len(content):
        four = content[at : at + 4]
        if four not in lengths:
            try:
                header = Header(four)
            except ValueError:
                if number and (content.startswith(TAGS, at) or not content[at:].strip(b"\0")):
                    return
                raise DamagedAudio(
                    f"has bytes that are not an MP3 frame, at byte {at}, after frame {number}", CONVERT
                ) from None
            kind = kind or header.kind
            if not header.length:
                raise DamagedAudio("an MP3 file in free format, whose frames do not give their length", CONVERT)
            if header.kind != kind:
                raise DamagedAudio(f"changes its sampling rate or kind of MP3 frame, at byte {at}", CONVERT)
            lengths[four] = header.length
        if at + lengths[four] > len(content):
            raise DamagedAudio(f"cut short in its MP3 frame {number + 1}")
        yield at
        at, number = at + lengths[four], number + 1
    if not number:
        raise DamagedAudio("has no MP3 frame")


def _behind_tags(content: bytes) -> int:
    """The position after the ID3v2 tags at the beginning of a file, and after the zeros that follow them."""
    at = 0
    while content[at : at + 3] == b"ID3" and len(content) >= at + 10:
        size = sum((byte & 127) << 7 * (3 - i) for i, byte in enumerate(content[at + 6 : at + 10]))
        at += 10 + size + (10 if content[at + 5] & 16 else 0)
        at = len(content) - len(content[at:].lstrip(b"\0"))
    return at


def _stated(frame: bytes, header: Header) -> int | None:
    """The number of frames that follow, if this is an Info frame that gives it."""
    info = frame[header.info_at : header.info_at + 12]
    return int.from_bytes(info[8:]) if _is_info(frame, header) and len(info) == 12 and info[7] & 1 else None


def _is_info(frame: bytes, header: Header) -> bool:
    return frame[header.info_at : header.info_at + 4] in (b"Info", b"Xing")


def _check_info(frame: bytes, header: Header) -> None:
    """Compare the checksum of an Info frame, if it has one: the frame also gives the samples to drop at both ends."""
    at = header.info_at
    tag = at + 120  # after the numbers of frames and bytes, a table of contents and a quality
    if frame[tag : tag + 4] not in ENCODERS or len(frame) < tag + 36:
        return
    if not _is_info(frame, header) and any(frame[4:at]):  # a frame of sound
        return
    as_lame, as_ffmpeg = frame[: tag + 34], frame[: tag + 34] + bytes(2) + frame[tag + 36 : FFMPEG_BYTES]
    if not _is_info(frame, header) or int.from_bytes(frame[tag + 34 : tag + 36]) not in map(
        _crc16, (as_lame, as_ffmpeg)
    ):
        raise DamagedAudio("its Info frame, which gives its length, is damaged (the checksum differs)")


def _crc16(content: bytes) -> int:
    """CRC-16 of polynomial 0x8005, least significant bit first, from 0."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
