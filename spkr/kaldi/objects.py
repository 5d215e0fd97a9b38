"""Kaldi's objects in files of their own: a vector (mean.vec), a matrix (transform.mat), a PLDA model (plda).

    binary   \\0B FV <rows> data             a float32 vector; DV float64; FM, DM a matrix: <rows> <columns>, by rows
             \\0B <Plda> DV.. DM.. DV.. </Plda>
    text     [ 1.5 2 ]    and a row a line in a matrix

Each <number> is a byte 4 and a little-endian int32. kaldiio takes a vector that is cut short for a shorter one, reads
text as float32, and knows no PLDA; so these few files are parsed here.
"""

import io
import re
import struct
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import replacing

KINDS = {b"FV ": ("<f4", 1), b"DV ": ("<f8", 1), b"FM ": ("<f4", 2), b"DM ": ("<f8", 2)}
BINARY = b"\0B"
PLDA_SHAPE = (1, 2, 1)  # mean (D,), transform (D, D), psi (D,)


def read_vector(path: str | Path) -> np.ndarray:
    """Read a vector, binary or text, as float64 (dim,). Raises InputError where it is none, or cut short."""
    return _read(path, (1,))[0]


def read_matrix(path: str | Path) -> np.ndarray:
    """Read a matrix, binary or text, as float64 (rows, cols). Raises InputError as `read_vector` does."""
    return _read(path, (2,))[0]


def write_array(path: str | Path, array: np.ndarray) -> None:
    """Write a vector or matrix as Kaldi's programs do: binary, float32; by rename."""
    with replacing(path, "wb") as f:
        f.write(BINARY + _encode(np.asarray(array, "<f4")))


def read_plda(path: str | Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read Kaldi's `Plda`, binary or text: mean (D,), transform (D, D), psi (D,), in float64.

    Raises InputError where the file is no PLDA model, is cut short, or its parts do not fit together.
    """
    mean, transform, psi = _read(path, PLDA_SHAPE, "<Plda>", "</Plda>")
    dim = len(mean)
    if transform.shape != (dim, dim) or len(psi) != dim or psi.min() < 0:
        raise InputError(
            f"{path}: a mean of {dim} dimensions with a transform of {transform.shape} and a psi of {len(psi)}, "
            f"least {psi.min():g}; expected one dimension and no psi below zero"
        )
    return mean, transform, psi


def write_plda(path: str | Path, mean: np.ndarray, transform: np.ndarray, psi: np.ndarray) -> None:
    """Write Kaldi's `Plda`: binary, float64; by rename."""
    parts = [_encode(np.asarray(part, "<f8")) for part in (mean, transform, psi)]
    with replacing(path, "wb") as f:
        f.write(BINARY + b"<Plda> " + b"".join(parts) + b"</Plda> ")


def _encode(array: np.ndarray) -> bytes:
    kind = next(kind for kind, layout in KINDS.items() if layout == (array.dtype.str, array.ndim))
    return kind + b"".join(struct.pack("<bi", 4, size) for size in array.shape) + array.tobytes()


def _read(path: str | Path, ndims: tuple[int, ...], begin: str = "", end: str = "") -> list[np.ndarray]:
    """The arrays of a file, which must have these numbers of dimensions and stand between two tokens."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    parse = _parse_binary if data.startswith(BINARY) else _parse_text
    try:
        arrays = parse(data, ndims, begin, end)
    except (ValueError, struct.error) as e:
        expected = begin or ("a vector" if ndims == (1,) else "a matrix")
        raise InputError(
            f"{path}: cut short, or not the Kaldi object expected here ({expected}): {e}; make it again"
        ) from None
    if not all(array.size and np.isfinite(array).all() for array in arrays):
        raise InputError(f"{path}: empty, or a value is not finite; make it again")
    return arrays


def _parse_binary(data: bytes, ndims: tuple[int, ...], begin: str, end: str) -> list[np.ndarray]:
    f = io.BytesIO(data)
    f.seek(len(BINARY))
    _expect(f, begin)
    arrays = [_parse_binary_array(f, ndim) for ndim in ndims]
    _expect(f, end)
    if f.read(1):
        raise ValueError("more bytes after its end")
    return arrays


def _expect(f: io.BytesIO, token: str) -> None:
    expected = f"{token} ".encode() if token else b""
    if (found := f.read(len(expected))) != expected:
        raise ValueError(f"found {found!r} in place of {token}")


def _parse_binary_array(f: io.BytesIO, ndim: int) -> np.ndarray:
    kind = f.read(3)
    dtype, found = KINDS.get(kind, ("", 0))
    if found != ndim:
        raise ValueError(f"found {kind!r} in place of {' or '.join(k.decode() for k in KINDS if KINDS[k][1] == ndim)}")
    sizes = [struct.unpack("<bi", f.read(5)) for _ in range(ndim)]
    if any(width != 4 or size < 0 for width, size in sizes):
        raise ValueError(f"sizes {sizes}")
    shape = [size for _, size in sizes]
    raw = f.read(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return np.frombuffer(raw, dtype).reshape(shape).astype(np.float64)


def _parse_text(data: bytes, ndims: tuple[int, ...], begin: str, end: str) -> list[np.ndarray]:
    text = data.decode()
    number = r"[^\[\]<>]*"
    whole = rf"\s*{begin}\s*" + rf"\[({number})\]\s*" * len(ndims) + rf"{end}\s*"
    if not (match := re.fullmatch(whole, text)):
        raise ValueError(f"found {text[:20]!r}...")
    arrays = []
    for ndim, body in zip(ndims, match.groups(), strict=True):
        rows = np.array([line.split() for line in body.splitlines() if line.strip()], np.float64)
        if ndim == 1 and len(rows) > 1:
            raise ValueError(f"a matrix of {len(rows)} rows")
        arrays.append(rows.reshape(-1) if ndim == 1 else rows)
    return arrays
