"""Kaldi tables: an ark with its scp, of matrices or vectors.

An ark holds `key object key object ...`; a line of the scp says where one object begins: `key path:offset`.
Paths in an scp are relative to the working directory, as Kaldi resolves them.
"""

from collections.abc import Iterator
from pathlib import Path

import kaldiio
import numpy as np

from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.datadir import read_map

KALDI_DEFAULT_COMPRESSION = 1  # per-column headers and a byte an element; two bytes for eight rows or fewer


class TableWriter:
    """Write an ark and its scp; both appear under their names when the block ends without an error.

    >>> with TableWriter("xvectors/test/xvector.ark") as table:     # and xvector.scp beside it
    ...     table["utt1"] = np.zeros(512, np.float32)

    Keys must come in byte order, once each; values are float32 matrices or vectors without NaN or infinity.
    """

    def __init__(self, ark: str | Path, compress: bool = False):
        self.ark = Path(ark)
        self.compression = KALDI_DEFAULT_COMPRESSION if compress else None
        self.lines: list[str] = []
        self.last = ""

    def __enter__(self):
        self._replacing = replacing(self.ark, "wb")
        self._file = self._replacing.__enter__()
        return self

    def __setitem__(self, key: str, value: np.ndarray) -> None:
        if key <= self.last:
            raise InputError(f"{self.ark}: key {key!r} after {self.last!r}; keys must be sorted and unique")
        if not value.size:
            raise InputError(f"{self.ark}: {key} is empty")
        if not np.isfinite(value).all():
            raise InputError(f"{self.ark}: {key} has a value that is not a number or not finite")
        offset = self._file.tell() + len(key.encode()) + 1
        kaldiio.save_ark(self._file, {key: np.asarray(value, np.float32)}, compression_method=self.compression)
        self.lines.append(f"{key} {self.ark}:{offset}\n")
        self.last = key

    def __exit__(self, kind, error, traceback):
        if self._replacing.__exit__(kind, error, traceback) or error is not None:
            return
        with replacing(self.ark.with_suffix(".scp")) as f:
            f.writelines(self.lines)


def read_object(where: str, key: str = "") -> np.ndarray:
    """Read the matrix or vector at `path:offset`.

    Raises InputError naming file, key and offset where it is cut short, damaged or not finite.
    """
    try:
        value = kaldiio.load_mat(where)
    except FileNotFoundError:
        raise InputError(f"{where}: no such file (entry {key!r})") from None
    except Exception as e:  # kaldiio raises whatever the damaged bytes led it to
        raise InputError(f"{where}: entry {key!r} cannot be read ({e}); make the table again") from None
    if not isinstance(value, np.ndarray) or not value.size or not np.isfinite(value).all():
        raise InputError(f"{where}: entry {key!r} is empty or not finite; make the table again")
    return value


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
    return keys, np.stack(vectors).astype(np.float32)
