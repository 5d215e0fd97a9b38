"""Kaldi's ids for a user's speakers and recordings: without blanks, the speaker first, each one once."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import pandas as pd

from spkr.kaldi.rules import is_command


def safe(name: str) -> str:
    """A name as an id: letters and digits of any script stay, and so do . _ and -; all else becomes _."""
    composed = unicodedata.normalize("NFC", name.strip())
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in composed) or "_"


def speaker_ids(names: Iterable[str]) -> dict[str, str]:
    """An id for each speaker; a number is added where two names would get the same id."""
    ids: dict[str, str] = {}
    for name in sorted(set(names)):
        ids[name] = _free(safe(name), set(ids.values()))
    return ids


def with_ids(table: pd.DataFrame) -> pd.DataFrame:
    """The recordings with the columns spk, reco and utt, ids of the speaker, the recording and the utterance.

    An utterance is named after its speaker and its file, with as many folders as tell the speaker's files apart, and,
    for a part of a recording, with its start and end in hundredths of a second. Ids in a column utt are kept, where
    their speakers' names are ids as they are.
    """
    speakers = speaker_ids(table["speaker"])
    spk = table["speaker"].map(speakers)
    parts = table["start"].notna() | table["end"].notna()
    shared = parts.any() or table["audio"].duplicated().any()
    if "utt" in table and (spk == table["speaker"]).all():
        utt = table["utt"]
    else:
        utt = pd.Series(_utterances(table, spk), index=table.index)
    reco = pd.Series(_recordings(table), index=table.index) if shared else utt
    return table.assign(spk=spk, reco=reco, utt=utt).sort_values("utt", ignore_index=True)


def _utterances(table: pd.DataFrame, spk: pd.Series) -> list[str]:
    """An id for each row. Rows of one speaker are told apart by their files' names."""
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
        name = name if re.match(rf"{re.escape(speaker)}[-_.]|{re.escape(speaker)}$", name) else f"{speaker}-{name}"
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


def _free(name: str, taken: set[str]) -> str:
    """The name, or with the first number behind it that is not taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
