"""Kaldi's objects, in arks and in files of their own: vectors, matrices, PLDA models.

    binary   \\0B FV <size> data                  a float32 vector; DV float64
             \\0B FM <rows> <columns> data        a float32 matrix, by rows; DM float64
             \\0B FP <rows> data                  a symmetric matrix, its lower triangle by rows; DP float64
             \\0B CM ..., CM2 ..., CM3 ...        a compressed matrix (spkr.kaldi.compression)
             \\0B <size> <number> <number> ...    a vector of integers
             \\0B <Plda> DV.. DM.. DV.. </Plda>
    text     [ 1.5 2 ]    a vector; a matrix has a row on each line; 1 2 3 for integers

Each <number> is a byte 4 and a little-endian int32. kaldiio reads and writes binary objects that are neither compressed
nor packed. It is called only if such an object begins here, because it would unpickle others. It reads from a Cursor,
because from a file that is cut short it would return a shorter vector. Text is read here, because kaldiio guesses the
type from the first number.
"""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
from kaldiio.matio import read_int32vector, read_matrix_or_vector
from kaldiio.matio import write_array as write_kaldi

from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.compression import compress, decompress
from spkr.kaldi.cursor import Cursor

BINARY = b"\0B"
PLAIN = (b"FV ", b"DV ", b"FM ", b"DM ")
PACKED = {b"FP ": "<f4", b"DP ": "<f8"}
INTEGERS = b"\4"
SIZE = struct.Struct("<bi")
DAMAGES = (OSError, OverflowError, ValueError, struct.error)  # what reading a damaged object raises
PLDA_SHAPE = (1, 2, 1)  # mean (D,), transform (D, D), psi (D,)


def read_vector(path: str | Path) -> np.ndarray:
    """Read a vector, binary or text, as float64 (dim,). Raises InputError if it is not a vector, or is cut short."""
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

    Raises InputError if the file is not a PLDA model or is cut short, or if its parts do not fit together.
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
    parts = [encode(np.asarray(part, "<f8")).removeprefix(BINARY) for part in (mean, transform, psi)]
    with replacing(path, "wb", facts={"dim": len(mean)}) as f:
        f.write(BINARY + b"<Plda> " + b"".join(parts) + b"</Plda> ")


def encode(array: np.ndarray, method: int = 0) -> bytes:
    """Encode a vector or matrix of float32 or float64, or a vector of int32, in binary.

    `method` compresses a matrix by one of Kaldi's methods, 1 to 7; 0 does not compress. Raises ValueError as
    `compress` does.
    """
    if method and array.ndim == 2:
        return BINARY + compress(array, method)
    content = BytesIO()
    write_kaldi(content, array)
    return content.getvalue()


def encode_text(array: np.ndarray) -> bytes:
    """Encode the same arrays as text, each number with enough digits to read the same value back."""
    rows = [" ".join(row) for row in np.atleast_2d(array).astype(str)]
    if array.dtype.kind == "i":
        return f"{rows[0]} \n".encode()
    body = f" {rows[0]} " if array.ndim == 1 else "".join(f"\n  {row} " for row in rows)
    return f" [{body}]\n".encode()


def read_array(at: Cursor) -> np.ndarray:
    """The vector or matrix that begins here, in its stored precision; text gives float64 or int32.

    The cursor is left at its end. Raises one of DAMAGES if no vector or matrix begins here, or if it is cut short.
    """
    head = at.peek(5)
    if not head.startswith(BINARY):
        return _read_text(at)
    kind = head[2:]
    if kind in PACKED:
        return _read_symmetric(at)
    if kind not in PLAIN and kind[:1] != INTEGERS:
        at.position += len(BINARY)
        return decompress(at)
    try:
        array = read_matrix_or_vector(at).copy() if kind in PLAIN else read_int32vector(at)
    except (AssertionError, MemoryError):
        raise ValueError("a number that is not an integer of four bytes, or far too large") from None
    if not array.size:
        raise ValueError("empty")
    return array


def _read_symmetric(at: Cursor) -> np.ndarray:
    dtype = PACKED[bytes(at.read(5))[2:]]
    width, dim = at.unpack(SIZE)
    if width != 4 or dim < 1:
        raise ValueError(f"its size is damaged: {dim}, of {width} bytes")
    values = at.numbers((dim * (dim + 1) // 2,), dtype)
    lower = np.tri(dim, dtype=bool)
    matrix = np.zeros(lower.shape, dtype)
    matrix[lower] = values
    return np.where(lower, matrix, matrix.T)


def _read_text(at: Cursor) -> np.ndarray:
    begin = at.peek(2)
    if begin.strip(b" \t\n[-0123456789"):
        raise ValueError(f"found {begin!r}, which begins no vector or matrix of Kaldi's")
    text = at.read_to(b"]" if b"[" in begin else b"\n").decode("ascii")
    if "_" in text:  # which Python allows in a number
        raise ValueError("found '_' in a number")
    if b"[" not in begin:
        return np.array(text.split(), np.int32)
    if at.peek(1) == b"\n":
        at.position += 1
    body = text.strip(" \t[]")
    rows = np.array([line.split() for line in body.split("\n") if line.strip()], np.float64)
    if not rows.size:
        raise ValueError("empty")
    return rows if "\n" in body else rows[0]


def _read_file(path: str | Path, ndims: tuple[int, ...], begin: bytes = b"", end: bytes = b"") -> list[np.ndarray]:
    """The arrays of a file, which must have these numbers of dimensions and lie between two tokens."""
    try:
        arrays = _read_arrays(Cursor(Path(path).read_bytes()), ndims, begin, end)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from None
    except DAMAGES as e:
        expected = begin.decode() or ("a vector" if ndims == (1,) else "a matrix")
        raise InputError(
            f"{path}: cut short, or not the Kaldi object expected here ({expected}): {e}; make it again"
        ) from None
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError(f"{path}: a value is not finite; make it again")
    return [array.astype(np.float64, copy=False) for array in arrays]


def _read_arrays(at: Cursor, ndims: tuple[int, ...], begin: bytes, end: bytes) -> list[np.ndarray]:
    binary = at.peek(len(BINARY)) == BINARY
    if binary and begin:
        at.position = len(BINARY)
    _expect(at, begin, binary)
    arrays = [_read_bare(at) if binary and begin else read_array(at) for _ in ndims]
    for array, ndim in zip(arrays, ndims, strict=True):
        if array.ndim != ndim or array.dtype.kind != "f":
            raise ValueError(f"found {array.dtype} of shape {array.shape}")
    _expect(at, end, binary)
    if at.data[at.position :].strip():
        raise ValueError("more bytes after its end")
    return arrays


def _read_bare(at: Cursor) -> np.ndarray:
    """A part of a binary object: an array without the mark BINARY before it."""
    part = Cursor(BINARY + at.data[at.position :])
    array = read_array(part)
    at.position += part.position - len(BINARY)
    return array


def _expect(at: Cursor, token: bytes, binary: bool) -> None:
    """Read a token and the space after it. In text, other white space or the end of the file may follow."""
    found = at.peek(len(token) + 1) if token else b""
    at.position += len(found)
    if found != (token + b" " if token else b"") and (binary or found.rstrip() != token):
        raise ValueError(f"found {found!r} in place of {token.decode()}")
