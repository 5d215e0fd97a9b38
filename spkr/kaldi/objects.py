"""Kaldi's objects, as they stand in arks and in files of their own: vectors, matrices, a PLDA model.

    binary   \\0B FV <size> data                  a float32 vector; DV float64
             \\0B FM <rows> <columns> data        a float32 matrix, by rows; DM float64
             \\0B FP <rows> data                  a symmetric matrix, its lower triangle by rows; DP float64
             \\0B CM ..., CM2 ..., CM3 ...        a compressed matrix (spkr.kaldi.compression)
             \\0B <size> <number> <number> ...    a vector of integers
             \\0B <Plda> DV.. DM.. DV.. </Plda>
    text     [ 1.5 2 ]    and a row a line in a matrix; 1 2 3 for integers

Each <number> is a byte 4 and a little-endian int32. kaldiio takes a vector that is cut short for a shorter one, reads
text as float32, unpickles what a table may hold, and knows no PLDA; so all of them are parsed here.
"""

import struct
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.compression import DTYPES, Cursor, compress, decompress

BINARY = b"\0B"
KINDS = {b"FV ": ("<f4", 1), b"DV ": ("<f8", 1), b"FM ": ("<f4", 2), b"DM ": ("<f8", 2)}
PACKED = {b"FP ": "<f4", b"DP ": "<f8"}
SIZES = {1: struct.Struct("<bi"), 2: struct.Struct("<bibi")}
NUMBER = np.dtype([("width", "i1"), ("value", "<i4")])
DAMAGES = (OSError, OverflowError, ValueError, struct.error)  # what reading a damaged object raises
PLDA_SHAPE = (1, 2, 1)  # mean (D,), transform (D, D), psi (D,)


def read_vector(path: str | Path) -> np.ndarray:
    """Read a vector, binary or text, as float64 (dim,). Raises InputError where it is none, or cut short."""
    return _read_file(path, (1,))[0]


def read_matrix(path: str | Path) -> np.ndarray:
    """Read a matrix, in any of its forms, as float64 (rows, cols). Raises InputError as `read_vector` does."""
    return _read_file(path, (2,))[0]


def write_array(path: str | Path, array: np.ndarray) -> None:
    """Write a vector or matrix as Kaldi's programs do: binary, float32; by rename."""
    with replacing(path, "wb", facts={"shape": array.shape}) as f:
        f.write(encode(np.asarray(array, "<f4")))


def read_plda(path: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read Kaldi's `Plda`, binary or text: mean (D,), transform (D, D), psi (D,), in float64.

    Raises InputError where the file is no PLDA model, is cut short, or its parts do not fit together.
    """
    mean, transform, psi = _read_file(path, PLDA_SHAPE, b"<Plda>", b"</Plda>")
    dim = len(mean)
    if transform.shape != (dim, dim) or len(psi) != dim or psi.min() < 0:
        raise InputError(
            f"{path}: a mean of {dim} dimensions with a transform of {transform.shape} and a psi of {len(psi)}, "
            f"least {psi.min():g}; expected one dimension and no psi below zero"
        )
    return mean, transform, psi


def write_plda(path: str | Path, mean: np.ndarray, transform: np.ndarray, psi: np.ndarray) -> None:
    """Write Kaldi's `Plda`: binary, float64; by rename."""
    parts = [_encode_bare(np.asarray(part, "<f8")) for part in (mean, transform, psi)]
    with replacing(path, "wb", facts={"dim": len(mean)}) as f:
        f.write(BINARY + b"<Plda> " + b"".join(parts) + b"</Plda> ")


def encode(array: np.ndarray, method: int = 0) -> bytes:
    """A vector or matrix of float32 or float64, or a vector of int32, in binary.

    A matrix is compressed by Kaldi's method 1 to 7, and as it is by 0. Raises ValueError as `compress` does.
    """
    return BINARY + (compress(array, method) if method and array.ndim == 2 else _encode_bare(array))


def _encode_bare(array: np.ndarray) -> bytes:
    if array.dtype.kind == "i":
        numbers = np.empty(1 + len(array), NUMBER)
        numbers["width"], numbers["value"] = 4, [len(array), *array]
        return numbers.tobytes()
    kind = next(kind for kind, layout in KINDS.items() if layout == (array.dtype.str, array.ndim))
    return kind + b"".join(struct.pack("<bi", 4, size) for size in array.shape) + array.tobytes()


def encode_text(array: np.ndarray) -> bytes:
    """The same arrays as text, each number with the digits that give it back."""
    rows = [" ".join(row) for row in np.atleast_2d(array).astype(str)]
    if array.dtype.kind == "i":
        return f"{rows[0]} \n".encode()
    body = f" {rows[0]} " if array.ndim == 1 else "".join(f"\n  {row} " for row in rows)
    return f" [{body}]\n".encode()


def read_array(at: Cursor) -> np.ndarray:
    """The vector or matrix that begins here, in the precision it is stored in; text is float64, or int32.

    Leaves the cursor at its end; raises one of DAMAGES where there is none, or where it is cut short.
    """
    if at.read(2) == BINARY:
        return _read_binary(at)
    at.position -= 2
    return _read_text(at)


def _read_binary(at: Cursor) -> np.ndarray:
    kind = at.read(3)
    if kind in KINDS:
        dtype, ndim = KINDS[kind]
        return at.numbers(_sizes(at, ndim), dtype).copy()
    if kind in PACKED:
        return _read_symmetric(at, PACKED[kind])
    if kind.startswith(b"\4"):
        at.position -= 3
        return _integers(at, *_sizes(at, 1))
    if not kind.endswith(b" "):
        kind += at.read(1)
    if kind not in DTYPES:
        raise ValueError(f"found {kind!r}, which begins no vector or matrix of Kaldi's")
    return decompress(at, kind)


def _sizes(at: Cursor, count: int) -> tuple[int, ...]:
    """So many integers, each of them after a byte that says its width: 4."""
    numbers = at.unpack(SIZES[count])
    if numbers[0] != 4 or numbers[-2] != 4:
        raise ValueError("a size that is no integer of four bytes")
    return numbers[1::2]


def _integers(at: Cursor, count: int) -> np.ndarray:
    numbers = at.numbers((count,), NUMBER)
    if (numbers["width"] != 4).any():
        raise ValueError("an integer that is not of four bytes")
    return numbers["value"].copy()


def _read_symmetric(at: Cursor, dtype: str) -> np.ndarray:
    (dim,) = _sizes(at, 1)
    lower = np.tri(max(dim, 0), dtype=bool)
    matrix = np.zeros(lower.shape, dtype)
    matrix[lower] = at.numbers((dim * (dim + 1) // 2,), dtype)
    return np.where(lower, matrix, matrix.T)


def _read_text(at: Cursor) -> np.ndarray:
    begin = at.read(2)
    if begin.strip(b" \t\n[-0123456789"):
        raise ValueError(f"found {begin!r}, which begins no vector or matrix of Kaldi's")
    at.position -= 2
    if b"[" not in begin:
        return np.array(at.read_to(b"\n").split(), np.int32)
    body = at.read_to(b"]").decode().strip(" \t[]")
    if at.data[at.position : at.position + 1] == b"\n":
        at.position += 1
    rows = np.array([line.split() for line in body.split("\n") if line.strip()], np.float64)
    if not rows.size:
        raise ValueError("empty")
    return rows if "\n" in body else rows[0]


def _read_file(path: str | Path, ndims: tuple[int, ...], begin: bytes = b"", end: bytes = b"") -> list[np.ndarray]:
    """The arrays of a file, which must have these numbers of dimensions and stand between two tokens."""
    try:
        arrays = _read_arrays(Cursor(Path(path).read_bytes()), ndims, begin, end)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except DAMAGES as e:
        expected = begin.decode() or ("a vector" if ndims == (1,) else "a matrix")
        raise InputError(
            f"{path}: cut short, or not the Kaldi object expected here ({expected}): {e}; make it again"
        ) from None
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError(f"{path}: a value is not finite; make it again")
    return [array.astype(np.float64, copy=False) for array in arrays]


def _read_arrays(at: Cursor, ndims: tuple[int, ...], begin: bytes, end: bytes) -> list[np.ndarray]:
    binary = at.data.startswith(BINARY)
    at.position = len(BINARY) if binary else 0
    _expect(at, begin, binary)
    arrays = [_read_binary(at) if binary else _read_text(at) for _ in ndims]
    for array, ndim in zip(arrays, ndims, strict=True):
        if array.ndim != ndim or array.dtype.kind != "f":
            raise ValueError(f"found {array.dtype} of shape {array.shape}")
    _expect(at, end, binary)
    if at.data[at.position :].strip():
        raise ValueError("more bytes after its end")
    return arrays


def _expect(at: Cursor, token: bytes, binary: bool) -> None:
    """Read a token and the space after it, in whose place text may have any, or its end."""
    found = at.read(len(token) + 1) if token else b""
    if found != (token + b" " if token else b"") and (binary or found.rstrip() != token):
        raise ValueError(f"found {found!r} in place of {token.decode()}")
