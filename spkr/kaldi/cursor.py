"""A place in the bytes of a file, from which kaldiio and our own codecs read objects."""

import struct
from mmap import mmap

import numpy as np

FEW = 16  # bytes; a copy of fewer takes less time than a view


class Cursor:
    """A place in the content of a file, which moves on with each read.

    It has the `read` method of a file, so kaldiio can read from it. A read beyond the end raises ValueError; a file
    would return fewer bytes, and kaldiio a shorter vector. `read` and `numbers` return views, except of a few bytes.
    """

    __slots__ = ("data", "position")

    def __init__(self, data: bytes | mmap, position: int = 0):
        self.data, self.position = data, position

    def read(self, count: int) -> bytes | memoryview:
        """The next `count` bytes; ValueError if there are fewer."""
        begin = self.position
        self.position = end = begin + count
        piece = self.data[begin:end] if count < FEW else memoryview(self.data)[begin:end]
        if len(piece) != count:
            raise ValueError("cut short, or its size is damaged")
        return piece

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, or fewer at the end; the cursor stays where it is."""
        return self.data[self.position : self.position + count]

    def read_to(self, mark: bytes) -> bytes:
        """The bytes up to and including a mark."""
        end = self.data.find(mark, self.position) + len(mark)
        if end < len(mark):
            raise ValueError(f"cut short: no {mark!r} follows")
        return bytes(self.read(end - self.position))

    def unpack(self, layout: struct.Struct) -> tuple:
        """The next values, in this layout."""
        return layout.unpack(self.read(layout.size))

    def numbers(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """The next numbers, read-only."""
        if min(shape) < 1:
            raise ValueError(f"empty, or damaged: its size is {shape}")
        dtype, count = np.dtype(dtype), 1
        for size in shape:
            count *= size
        return np.frombuffer(self.read(count * dtype.itemsize), dtype).reshape(shape)
