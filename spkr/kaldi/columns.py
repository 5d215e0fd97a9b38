"""Text of few columns and millions of lines, such as trial lists and scores, a piece of the file at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from spkr.errors import InputError
from spkr.kaldi.decimals import LAST, parse_decimals, words_before
from spkr.kaldi.names import Names

PIECE = 1 << 18  # bytes: what is made of a piece stays in a processor's cache, and any file fits into memory
TARGET, NONTARGET = b"target", b"nontarget"
BEFORE = b" " * 16  # stands before the text of each piece, whose fields are read in words of eight characters
TARGET_WORD, NONTARGET_WORD = (words_before(BEFORE + x, np.array([len(BEFORE + x)]))[0] for x in (TARGET, NONTARGET))


@dataclass
class Piece:
    """Some whole lines of a file, all of the same number of columns."""

    path: str | Path
    first: int  # the number of its first line, from 1
    text: bytes  # BEFORE, then the lines: fields parted by one blank or tab, lines by b"\n"
    starts: np.ndarray  # (lines, columns): where in `text` each field begins
    ends: np.ndarray  # (lines, columns): and where it ends

    def __post_init__(self):
        self.lines, self.columns = self.ends.shape

    def field(self, line: int, column: int) -> bytes:
        """One field; `line` is counted from 0."""
        return self.text[self.starts[line, column] : self.ends[line, column]]

    def places(self, column: int, names: Names, add: bool = True) -> np.ndarray:
        """A column as numbers among these names, int32 (lines,); -1 for new ones, unless they are to be added."""
        return names.places(self.text, self.starts[:, column], self.ends[:, column], add)

    def targets(self, column: int) -> np.ndarray:
        """A column of `target` and `nontarget` as bool (lines,); InputError for another label."""
        length = self.ends[:, column] - self.starts[:, column]
        last = words_before(self.text, self.ends[:, column])
        target = (length == len(TARGET)) & ((last ^ TARGET_WORD) & LAST[len(TARGET)] == 0)
        nontarget = (length == len(NONTARGET)) & (last == NONTARGET_WORD)
        nontarget &= np.frombuffer(self.text, np.uint8)[self.starts[:, column]] == NONTARGET[0]
        known = target | nontarget
        if not known.all():
            line = int(known.argmin())
            label = self.field(line, column).decode(errors="replace")
            self.refuse(line, f"label {label!r}; expected target or nontarget")
        return target

    def scores(self, column: int) -> np.ndarray:
        """A column of numbers as float64 (lines,); InputError for a field that is no number, or not finite."""
        starts, ends = self.starts[:, column], self.ends[:, column]
        scores, done = parse_decimals(self.text, starts, ends)
        others = np.flatnonzero(~done)
        for line, start, end in zip(*(x.tolist() for x in (others, starts[others], ends[others])), strict=True):
            try:
                scores[line] = float(self.text[start:end])
            except ValueError:
                self.refuse(line, f"score {self.text[start:end].decode(errors='replace')!r}; expected a number")
        if not (finite := np.isfinite(scores)).all():
            line = int(finite.argmin())
            self.refuse(line, f"score {scores[line]}; expected a finite number, score again")
        return scores

    def refuse(self, line: int, problem: str) -> NoReturn:
        """Raise InputError for one of its lines, from 0."""
        raise InputError(f"{self.path}:{self.first + line}: {problem}")


def read_pieces(path: str | Path, *forms: str) -> Iterator[Piece]:
    """Read a file whose lines all have the number of fields of one of `forms`, such as `<enrolment> <test>`.

    Fields are parted by blanks or tabs, and are bytes. Raises InputError where the file is missing, unreadable or
    empty, and, with the line, for a line of another form than the first one.
    """
    of_length = {len(form.split()): form for form in forms}
    first = 1
    try:
        with Path(path).open("rb") as f:
            while len(text := b"".join((BEFORE, f.read(PIECE), f.readline()))) > len(BEFORE):
                text += b"" if text.endswith(b"\n") else b"\n"
                if first == 1 and (columns := len(text[: text.index(b"\n")].split())) in of_length:
                    of_length = {columns: of_length[columns]}
                places = _places(text, of_length)
                if places is None:
                    text = _tidy(path, first, text, of_length)
                    places = _places(text, of_length)
                piece = Piece(path, first, text, *places)
                first += piece.lines
                yield piece
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from None
    if first == 1:
        raise InputError(f"{path}: the file is empty; expected at least one line")


def _places(text: bytes, of_length: dict[int, str]) -> tuple[np.ndarray, np.ndarray] | None:
    """Where each field begins and ends, or None unless all lines have one length and single bytes part their fields."""
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(characters <= ord(" "))[len(BEFORE) - 1 :]
    columns, *more = of_length
    starts, ends = ends[:-1] + 1, ends[1:]
    if more or len(ends) % columns or (starts == ends).any():
        return None
    starts, ends = starts.reshape(-1, columns), ends.reshape(-1, columns)
    is_newline = characters[ends] == ord("\n")
    return (starts, ends) if is_newline[:, -1].all() and not is_newline[:, :-1].any() else None


def _tidy(path: str | Path, first: int, text: bytes, of_length: dict[int, str]) -> bytes:
    """The same lines with single blanks; InputError for the first of another length, or with a control character."""
    lines = text[len(BEFORE) :].removesuffix(b"\n").split(b"\n")
    fields = [line.split() for line in lines]
    for number, (line, found) in enumerate(zip(lines, fields, strict=True), first):
        if len(found) not in of_length or min(b"".join(found)) <= ord(" "):
            expected = "' or '".join(of_length.values())
            raise InputError(f"{path}:{number}: expected '{expected}', found {line.decode(errors='replace')!r}")
    return BEFORE + b"".join(b" ".join(line) + b"\n" for line in fields)
