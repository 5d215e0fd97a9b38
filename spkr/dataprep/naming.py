"""Kaldi's ids for a user's speakers and recordings: without blanks, the speaker first, each one once."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import pandas as pd

from spkr.errors import InputError
from spkr.kaldi.rules import is_command, safe


def speaker_ids(names: Iterable[str], dashes: bool = True) -> dict[str, str]:
    """An id for each speaker; a number is added where two names would get the same id."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(set(names)):
        ids[name] = _free(safe(name, dashes), taken, "_")
        taken.add(ids[name])
    return ids


def with_ids(table: pd.DataFrame) -> pd.DataFrame:
    """The recordings with the columns spk, reco and utt, ids of the speaker, the recording and the utterance.

    An utterance is named after its speaker and its file, with as many folders as tell the speaker's files apart, and,
    for a part of a recording, with its start and end in hundredths of a second. Ids in a column utt are kept, and so
    are their speakers' names.

    Kaldi sorts by utterance and by speaker, and the orders must agree. Where `ann-b-1` is one of ann-b, but before
    `ann-x` of ann, speakers' ids have _ for -, and a - alone ends them in all utterances' ids.
    Raises InputError for ids of the user's that have blanks or occur twice.
    """
    parts = table["start"].notna() | table["end"].notna()
    shared = parts.any() or table["audio"].duplicated().any()
    if "utt" in table:
        spk, utt = table["speaker"], _checked(table)
    else:
        spk, utt = _named(table)
        if not spk[utt.argsort()].is_monotonic_increasing:
            spk, utt = _named(table, dashes=False)
    reco = pd.Series(_recordings(table), index=table.index) if shared else utt
    return table.assign(spk=spk, reco=reco, utt=utt).sort_values("utt", ignore_index=True)


def _checked(table: pd.DataFrame) -> pd.Series:
    """The ids in the column utt; InputError for blanks in them or in a speaker's, and for one that occurs twice."""
    for column in ("utt", "speaker"):
        wrong = ~table[column].str.fullmatch(r"\S+")
        if wrong.any():
            where, name = table[wrong].iloc[0][["place", column]]
            raise InputError(f"{where}: {column} {name!r}; expected an id without blanks, as utterances have ids")
    if (twice := table["utt"].duplicated()).any():
        where, name = table[twice].iloc[0][["place", "utt"]]
        raise InputError(f"{where}: the id {name!r} a second time; expected each id once")
    return table["utt"]


def _named(table: pd.DataFrame, dashes: bool = True) -> tuple[pd.Series, pd.Series]:
    """Ids of the speaker and the utterance of each row; without `dashes`, a speaker's id has no -."""
    spk = table["speaker"].map(speaker_ids(table["speaker"], dashes))
    return spk, pd.Series(_utterances(table, spk, "-_." if dashes else "-"), index=table.index)


def _utterances(table: pd.DataFrame, spk: pd.Series, ends: str) -> list[str]:
    """An id for each row. Rows of one speaker are told apart by their files' names.

    Args: ends are the characters of which one must follow the speaker in a name that begins with it.
    """
    names: dict[tuple[str, str], str] = {}
    for speaker, files in table["audio"].groupby(spk):
        names |= {(speaker, file): name for file, name in _short_names(files.unique(), speaker).items()}
    taken: set[str] = set()
    result = []
    channels = table["channel"] if "channel" in table else [""] * len(table)
    for file, speaker, start, end, channel in zip(
        table["audio"], spk, table["start"], table["end"], channels, strict=True
    ):
        name = names[speaker, file]
        name = (
            name
            if name.startswith(tuple(f"{speaker}{end}" for end in ends)) or name == speaker
            else f"{speaker}-{name}"
        )
        name += f"-{channel}" if channel else ""
        if start == start or end == end:  # not nan
            last = f"-{round(100 * end):07d}" if end == end else ""
            name += f"-{round(100 * (start if start == start else 0)):07d}{last}"
        result.append(_free(name, taken))
        taken.add(result[-1])
    return result


def _recordings(table: pd.DataFrame) -> list[str]:
    """An id for each row's recording: the same file and channel have the same one."""
    names = _short_names(table["audio"].unique(), "")
    channels = table["channel"] if "channel" in table else [""] * len(table)
    return [names[file] + (f"-{c}" if c else "") for file, c in zip(table["audio"], channels, strict=True)]


def _short_names(files: Iterable[str], speaker: str) -> dict[str, str]:
    """A safe name for each file: its stem, and as many of the folders above it as make all names differ."""
    paths = {file: _parts(file, speaker) for file in files}
    deepest = max(map(len, paths.values()))
    for depth in range(1, deepest + 1):
        names = {file: "-".join(parts[-depth:]) for file, parts in paths.items()}
        if len(set(names.values())) == len(names):
            return names
    groups: Mapping[str, list[str]] = defaultdict(list)
    for file in sorted(names):
        groups[names[file]].append(file)
    return {f: name + (f"-{k}" if k > 1 else "") for name, same in groups.items() for k, f in enumerate(same, 1)}


def _parts(file: str, speaker: str) -> list[str]:
    """The folders and the stem of a file as safe names, from the speaker's folder on if it is among them."""
    if is_command(file):
        words = [word for word in re.split(r"[\s|'\"]+", file) if "/" in word or "." in word]
        file = words[-1] if words else "command"
    path = PurePosixPath(file)
    parts = [safe(part) for part in (*path.parts[1:-1], path.stem)]
    if speaker in parts[:-1]:
        parts = parts[len(parts) - parts[::-1].index(speaker, 1) :]
    return parts


def _free(name: str, taken: set[str], before_number: str = "-") -> str:
    """The name, or with the first number behind it that is not taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}{before_number}{number}"
    return free
