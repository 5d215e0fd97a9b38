"""Kaldi data directories: reading, writing and checking.

    data/train/
      wav.scp     <utterance> <path of the audio file>
      utt2spk     <utterance> <speaker>
      spk2utt     <speaker> <utterance> <utterance> ...
      utt2dur     <utterance> <seconds>
      spk2gender  <speaker> m|f                      (optional)
      text        <utterance> <words>                (optional)
      utt2aug     <utterance> <how to change it>     (optional; spkr.audio.augment)

Every file is sorted by its first field in byte order (LC_ALL=C), and holds each key once.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from spkr.errors import InputError
from spkr.files import check_same_keys, read_lines, replacing

REQUIRED = ("wav.scp", "utt2spk", "spk2utt")
PER_UTTERANCE = ("wav.scp", "utt2spk", "utt2dur", "text", "utt2aug")
PER_SPEAKER = ("spk2utt", "spk2gender")
LINE = re.compile(r"([^ \t]+)[ \t]+([^ \t].*)")  # the value may hold spaces, as a path or a transcript does


def read_map(path: str | Path) -> dict[str, str]:
    """Read a `key value` file; the value is the rest of the line.

    Raises InputError, with the line, for a line without a value, a repeated key or keys out of order.
    """
    table: dict[str, str] = {}
    previous = ""
    for number, line in read_lines(path):
        if not (match := LINE.fullmatch(line)):
            raise InputError(f"{path}:{number}: expected '<key> <value>', found {line!r}")
        key, value = match.groups()
        if key in table:
            raise InputError(f"{path}:{number}: {key!r} stands there twice; each key may occur once")
        if key < previous:
            raise InputError(f"{path}:{number}: {key!r} is out of order; sort the file with LC_ALL=C sort")
        table[key] = value.rstrip()
        previous = key
    return table


def write_map(path: str | Path, table: Mapping[str, object]) -> None:
    """Write a `key value` file, sorted, by rename; InputError for a key or value that would not be read back."""
    text = _text(path, table)
    with replacing(path) as f:
        f.write(text)


def _text(path: str | Path, table: Mapping[str, object]) -> str:
    lines = {key: f"{key} {table[key]}" for key in sorted(table)}
    for key, line in lines.items():
        if not (match := LINE.fullmatch(line)) or match[1] != key:
            raise InputError(f"{path}: cannot hold {line!r}: a key has no spaces, and a value is one line of text")
    return "".join(f"{line}\n" for line in lines.values())


def invert(utt2spk: Mapping[str, str]) -> dict[str, list[str]]:
    """utt2spk as spk2utt: speaker -> its utterances, both sorted."""
    spk2utt: dict[str, list[str]] = {}
    for utt in sorted(utt2spk):
        spk2utt.setdefault(utt2spk[utt], []).append(utt)
    return dict(sorted(spk2utt.items()))


def read_spk2utt(path: str | Path) -> dict[str, list[str]]:
    """Read a spk2utt file (or models_<list>, which has its form)."""
    return {spk: utts.split() for spk, utts in read_map(path).items()}


def write_spk2utt(path: str | Path, spk2utt: Mapping[str, list[str]]) -> None:
    """Write a spk2utt file, sorted, by rename."""
    write_map(path, {spk: " ".join(utts) for spk, utts in spk2utt.items()})


def write_data_dir(path: str | Path, files: Mapping[str, Mapping[str, object]]) -> None:
    """Check the named files of a data directory, then write them and spk2utt, each by rename.

    A file of that format that lies there and is not among them is of an earlier data directory, and is removed.
    Raises InputError as `check_data_dir` does, before anything is written.
    """
    path = Path(path)
    spk2utt = {spk: " ".join(utts) for spk, utts in invert(files["utt2spk"]).items()}
    whole = {name: {k: str(v) for k, v in table.items()} for name, table in {**files, "spk2utt": spk2utt}.items()}
    _check(path, whole)
    texts = {name: _text(path / name, table) for name, table in whole.items()}
    for name in {*PER_UTTERANCE, *PER_SPEAKER} - whole.keys():
        (path / name).unlink(missing_ok=True)
    for name, text in texts.items():
        with replacing(path / name) as f:
            f.write(text)


def check_data_dir(path: str | Path) -> dict[str, dict[str, str]]:
    """Check a data directory by Kaldi's rules and return its files' content by name.

    Raises InputError, naming the file, the line or the key, where a file is missing or malformed, where two
    files disagree about the utterances or speakers, or where a speaker is no prefix of its utterances or out of
    order among them (then sorting by utterance and by speaker differ, and Kaldi's tables break).
    """
    path = Path(path)
    files = {
        name: read_map(path / name)
        for name in PER_UTTERANCE + PER_SPEAKER
        if name in REQUIRED or (path / name).exists()
    }
    _check(path, files)
    return files


def _check(path: Path, files: Mapping[str, Mapping[str, str]]) -> None:
    """What `check_data_dir` checks between the lines of files that are well-formed."""
    utt2spk = dict(sorted(files["utt2spk"].items()))
    for name, table in files.items():
        keys = utt2spk if name in PER_UTTERANCE else set(utt2spk.values())
        check_same_keys(path / name, table, path / "utt2spk", keys)
    for utt, spk in utt2spk.items():
        if not utt.startswith(spk):
            raise InputError(f"{path}/utt2spk: speaker {spk!r} is no prefix of utterance {utt!r}")
    for before, after in pairwise(utt2spk):
        if utt2spk[before] > utt2spk[after]:
            raise InputError(
                f"{path}/utt2spk: utterance {after!r} comes after {before!r}, but its speaker {utt2spk[after]!r} "
                f"before {utt2spk[before]!r}; rename the speakers so that both orders are the same"
            )
    for spk, utts in invert(utt2spk).items():
        if sorted(files["spk2utt"][spk].split()) != utts:
            raise InputError(f"{path}/spk2utt: the utterances of speaker {spk!r} are not those of utt2spk")
    for utt, seconds in files.get("utt2dur", {}).items():
        if not _positive(seconds):
            raise InputError(f"{path}/utt2dur: {utt} has {seconds!r}; expected seconds above zero")
    for spk, gender in files.get("spk2gender", {}).items():
        if gender not in ("m", "f"):
            raise InputError(f"{path}/spk2gender: {spk} has {gender!r}; expected m or f")


def _positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
