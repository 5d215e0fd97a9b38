"""Tables in text: lines of a few fields, such as trial lists, scores and utt2spk, read by pandas.

pandas reads a whole file at once and does not say where it is wrong. A file that is refused is read a second time, line
by line, so that the error names the line.
"""

import csv
import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
from pandas.api.types import is_string_dtype

from spkr.errors import InputError
from spkr.files import byte_order_mark
from spkr.kaldi.fields import DECIMAL, decimal

BOM = b"\xef\xbb\xbf"
CONTROLS = bytes({*range(32), 127} - set(b"\t\n\r"))
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
EXCESS = "more fields"  # a column that stays empty unless a line has too many fields


def read_table(path: str | Path, *forms: str, names: Sequence[str] = (), numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Read a file whose lines all have the fields of one of `forms`, such as `<utterance> <speaker>`.

    Fields are separated by blanks or tabs, lines by a newline that a carriage return may precede; the text is UTF-8.

    Args:
        path: a file, or a pipe such as /dev/stdin
        forms: possible forms of the lines, with different numbers of fields; the first line decides which one it is
        names: columns to return as categories, if the form has them: smaller and faster if names occur often
        numbers: columns to return as float64, if the form has them
    Returns: a column for each field (str unless named above), `utterance` for `<utterance>`; row k is line k + 1.
    Raises InputError if the file is missing, unreadable, empty or starts with a byte order mark, and, with the line,
    for a wrong number of fields, an empty line, a control character, and a number that is malformed or not finite.
    """
    text = _read_text(path)
    form = _form_of_first_line(path, text, forms)
    columns = _columns(form)
    names, numbers = ([column for column in columns if column in kind] for kind in (names, numbers))
    dtypes = dict.fromkeys(columns, "str") | dict.fromkeys(names, "category") | dict.fromkeys(numbers, float)
    try:
        table = _parse(text, dtypes)
        # If all names look like numbers, pandas turns them into numbers: 001 becomes 1
        if not all(is_string_dtype(table[name].cat.categories) for name in names):
            table = _parse(text, dtypes | dict.fromkeys(names, "str")).astype(dict.fromkeys(names, "category"))
    except (ValueError, pd.errors.ParserWarning) as e:  # ValueError: from the parser, a number or UTF-8
        _refuse(path, text, [form], numbers, str(e))
    whole = not table.pop(EXCESS).any() and not (table[columns[-1]] == "").any()
    finite = np.isfinite(table[numbers]).all(axis=None)
    if not whole or not finite or _has_controls(text):
        _refuse(path, text, [form], numbers, "malformed")
    return table


def _parse(text: bytes, dtypes: dict) -> pd.DataFrame:
    with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):  # for too many fields in a line
        return pd.read_csv(
            io.BytesIO(text), sep=r"\s+", header=None, names=[*dtypes, EXCESS], dtype=dtypes | {EXCESS: "str"},
            na_filter=False, quoting=csv.QUOTE_NONE, index_col=False, skip_blank_lines=False, low_memory=False,
        )  # fmt: skip


def _read_text(path: str | Path) -> bytes:
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from None
    if text.startswith(BOM) or b"\n" + BOM in text:
        raise byte_order_mark(path, text[: (b"\n" + text).index(b"\n" + BOM)].count(b"\n") + 1)
    if not text:
        raise InputError(f"{path}: the file is empty; expected at least one line")
    return text


def _form_of_first_line(path: str | Path, text: bytes, forms: Sequence[str]) -> str:
    fields = len(text.partition(b"\n")[0].split())
    for form in forms:
        if len(form.split()) == fields:
            return form
    return _refuse(path, text, forms, (), "malformed")


def _columns(form: str) -> list[str]:
    return [field.strip("<>") for field in form.split()]


def _has_controls(text: bytes) -> bool:
    return len(text.translate(None, CONTROLS)) < len(text) or text.count(b"\r") > text.count(b"\r\n")


def _refuse(path: str | Path, text: bytes, forms: Sequence[str], numbers: Sequence[str], problem: str) -> NoReturn:
    """Raise InputError for the first line that has none of these forms, or for the file if there is no such line."""
    of_length = {len(form.split()): _columns(form) for form in forms}
    forms_in_words = " or ".join(f"'{form}'" for form in forms)
    expected = f"expected {forms_in_words}"
    for number, line in enumerate(text.removesuffix(b"\n").split(b"\n"), 1):
        shown = line.removesuffix(b"\r")
        fields = shown.split()
        try:
            shown.decode()
        except UnicodeDecodeError:
            raise InputError(f"{path}:{number}: {shown!r} is not UTF-8 text; expected a text file") from None
        if (control := next((byte for byte in shown if byte in CONTROLS + b"\r"), None)) is not None:
            raise InputError(f"{path}:{number}: a control character ({control:#04x}) in {shown!r}; {expected}")
        if len(fields) not in of_length:
            raise InputError(f"{path}:{number}: {expected}, found {shown.decode()!r}")
        for column, field in zip(of_length[len(fields)], fields, strict=True):
            if column in numbers and not is_finite_number(field):
                found = field.decode()
                kind = "finite number" if NOT_FINITE.fullmatch(found) or DECIMAL.fullmatch(found) else "number"
                raise InputError(f"{path}:{number}: {column} {found!r}; expected a {kind}, as in {forms_in_words}")
    raise InputError(f"{path}: cannot be read ({problem}); {expected} in each line")


def is_finite_number(field: bytes) -> bool:
    """Whether a field of text is a finite decimal number."""
    try:
        decimal(field.decode())
    except ValueError:
        return False
    return True
