"""The arks that training reads: reading them in stretches, and checking that they have not changed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.kaldi.table import TableReader

STRETCH = 64  # utterances; 1.5 MB at three seconds each and one byte per coefficient
PIECE = 1 << 20  # bytes read at a time
BLOCK, BLOCKS = 1 << 16, 64  # size in bytes, and number, of the parts of an ark that are compared


@dataclass(frozen=True)
class Stretch:
    """Utterances that lie one after another in an ark: their numbers (n,), and the spans of bytes that hold them.

    An ark has the utterances of a speaker side by side. Read in order, it would fill a shuffle buffer with only a few
    speakers. Short stretches from everywhere mix well in the same buffer, and a disk moves its head only once for each.
    """

    utts: np.ndarray
    spans: tuple[tuple[str, int, float], ...]  # path, begin and end, one for each table

    def read(self) -> None:
        """Read the stretch into the system's cache, for all processes of the machine."""
        for path, begin, end in self.spans:
            try:
                with Path(path).open("rb", buffering=0) as f:
                    f.seek(begin)
                    while f.tell() < end and f.read(PIECE):
                        pass
            except OSError:  # the reader of its utterances reports what is wrong
                return


def stretches(tables: Sequence[TableReader], utts: Sequence[str]) -> list[Stretch]:
    """Cut the indices of `utts` into stretches, in the order of the arks of the first table.

    The spans of the other tables are right if these have the same order as the first.
    """
    places, found = tables[0].places, []
    in_arks = sorted(range(len(utts)), key=lambda i: places[utts[i]])
    for _, of_ark in groupby(in_arks, key=lambda i: places[utts[i]][0]):
        ark = list(of_ark)
        for begin in range(0, len(ark), STRETCH):
            first, after = utts[ark[begin]], ark[begin + STRETCH : begin + STRETCH + 1]
            spans = tuple(_span(table, first, utts[after[0]] if after else None) for table in tables)
            found.append(Stretch(np.array(ark[begin : begin + STRETCH]), spans))
    return found


def _span(table: TableReader, first: str, after: str | None) -> tuple[str, int, float]:
    """The bytes from one utterance up to another, or to the end of the ark."""
    path, begin = table.places[first]
    other, end = table.places[after] if after else (path, np.inf)
    return path, begin, end if other == path else np.inf


class Arks:
    """The arks of some tables, with `digests` of their content now; for a large ark, of 4 MiB spread evenly over it."""

    def __init__(self, tables: Sequence[TableReader]):
        paths = sorted({path for table in tables for path, _ in table.places.values()})
        self.seen = {path: _status(path) for path in paths}
        self.digests = {path: _digest(path) for path in paths}

    def check(self) -> None:
        """Raise InputError, naming the ark, if one has changed since this was made."""
        for path, seen in self.seen.items():
            if (now := _status(path)) != seen:
                if _digest(path) != self.digests[path]:
                    raise InputError(f"{path}: changed while it was trained on; restore it, and start again")
                self.seen[path] = now


def _status(path: str) -> tuple[int, int]:
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; restore it, or make the features again") from None
    return status.st_size, status.st_mtime_ns


def _digest(path: str) -> str:
    size, digest = Path(path).stat().st_size, hashlib.sha256()
    digest.update(f"{size} ".encode())
    with Path(path).open("rb", buffering=0) as f:
        for begin in range(0, size, max(BLOCK, size // BLOCKS)):
            f.seek(begin)
            digest.update(f.read(BLOCK))
    return digest.hexdigest()
