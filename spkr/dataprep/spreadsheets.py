"""Recordings in a table: CSV or TSV with a header."""

import csv
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from spkr.audio.channels import EXPECTED, NAMES
from spkr.corpus.script import SETS
from spkr.dataprep import SHOWN
from spkr.errors import InputError
from spkr.kaldi.fields import decimal

NEEDED = ("audio", "speaker")
SHORTEST = 0.001  # seconds of a part, as segments have milliseconds
GENDERS = {"f": "f", "female": "f", "w": "f", "woman": "f", "m": "m", "male": "m", "man": "m", "": ""}


def read_spreadsheet(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """The recordings of a table with the columns audio and speaker, and perhaps the others of spkr.dataprep.

    Rows without any value are skipped.

    Args: columns has names of columns by what they are here: {"audio": "path"}.
    Raises InputError, with the line, for a broken row, and for a column that is missing.
    """
    table = _read(path)
    if unknown := [theirs for theirs in columns.values() if theirs not in table]:
        raise InputError(f"{path}:1: no column {unknown[0]!r}; it has {', '.join(table)}")
    replaced = [ours for ours in columns if ours in table and ours not in columns.values()]
    table = table.drop(columns=replaced).rename(columns={theirs: ours for ours, theirs in columns.items()})
    if missing := [name for name in NEEDED if name not in table]:
        advice = f"name it: --column {missing[0]}=COLUMN"
        raise InputError(f"{path}:1: no column {missing[0]!r}; it has {', '.join(table)}; {advice}")
    within = sum(table[name].str.count("\n") for name in table)  # line ends in quotes
    table["place"] = [f"{path}:{row + lines}" for row, lines in enumerate(within.cumsum().shift(fill_value=0), 2)]
    table = table[(table.drop(columns="place") != "").any(axis=1)]
    if table.empty:
        raise InputError(f"{path}: no recordings in it; expected a header and a row for each recording")
    return table


def _read(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as f:
            delimiter = max("\t;,", key=f.readline().count)
        names = _names(path, delimiter)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # where all rows have more fields than the header
            table = pd.read_csv(path, sep=delimiter, dtype=str, keep_default_na=False, encoding="utf-8-sig",
                                names=names, header=0, skip_blank_lines=False, index_col=False)  # fmt: skip
    except pd.errors.ParserWarning:
        raise _uneven(path, delimiter, len(names)) from None
    except pd.errors.ParserError as e:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(e))
        where = f":{found[2]}: {found[3]} fields; expected {found[1]}" if found else f": {str(e).strip()}"
        raise InputError(f"{path}{where}") from None
    except (UnicodeDecodeError, OSError) as e:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({e})") from None
    if (table[names[-1]] == "").any() and (error := _uneven(path, delimiter, len(names))):
        raise error
    return table


def _uneven(path: Path, delimiter: str, fields: int) -> InputError | None:
    """The error for the first row of another number of fields than the header has; None if all rows have as many."""
    for number, row in _rows(path, delimiter):
        if row and len(row) != fields:
            return InputError(f"{path}:{number}: {len(row)} fields; expected {fields}, as in the header")
    return None


def _names(path: Path, delimiter: str) -> list[str]:
    """The names of the columns; InputError for an empty file and for two of one name."""
    names = [name.strip() for name in next(_rows(path, delimiter), (1, []))[1]]
    if not any(names):
        raise InputError(f"{path}: an empty file; expected a header and a row for each recording")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{path}:1: two columns {twice[0]!r}")
    return names


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The line that each row begins on, and its fields."""
    with path.open(encoding="utf-8-sig", newline="") as f:
        rows, begin = csv.reader(f, delimiter=delimiter), 1
        for row in rows:
            yield begin, row
            begin = rows.line_num + 1


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Check the values of recordings from a table or a manifest, and make start and end numbers.

    Raises InputError, with the place, for an empty audio or speaker, a number that is none, an end before the start,
    and an unknown set or gender.
    """
    for name in NEEDED:
        _refuse(table, table[name].str.strip() == "", f"no {name}")
    for name in ("start", "end", *({"seconds"} & set(table))):
        table[name] = [_seconds(v, p, name) for v, p in zip(_column(table, name), table["place"], strict=True)]
    _refuse(table, table["start"] < 0, "start is below zero")
    _refuse(table, table["end"] - table["start"].fillna(0.0) < SHORTEST, "end is not behind start")
    if "set" in table:
        _refuse(table, ~table["set"].isin([*SETS, ""]), f"an unknown set; expected {', '.join(SETS)} or nothing")
    if "channel" in table:
        wrong = ~table["channel"].str.fullmatch(f"{'|'.join(NAMES)}|[0-9]{{1,4}}|")
        _refuse(table, wrong, f"an unknown channel; expected {EXPECTED}, or nothing")
    if "gender" in table:
        genders = table["gender"].str.strip().str.lower()
        _refuse(table, ~genders.isin(list(GENDERS)), "an unknown gender; expected f or m, or nothing")
        table["gender"] = genders.map(GENDERS)
    return table


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    return table[name] if name in table else pd.Series("", index=table.index)


def _seconds(value: object, place: str, name: str) -> float:
    try:
        return float(value) if isinstance(value, float) else decimal(value.strip()) if value.strip() else math.nan
    except ValueError:
        raise InputError(f"{place}: {name} {value!r}; expected seconds") from None


def _refuse(table: pd.DataFrame, wrong: pd.Series, why: str) -> None:
    if wrong.any():
        places = table["place"][wrong].tolist()
        more = f", and {len(places) - 1} more: {', '.join(places[1:SHOWN])}" if len(places) > 1 else ""
        raise InputError(f"{places[0]}: {why}{more}")


def located_audio(table: pd.DataFrame, beside: Path) -> pd.DataFrame:
    """Make the audio's paths absolute: they are relative to the folder of the table, or to the working directory.

    Raises InputError for files that are in neither, and names both.
    """
    files = table["audio"].drop_duplicates()
    found, missing = {}, []
    for name in files:
        if name.rstrip().endswith("|"):
            found[name] = name
            continue
        for folder in (beside, Path.cwd()):
            if (path := folder / Path(name).expanduser()).is_file():
                found[name] = str(path.absolute())
                break
        else:
            missing.append(name)
    if missing:
        first = next(p for name, p in zip(table["audio"], table["place"], strict=True) if name == missing[0])
        raise InputError(
            f"{first}: {missing[0]}: no such file in {beside} or in {Path.cwd()}; {len(missing)} of {len(files)} files "
            "are missing"
        )
    return table.assign(audio=table["audio"].map(found))
