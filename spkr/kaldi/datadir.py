"""Kaldi data directories: reading, writing and checking.

    data/train/
      wav.scp     <recording> <path of the audio file, or a command and |>
      segments    <utterance> <recording> <start> <end>   (seconds; an end of -1 is the recording's; optional)
      utt2spk     <utterance> <speaker>
      spk2utt     <speaker> <utterance> <utterance> ...
      utt2dur     <utterance> <seconds>
      reco2sum    <recording> <bytes> <crc32>        (optional; spkr.audio.sums)
      spk2gender  <speaker> m|f                      (optional)
      text        <utterance> <words>                (optional)
      utt2aug     <utterance> <how to change it>     (optional; spkr.audio.augment)

Without segments a recording is an utterance. Any other utt2* is by utterance, spk2* by speaker and reco2* by
recording. Every file is sorted by its first field in byte order (LC_ALL=C), and holds each key once.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from spkr.errors import InputError
from spkr.files import read_lines, replacing
from spkr.kaldi.rules import CHECKS, Files, index_of, invert, joined

REQUIRED = ("wav.scp", "utt2spk", "spk2utt")
# The value may hold spaces, as a path or a transcript does. \ud800 and the like stand for bytes that are not UTF-8.
LINE = re.compile(r"([^\s\ud800-\udfff]+)[ \t]+(\S[^\r\n\ud800-\udfff]*)")


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
        match = LINE.fullmatch(line)
        if not match or (match[1], match[2].rstrip()) != (key, str(table[key])):
            raise InputError(
                f"{path}: cannot hold {line!r}: a key has no spaces, and a value is one line of UTF-8 text "
                "that does not begin or end with one"
            )
    return "".join(f"{line}\n" for line in lines.values())


def read_spk2utt(path: str | Path) -> dict[str, list[str]]:
    """Read a spk2utt file (or models_<list>, which has its form)."""
    return {spk: utts.split() for spk, utts in read_map(path).items()}


def write_spk2utt(path: str | Path, spk2utt: Mapping[str, list[str]]) -> None:
    """Write a spk2utt file, sorted, by rename."""
    write_map(path, joined(spk2utt))


def write_data_dir(path: str | Path, files: Mapping[str, Mapping[str, object]]) -> None:
    """Check the named files of a data directory, then write them and spk2utt, each by rename.

    A file of that format that lies there and is not among them is of an earlier data directory, and is removed.
    Raises InputError as `check_data_dir` does, before anything is written.
    """
    path = Path(path)
    whole = {name: {k: str(v) for k, v in table.items()} for name, table in files.items()}
    whole["spk2utt"] = joined(invert(whole["utt2spk"]))
    _raise_first(path, whole)
    texts = {name: _text(path / name, table) for name, table in whole.items()}
    for name in set(data_files(path)) - whole.keys():
        (path / name).unlink()
    for name, text in texts.items():
        with replacing(path / name) as f:
            f.write(text)


def data_files(path: str | Path) -> list[str]:
    """The names of a data directory's files that have a line for each utterance, speaker or recording."""
    path = Path(path)
    return sorted(p.name for p in path.iterdir() if index_of(p.name) and p.is_file()) if path.is_dir() else []


def check_data_dir(path: str | Path, required: Sequence[str] = REQUIRED) -> dict[str, dict[str, str]]:
    """Check a data directory by Kaldi's rules and return its files' content by name.

    Raises InputError, naming the file, the line or the key, where a file is missing or malformed, where two
    files disagree about the utterances, speakers or recordings, or where a speaker is no prefix of its utterances or
    out of order among them (then sorting by utterance and by speaker differ, and Kaldi's tables break).
    """
    path = Path(path)
    files = {name: read_map(path / name) for name in dict.fromkeys([*required, *data_files(path)])}
    _raise_first(path, files)
    return files


def _raise_first(path: Path, files: Files) -> None:
    for check in CHECKS:
        for fault in check(path, files):
            raise InputError(fault)


class Clip(NamedTuple):
    """Where an utterance's audio is: a value of wav.scp, and the seconds of it from `start` to `end` (-1: its end)."""

    source: str
    start: float = 0.0
    end: float = -1.0


def clips(files: Files) -> dict[str, Clip]:
    """The audio of each utterance of a data directory that has been checked."""
    wav = files["wav.scp"]
    if "segments" not in files:
        return {utt: Clip(source) for utt, source in wav.items()}
    segments = {utt: value.split() for utt, value in files["segments"].items()}
    return {utt: Clip(wav[reco], float(start), float(end)) for utt, (reco, start, end) in segments.items()}
