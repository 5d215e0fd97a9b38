"""Checks that an Ogg file (Vorbis, Opus, FLAC) is whole. Decoders skip damaged pages and ignore a missing end.

Source: RFC 3533, section 6: pages are numbered, each has a checksum, and the last one is flagged.
"""

import struct
import zlib

from spkr.errors import DamagedAudio

PAGE = struct.Struct("<4sBBqIIIB")  # magic, version, flags, position, stream, number, checksum, number of segments
END_OF_STREAM = 4
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
CONVERT = "replace the file; if it is all there was, decode it and write it as FLAC (ffmpeg -i FILE FILE.flac)"


def check_ogg(content: bytes) -> None:
    """Raise DamagedAudio unless the file is one stream, with all of its pages, undamaged, and nothing else."""
    at = number = 0
    first_stream, flags = None, 0
    while at < len(content):
        if flags & END_OF_STREAM:
            raise DamagedAudio(f"has more data after the end of its Ogg stream, at byte {at}", CONVERT)
        page, flags, stream, found = _page(content, at, number)
        first_stream = stream if first_stream is None else first_stream
        if stream != first_stream:
            raise DamagedAudio(f"has a second Ogg stream, at byte {at}", CONVERT)
        if found != number:
            raise DamagedAudio(f"lacks its Ogg page {number}; page {found} follows at byte {at}")
        at, number = at + len(page), number + 1
    if not flags & END_OF_STREAM:
        raise DamagedAudio("cut short: its last Ogg page lacks the end-of-stream flag", CONVERT)


def _page(content: bytes, at: int, number: int) -> tuple[bytes, int, int, int]:
    """The page at byte `at`, its flags, stream and number. Raises DamagedAudio if the page is not whole."""
    if content[at : at + 4] != b"OggS"[: len(content) - at]:
        raise DamagedAudio(f"has bytes that are not an Ogg page, at byte {at}")
    if len(content) < at + PAGE.size:
        raise DamagedAudio(f"cut short in its Ogg page {number}")
    _, _, flags, _, stream, found, checksum, segments = PAGE.unpack_from(content, at)
    begin = at + PAGE.size + segments
    page = content[at : begin + sum(content[at + PAGE.size : begin])]
    if len(content) < begin or len(page) < begin - at + sum(content[at + PAGE.size : begin]):
        raise DamagedAudio(f"cut short in its Ogg page {number}")
    if _checksum(page[:22] + bytes(4) + page[26:]) != checksum:
        raise DamagedAudio(f"its Ogg page {number} is damaged (the checksum differs)")
    return page, flags, stream, found


def _checksum(page: bytes) -> int:
    """The CRC of RFC 3533: zlib's polynomial, most significant bit first, starting at 0, not inverted."""
    reflected = zlib.crc32(page.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
