"""Kaldi tables: an ark with its scp, of matrices or vectors.

An ark holds `key object key object ...` (spkr.kaldi.objects); a line of the scp says where an object begins:
`key path:offset`. Paths in an scp are relative to the working directory, as Kaldi resolves them.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from math import isfinite
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.compression import METHODS
from spkr.kaldi.cursor import Cursor
from spkr.kaldi.maps import read_map
from spkr.kaldi.objects import DAMAGES, encode, encode_text, read_array
from spkr.kaldi.specifiers import place_of, source_of, target_of

OPEN_ARKS = 200  # of one reader; systems allow a process at least 1,024 open files


class TableWriter:
    """Write an ark and its scp; both appear under their names when the block ends without an error.

    >>> with TableWriter("xvectors/test/xvector.ark") as table:     # and xvector.scp beside it
    ...     table["utt1"] = np.zeros(512, np.float32)

    The table may also have one of Kaldi's names (spkr.kaldi.specifiers): `ark:FILE` has no scp, `ark,t:FILE` is text.
    Keys must be unique and come in byte order. Values are matrices or vectors without NaN or infinity, written as
    float32; a vector of an integer type is written as int32. `compress` is Kaldi's method for matrices, 1 to 7, or 0
    for none (True is 1, Kaldi's default).
    """

    def __init__(self, name: str | Path, compress: int = 0):
        self.target = target_of(name)
        if compress not in (0, 1, *METHODS) or (compress and self.target.text):
            raise InputError(f"{name}: compression {compress}; expected 1 to 7 or, as in text, 0 for none")
        self.ark = self.target.ark
        self.encode = encode_text if self.target.text else lambda value: encode(value, compress)
        self.facts: dict[str, object] = {}  # for the manifest
        self.dims: set[int] = set()
        self.last, self.keys, self.position = "", 0, 0

    def __enter__(self):
        with ExitStack() as stack:  # the last one is closed first: an scp appears after its ark
            self._scp = stack.enter_context(replacing(self.target.scp)) if self.target.scp else None
            self._ark = stack.enter_context(replacing(self.ark, "wb", facts=self.facts))
            self._files = stack.pop_all()
        return self

    def __setitem__(self, key: str, value: np.ndarray) -> None:
        if key <= self.last:
            raise InputError(f"{self.ark}: key {key!r} after {self.last!r}; keys must be sorted and unique")
        try:
            value = self._checked(np.asarray(value))
            head, data = f"{key} ".encode(), self.encode(value)
        except ValueError as e:
            raise InputError(f"{self.ark}: {key}: {e}") from None
        self._ark.write(head + data)
        if self._scp:
            self._scp.write(f"{key} {self.ark}:{self.position + len(head)}\n")
        self.position += len(head) + len(data)
        self.dims.add(value.shape[-1])
        self.last, self.keys = key, self.keys + 1

    @staticmethod
    def _checked(value: np.ndarray) -> np.ndarray:
        """The value in the type that is written; ValueError if it cannot be written."""
        if not value.size or value.ndim not in (1, 2):
            raise ValueError(f"shape {value.shape}; expected a vector or a matrix that is not empty")
        if value.ndim == 1 and value.dtype.kind in "iu":
            if np.array_equal(integers := value.astype("<i4"), value):
                return integers
            raise ValueError("an integer of more than 32 bits")
        value = value.astype("<f4", copy=False)
        if not np.isfinite(value).all():
            raise ValueError("a value is not a number, or not finite")
        return value

    def __exit__(self, *error):
        self.facts |= {"keys": self.keys, **({"dim": min(self.dims)} if len(self.dims) == 1 else {})}
        return self._files.__exit__(*error)


class TableReader(Mapping):
    """The entries of one or more tables by key, read when they are asked for.

    >>> feats = TableReader("feats/test/feats.scp")
    >>> feats["utt1"].shape
    (300, 80)

    A table is an scp or, without one, an ark (`FILE.ark`, or Kaldi's `ark:FILE`), which is read once to find its
    entries. Values are float32, or int32 for a vector of integers. The last OPEN_ARKS arks that were used stay mapped
    into memory, which takes half the time of reading from files. Threads and forked processes may share a reader, and
    it can be pickled. `keys` has the keys that entries have in their arks, where a table names them differently.

    Raises InputError at once if a table is malformed, or if a key occurs twice or has no `path:offset`. Reading an
    entry raises InputError, which names file, key and offset, if the entry is missing, has another key, is cut short,
    empty or not finite.
    """

    def __init__(self, *tables: str | Path, keys: Mapping[str, str] | None = None):
        self.keys_in_arks = keys or {}
        self.places: dict[str, tuple[str, int]] = {}
        self._arks: dict[str, mmap] = {}
        for name in tables:
            found = _read_places(name)
            if shared := found.keys() & self.places.keys():
                first = next(other for other in tables if min(shared) in _read_places(other))
                raise InputError(f"{name}: {min(shared)!r} is in {first}, too; expected each name in one table")
            self.places |= found

    def __getitem__(self, key: str) -> np.ndarray:
        path, offset = self.places[key]
        try:
            ark = self._arks[path] = self._arks.pop(path, None) or _map(path)  # the last used comes last
            if len(self._arks) > OPEN_ARKS:
                del self._arks[next(iter(self._arks))]
            return _read_at(ark, offset, self.keys_in_arks.get(key, key))
        except DAMAGES as e:
            raise _damaged(f"{path}:{offset}", key, e) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, key: object) -> bool:
        return key in self.places

    def __getstate__(self) -> dict:
        return {"keys_in_arks": self.keys_in_arks, "places": self.places, "_arks": {}}

    def where(self, key: str) -> str:
        """The `path:offset` of a key, for messages."""
        return "{}:{}".format(*self.places[key])


def read_ark(path: str | Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (key, value) of an ark in its order, without an scp; values are those of TableReader.

    Raises InputError, which names file, key and offset, if an entry is cut short, damaged or not finite, or if a key
    occurs twice.
    """
    for key, _, value in _entries(path):
        yield key, value


def _entries(path: str | Path) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield (key, offset, value) of an ark; raises as `read_ark` does."""
    seen, key, offset = set(), "", 0
    try:
        at = Cursor(_map(path))
        while at.position < len(at.data):
            key, offset = "", at.position
            _check_whole(at.data)
            key = at.read_to(b" ")[:-1].decode()
            offset = at.position
            if not key.isprintable() or key in seen:
                raise ValueError("the key is in this ark twice" if key in seen else "it does not begin with a key")
            seen.add(key)
            yield key, offset, _read_value(at)
    except DAMAGES as e:
        raise _damaged(f"{path}:{offset}", key, e) from None


def read_vectors(*names: str | Path) -> tuple[list[str], np.ndarray]:
    """Read whole tables of vectors: their keys, and a float32 array (number of keys, dimension)."""
    table = TableReader(*names)
    vectors = np.empty((len(table), 0), np.float32)
    for row, (key, vector) in enumerate(table.items()):
        if row == 0 and vector.ndim == 1:
            vectors = np.empty((len(table), len(vector)), np.float32)
        if vector.shape != vectors.shape[1:]:
            expected = f"a vector of dimension {vectors.shape[1]}" if row else "a vector"
            raise InputError(f"{table.where(key)}: {key} has shape {vector.shape}; expected {expected}")
        vectors[row] = vector
    return list(table), vectors


def _read_places(name: str | Path) -> dict[str, tuple[str, int]]:
    """The path and offset of each entry of a table."""
    path, is_ark = source_of(name)
    if is_ark:
        return {key: (str(path), offset) for key, offset, _ in _entries(path)}
    places, entries = {}, read_map(path)
    try:
        for key, where in entries.items():
            places[key] = place_of(where)
    except ValueError as e:
        raise InputError(f"{path}:{len(places) + 1}: entry {key!r} is {where!r}: {e}") from None
    return places


def _damaged(where: str, key: str, error: Exception) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"{where}: no such file" + (f" (entry {key!r})" if key else ""))
    if isinstance(error, OSError):
        return InputError(f"{where}: cannot be read ({error.strerror})")
    return InputError(f"{where}: entry {key!r} cannot be read ({error}); make the table again")


def _map(path: str | Path) -> mmap:
    with open(path, "rb") as f:  # noqa: PTH123, a third faster than Path.open
        return mmap(f.fileno(), 0, access=ACCESS_READ)


def _check_whole(ark: mmap) -> None:
    if ark.size() < len(ark):  # touching bytes that are gone would kill the process
        raise ValueError("the file was cut short while it was open")


def _read_at(ark: mmap, offset: int, key: str) -> np.ndarray:
    """The value that begins at `offset`, after its key; raises one of DAMAGES."""
    _check_whole(ark)
    name = f"{key} ".encode()
    found = ark[max(offset - len(name), 0) : offset]
    if found != name:
        raise ValueError(f"found {found!r} in place of its key" if found else "the file ends before it")
    return _read_value(Cursor(ark, offset))


def _read_value(at: Cursor) -> np.ndarray:
    """The object that begins here, in the type that tables give; raises one of DAMAGES if it cannot be read."""
    value = read_array(at)
    if value.dtype == np.float64:
        value = value.astype(np.float32)
    # A finite sum of squares takes half the time, and shows that all values are finite
    if not isfinite(np.vdot(value, value)) and not np.isfinite(value).all():
        raise ValueError("a value is not a number, or not finite")
    return value
