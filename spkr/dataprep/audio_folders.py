"""Recordings in folders: a folder a speaker, and folders of sessions in it; or a pattern for names."""

import re
from pathlib import Path

import pandas as pd

from spkr.audio.audio_files import audio_files
from spkr.corpus.script import SETS
from spkr.dataprep import SHOWN
from spkr.errors import InputError

GROUPS = ("speaker", "session", "gender", "set")  # of a pattern


def read_folder(folder: Path, pattern: str | None = None) -> pd.DataFrame:
    """The recordings below a folder.

    The speaker is the first folder below it; folders in that are a session. Above, folders that hold one folder only
    are passed, and folders named as sets (train, valid, dev, test) say the set.

    Args: pattern is a regular expression with a group `speaker`, and perhaps session, gender and set; it must match
    the whole of each path below the folder, or of each name.
    Raises InputError for a folder without audio, recordings outside of speakers' folders, and names that do not match.
    """
    paths = audio_files(folder)
    rows = _by_pattern(folder, paths, pattern) if pattern else _by_folder(folder, paths)
    table = pd.DataFrame(rows).fillna("")
    table["audio"] = table["place"] = [str(path) for path in paths]
    return table.assign(start=float("nan"), end=float("nan"))


def _by_folder(folder: Path, paths: list[Path]) -> list[dict[str, str]]:
    parts = [path.relative_to(folder).parts for path in paths]
    while len({p[0] for p in parts}) == 1 and min(map(len, parts)) > 2:  # one folder, with folders in it
        parts = [p[1:] for p in parts]
    by_set = {p[0] for p in parts} <= set(SETS) and min(map(len, parts)) > 2
    names = [p[0] if by_set else "" for p in parts]
    parts = [p[1:] if by_set else p for p in parts]
    if outside := [path for path, p in zip(paths, parts, strict=True) if len(p) < 2]:
        raise InputError(
            f"{folder}: {len(outside)} recordings are in no folder of a speaker, first {outside[0]}; expected "
            "SPEAKER/recording.wav, or give --speaker-pattern"
        )
    sessions = ["/".join(p[:-1]) if len(p) > 2 else "" for p in parts]
    rows = [{"speaker": p[0], "session": s, "set": n} for p, s, n in zip(parts, sessions, names, strict=True)]
    unknown = [key for key in ("session", "set") if not any(row[key] for row in rows)]
    return [{key: value for key, value in row.items() if key not in unknown} for row in rows]


def _by_pattern(folder: Path, paths: list[Path], pattern: str) -> list[dict[str, str]]:
    try:
        form = re.compile(pattern)
    except re.error as e:
        raise InputError(f"--speaker-pattern {pattern!r}: {e}; expected a regular expression") from None
    if "speaker" not in form.groupindex:
        raise InputError(
            f"--speaker-pattern {pattern!r}: no group (?P<speaker>...); expected one, as (?P<speaker>[^_]+)_.*"
        )
    matches = [form.fullmatch(str(path.relative_to(folder))) or form.fullmatch(path.name) for path in paths]
    if unmatched := [str(path) for path, match in zip(paths, matches, strict=True) if not match]:
        shown = ", ".join(unmatched[:SHOWN])
        raise InputError(
            f"--speaker-pattern {pattern!r} does not match {len(unmatched)} of {len(paths)} names: {shown}"
        )
    return [{k: v or "" for k, v in match.groupdict().items() if k in GROUPS} for match in matches]
