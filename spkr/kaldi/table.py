"""Kaldi tables: an ark with its scp, of matrices or vectors.

An ark holds `key object key object ...`; a line of the scp says where one object begins: `key path:offset`.
Paths in an scp are relative to the working directory, as Kaldi resolves them. An object is binary:

    \\0B FM <rows> <columns> data       float32, by rows; DM float64; FV, DV <rows> data   a vector
    \\0B CM low range rows columns      compressed: four 16-bit quantiles for each column, then a byte an element,
                                       by columns; CM2, CM3 two bytes or one, linear in the range, by rows

Each <number> is a byte 4 and a little-endian int32. Source: Kaldi, src/matrix/compressed-matrix.cc (commit f4007661).
They are written and read here: kaldiio also unpickles what a table holds and runs the commands that an scp names,
takes a vector that is cut short for a shorter one, and needs three times as long for what training reads at every step.
"""

import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.datadir import read_map
from spkr.kaldi.objects import BINARY, KINDS

CODES = {b"CM ": "u1", b"CM2 ": "<u2", b"CM3 ": "u1"}
FEW_ROWS = 8  # so few are compressed to CM2, more to CM, as Kaldi does by default
QUANTILE_CODES = (0, 64, 192, 255)  # bytes of a column's quantiles at 0, 25, 75 and 100 %; linear in between
QUANTILE_WEIGHTS = np.array([np.interp(range(256), QUANTILE_CODES, one) for one in np.eye(4)], np.float32)  # (4, 256)


class TableWriter:
    """Write an ark and its scp; both appear under their names when the block ends without an error.

    >>> with TableWriter("xvectors/test/xvector.ark") as table:     # and xvector.scp beside it
    ...     table["utt1"] = np.zeros(512, np.float32)

    Keys must come in byte order, once each; values are float32 matrices or vectors without NaN or infinity.
    """

    def __init__(self, ark: str | Path, compress: bool = False):
        self.ark = Path(ark)
        self.compress = compress
        self.lines: list[str] = []
        self.last = ""

    def __enter__(self):
        self._replacing = replacing(self.ark, "wb")
        self._file = self._replacing.__enter__()
        return self

    def __setitem__(self, key: str, value: np.ndarray) -> None:
        if key <= self.last:
            raise InputError(f"{self.ark}: key {key!r} after {self.last!r}; keys must be sorted and unique")
        value = np.asarray(value, np.float32)
        if not value.size:
            raise InputError(f"{self.ark}: {key} is empty")
        if not np.isfinite(value).all():
            raise InputError(f"{self.ark}: {key} has a value that is not a number or not finite")
        self._file.write(f"{key} ".encode())
        self.lines.append(f"{key} {self.ark}:{self._file.tell()}\n")
        self._file.write(BINARY + (_compressed(value) if self.compress and value.ndim == 2 else _uncompressed(value)))
        self.last = key

    def __exit__(self, kind, error, traceback):
        if self._replacing.__exit__(kind, error, traceback) or error is not None:
            return
        with replacing(self.ark.with_suffix(".scp")) as f:
            f.writelines(self.lines)


def _uncompressed(array: np.ndarray) -> bytes:
    kind = b"FM " if array.ndim == 2 else b"FV "
    return kind + b"".join(struct.pack("<bi", 4, n) for n in array.shape) + array.tobytes()


def _compressed(x: np.ndarray) -> bytes:
    """(rows, cols) as CM or CM2, by Kaldi's default method."""
    rows, cols = x.shape
    low = x.min()
    span = x.max() - low or 1 + abs(low)
    header = struct.pack("<ffii", low, span, rows, cols)
    if rows <= FEW_ROWS:
        return b"CM2 " + header + _code16(x, low, span).astype("<u2").tobytes()
    columns = np.ascontiguousarray(x.T)
    quantiles = np.sort(columns)[:, (0, rows // 4, 3 * (rows // 4), rows - 1)]
    codes = _code16(quantiles, low, span)  # (cols, 4), now made to rise
    for k in range(4):
        codes[:, k] = np.clip(codes[:, k], codes[:, k - 1] + 1 if k else 0, 65532 + k)
    levels = low + span / 65535 * codes.astype(np.float32)
    data = [np.interp(column, level, QUANTILE_CODES) + 0.5 for column, level in zip(columns, levels, strict=True)]
    return b"CM " + header + codes.astype("<u2").tobytes() + np.array(data).astype("u1").tobytes()


def _code16(values: np.ndarray, low: float, span: float) -> np.ndarray:
    return ((values - low) / span * 65535 + 0.499).astype(np.int32)


def read_object(where: str, key: str = "") -> np.ndarray:
    """Read the matrix or vector at `path:offset`, as float32.

    Raises InputError naming file, key and offset where it is no Kaldi object, cut short, empty or not finite.
    """
    path, _, offset = where.rpartition(":")
    if not path or not offset.isdecimal():
        raise InputError(f"{where}: entry {key!r} is not <path>:<offset>; commands and ranges are not supported")
    try:
        with open(path, "rb") as f:  # noqa: PTH123, a third faster than Path.open
            f.seek(int(offset))
            value = _read(f)
    except FileNotFoundError:
        raise InputError(f"{where}: no such file (entry {key!r})") from None
    except (OSError, OverflowError, ValueError, struct.error) as e:
        raise InputError(f"{where}: entry {key!r} cannot be read ({e}); make the table again") from None
    if not value.size or not np.isfinite(value).all():
        raise InputError(f"{where}: entry {key!r} is empty or not finite; make the table again")
    return value.astype(np.float32, copy=False)


def _read(f: BinaryIO) -> np.ndarray:
    """The object that begins here; ValueError or struct.error says what is wrong with it."""
    begin = f.read(5)
    kind = begin[2:] if begin.endswith(b" ") else begin[2:] + f.read(1)
    if begin.startswith(BINARY) and kind in KINDS:
        dtype, ndim = KINDS[kind]
        shape = struct.unpack("<" + "xi" * ndim, f.read(5 * ndim))
        return _take(f, shape, dtype)
    if not begin.startswith(BINARY) or kind not in CODES:
        raise ValueError(f"found {begin!r}, which begins no matrix or vector in Kaldi's binary form")
    low, span, rows, cols = struct.unpack("<ffii", f.read(16))
    if kind != b"CM ":
        return low + span / np.iinfo(CODES[kind]).max * _take(f, (rows, cols), CODES[kind]).astype(np.float32)
    quantiles = low + span / 65535 * _take(f, (cols, 4), "<u2").astype(np.float32)
    levels = quantiles @ QUANTILE_WEIGHTS  # (cols, 256)
    return levels.take(_take(f, (cols, rows), "u1") + 256 * np.arange(cols)[:, None]).T


def _take(f: BinaryIO, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """The next numbers of a file."""
    needed = math.prod(shape) * int(dtype[-1])
    left = os.fstat(f.fileno()).st_size - f.tell()
    if needed > left or min(shape) < 0:
        raise ValueError(f"cut short or damaged: expected {shape} numbers, {left} bytes are left")
    values = np.empty(shape, dtype)
    f.readinto(values)
    return values


def read_table(scp: str | Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (key, value) of an scp file in its order; raises InputError as `read_object` does."""
    for key, where in read_map(scp).items():
        yield key, read_object(where, key)


def read_vectors(scp: str | Path) -> tuple[list[str], np.ndarray]:
    """Read a table of vectors whole: its keys, and a float32 array (number of keys, dimension)."""
    keys, vectors = [], []
    for key, vector in read_table(scp):
        if vector.ndim != 1 or (vectors and len(vector) != len(vectors[0])):
            raise InputError(
                f"{scp}: {key} has shape {vector.shape}; expected a vector"
                + (f" of dimension {len(vectors[0])}" if vectors else "")
            )
        keys.append(key)
        vectors.append(vector)
    return keys, np.stack(vectors)
