"""Kaldi's compressed matrices: one or two bytes an element.

    CM  low span rows cols      four 16-bit quantiles a column, then a byte an element by columns, linear in between
    CM2 low span rows cols      two bytes an element by rows, linear in [low, low + span]
    CM3 low span rows cols      one byte an element, likewise

`low` and `span` are float32, `rows` and `cols` int32. Kaldi's methods choose the format:

    1  CM2 for up to eight rows, else CM       2  CM
    3  CM2 in the matrix's range               4  CM2 in [-32768, 32767]
    5  CM3 in the matrix's range               6  CM3 in [0, 255]            7  CM3 in [0, 1]

Methods 4, 6 and 7 clip values to their range. Source: Kaldi, src/matrix/compressed-matrix.{h,cc} (commit f4007661).
"""

import struct

import numpy as np

from spkr.kaldi.cursor import Cursor

METHODS = {  # kind, and the range (low, span), or None for the matrix's
    2: (b"CM ", None),
    3: (b"CM2 ", None),
    4: (b"CM2 ", (-32768.0, 65535.0)),
    5: (b"CM3 ", None),
    6: (b"CM3 ", (0.0, 255.0)),
    7: (b"CM3 ", (0.0, 1.0)),
}
FEW_ROWS = 8
PIECE = 1 << 22  # elements that are compressed at once, in about 100 MB of memory
RANGE_AND_SIZE = struct.Struct("<ffii")
DTYPES = {b"CM ": "u1", b"CM2 ": "<u2", b"CM3 ": "u1"}
STEPS = (64, 128, 63)  # of a column's bytes, between its quantiles at 0, 25, 75 and 100 %
QUANTILE_BYTES = np.cumsum((0, *STEPS))
QUANTILE_WEIGHTS = np.array([np.interp(range(256), QUANTILE_BYTES, one) for one in np.eye(4)], np.float32)  # (4, 256)


def compress(x: np.ndarray, method: int) -> bytes:
    """Compress a float32 matrix (rows, cols) by one of Kaldi's methods; ValueError if float32 cannot hold its range."""
    rows, cols = x.shape
    kind, fixed = METHODS[method if method > 1 else 2 if rows > FEW_ROWS else 3]
    low, span = fixed or _range(x)
    header = kind + RANGE_AND_SIZE.pack(low, span, rows, cols)
    return header + (_columns(x, low, span) if kind == b"CM " else _linear(x, low, span, DTYPES[kind]).tobytes())


def _range(x: np.ndarray) -> tuple[float, float]:
    """The least value of a matrix and the width of its range, which is never 0."""
    low, high = float(x.min()), float(x.max())
    span = high - low or 1 + abs(low)
    if span > np.finfo(np.float32).max:
        raise ValueError(f"values from {low:g} to {high:g} are too far apart to be compressed")
    return low, float(np.float32(span))


def _linear(x: np.ndarray, low: float, span: float, dtype: str) -> np.ndarray:
    """Map [low, low + span] to all integers of a type, rounded as Kaldi does: 0.499 is added in float64."""
    return np.add(((x - low) / span).clip(0, 1) * np.iinfo(dtype).max, 0.499, dtype=np.float64).astype(dtype)


def _columns(x: np.ndarray, low: float, span: float) -> bytes:
    """The quantiles of all columns, then the bytes of all columns; only a few columns at a time if they are long."""
    some = max(1, PIECE // len(x))
    parts = [_quantiles_and_bytes(x[:, at : at + some], low, span) for at in range(0, x.shape[1], some)]
    return b"".join(part for kind in zip(*parts, strict=True) for part in kind)


def _quantiles_and_bytes(x: np.ndarray, low: float, span: float) -> tuple[bytes, bytes]:
    rows, quarter = len(x), len(x) // 4
    ranks = (0, quarter, 3 * quarter, rows - 1) if rows > 4 else np.minimum(range(4), rows - 1)
    columns = np.ascontiguousarray(x.T)
    codes = _linear(np.sort(columns)[:, ranks], low, span, "<u2").astype(np.int32)  # (cols, 4); made to rise below
    for k in range(4):
        codes[:, k] = np.clip(codes[:, k], codes[:, k - 1] + 1 if k else 0, 65532 + k)
    begins = (low + span / 65535 * codes).astype(np.float32)
    slopes = (STEPS / (span / 65535 * np.diff(codes))).astype(np.float32)  # (cols, 3) steps a unit
    position = np.full_like(columns, 0.5)  # rounds
    for k, steps in enumerate(STEPS):
        position += np.clip((columns - begins[:, k, None]) * slopes[:, k, None], 0, steps)
    return codes.astype("<u2").tobytes(), position.astype("u1").tobytes()


def decompress(at: Cursor) -> np.ndarray:
    """The float32 matrix (rows, cols) that begins here with its kind; ValueError if it is cut short."""
    kind = at.peek(4).partition(b" ")[0] + b" "
    if kind not in DTYPES:
        raise ValueError(f"found {kind!r}, which begins no vector or matrix of Kaldi's")
    at.position += len(kind)
    low, span, rows, cols = at.unpack(RANGE_AND_SIZE)
    if kind != b"CM ":
        return low + span / np.iinfo(DTYPES[kind]).max * at.numbers((rows, cols), DTYPES[kind]).astype(np.float32)
    quantiles = low + span / 65535 * at.numbers((cols, 4), "<u2").astype(np.float32)
    levels = quantiles @ QUANTILE_WEIGHTS  # (cols, 256)
    return levels.take(at.numbers((cols, rows), "u1") + np.arange(0, 256 * cols, 256, dtype=np.int32)[:, None]).T
