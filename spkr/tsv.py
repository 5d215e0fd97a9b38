"""Tab-separated tables of numbers with a header line, which pandas reads and writes."""

import csv
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pandas as pd

from spkr.errors import InputError
from spkr.files import read_text, replacing

FORM = {"sep": "\t", "quoting": csv.QUOTE_NONE}


def write_tsv(path: str | Path, rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> None:
    """Write these columns of the rows, by rename. Floats get the column's format, such as .4f; unknown ones are nan."""
    cells = {column: [_cell(row[column], form) for row in rows] for column, form in columns.items()}
    with replacing(path) as f:
        pd.DataFrame(cells, dtype=str).to_csv(f, index=False, lineterminator="\n", **FORM)


def _cell(value: object, form: str) -> str:
    return f"{value:{form}}" if isinstance(value, float) else str(value)


def read_tsv(path: str | Path) -> pd.DataFrame:
    """Read a table whose cells are all numbers or nan: a float64 column for each name in the header line.

    Raises InputError as `read_text` does and, with the line, for a wrong number of columns or a cell that is not a
    number.
    """
    text = read_text(path).rstrip("\n")
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):  # for too many columns
            return pd.read_csv(
                io.StringIO(text), dtype=float, na_values=["nan", "NaN"], keep_default_na=False, index_col=False,
                skip_blank_lines=False, **FORM,
            )  # fmt: skip
    except (ValueError, pd.errors.ParserWarning) as e:
        _refuse(path, text, e)


def _refuse(path: str | Path, text: str, problem: Exception) -> NoReturn:
    """Raise InputError for the first line that is wrong."""
    head, *lines = text.split("\n")
    for number, line in enumerate(lines, 2):
        cells, names = line.split("\t"), head.split("\t")
        if len(cells) != len(names):
            raise InputError(f"{path}:{number}: {len(cells)} columns; expected {len(names)}, as in the first line")
        for name, cell in zip(names, cells, strict=True):
            try:
                float(cell)
            except ValueError:
                raise InputError(f"{path}:{number}: {name} {cell!r}; expected a number") from None
    raise InputError(f"{path}: cannot be read ({problem}); expected a head line, and numbers below it")
