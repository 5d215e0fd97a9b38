"""An archive that is published in parts, read as one file: it is not joined on disk."""

import hashlib
import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO

CHUNK = 1 << 20  # bytes read at once


class Joined(io.RawIOBase):
    """The bytes of several files, one after another, as one file that can be read and sought."""

    def __init__(self, paths: Sequence[Path]):
        self.files = [path.open("rb", buffering=0) for path in paths]
        self.ends = list(accumulate(path.stat().st_size for path in paths))
        self.at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position, in bytes from the beginning of the first file."""
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, as every file does, and return it."""
        at = (0, self.at, self.ends[-1])[whence] + offset
        if at < 0:
            raise ValueError(f"negative position {at}")
        self.at = at
        return at

    def readinto(self, buffer) -> int:
        """Read into a buffer, at most to the end of one file; returns the number of bytes, 0 at the end of the last."""
        part = bisect_right(self.ends, self.at)
        if part == len(self.ends):
            return 0
        start = self.ends[part - 1] if part else 0
        self.files[part].seek(self.at - start)
        count = self.files[part].readinto(memoryview(buffer)[: self.ends[part] - self.at])
        self.at += count
        return count

    def close(self) -> None:
        """Close all files."""
        for file in self.files:
            file.close()
        super().close()


def open_parts(paths: Sequence[Path]) -> IO[bytes]:
    """Open the parts of an archive, in order, as one file for reading."""
    return paths[0].open("rb") if len(paths) == 1 else io.BufferedReader(Joined(paths), CHUNK)


def digests(paths: Sequence[Path], *names: str) -> dict[str, str]:
    """Hex digests of the parts of an archive, joined, by the names of the algorithms; they are read once."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    with open_parts(paths) as f:
        while chunk := f.read(CHUNK):
            for digest in hashes.values():
                digest.update(chunk)
    return {name: digest.hexdigest() for name, digest in hashes.items()}
