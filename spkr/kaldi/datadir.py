"""Kaldi data directories: reading, writing and checking.

    data/train/
      wav.scp     <recording> <path of the audio file, or a command and |>
      segments    <utterance> <recording> <start> <end>   (seconds; an end of -1 is the recording's; optional)
      utt2spk     <utterance> <speaker>
      spk2utt     <speaker> <utterance> <utterance> ...
      utt2dur     <utterance> <seconds>
      reco2sum    <recording> <bytes> <crc32>        (optional; spkr.audio.fingerprint)
      spk2gender  <speaker> m|f                      (optional)
      text        <utterance> <words>                (optional)
      utt2aug     <utterance> <how to change it>     (optional; spkr.audio.augmented_copies)

Without segments a recording is an utterance. Any other utt2* is by utterance, spk2* by speaker and reco2* by
recording. Every file is sorted by its first field in byte order (LC_ALL=C), and holds each key once.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from spkr.errors import InputError
from spkr.files import BYTE_ORDER_MARK, read_text, replacing
from spkr.kaldi.fields import decimal
from spkr.kaldi.rules import CHECKS, Files, index_of, invert, joined

REQUIRED = ("wav.scp", "utt2spk", "spk2utt")
# The value may hold blanks, as a path or a transcript does.
LINE = re.compile(r"^(\S+)[ \t]+(\S(?:.*\S)?)[^\S\n]*$", re.MULTILINE)
LINE_OF_TEXT = re.compile(r"^(\S+)(?:[ \t]+(\S(?:.*\S)?))?[^\S\n]*$", re.MULTILINE)
UNREADABLE = re.compile(f"[\\r\\ud800-\\udfff]|^{BYTE_ORDER_MARK}")  # \ud800 and so on: bytes that are not UTF-8


def line_of(path: str | Path) -> re.Pattern[str]:
    """The form of a `key value` file's lines; in `text`, the value may be missing: the transcript is empty."""
    return LINE_OF_TEXT if Path(path).name == "text" else LINE


def read_map(path: str | Path) -> dict[str, str]:
    """Read a `key value` file; the value is the rest of the line, empty only in `text`.

    Raises InputError, with the line, for a line without a value, a repeated key or keys out of order.
    """
    text = read_text(path).rstrip("\n")
    table = dict(line_of(path).findall(text))
    keys = list(table)
    if len(keys) != text.count("\n") + 1 or keys != sorted(keys):
        _refuse(path, text)
    return table


def _refuse(path: str | Path, text: str) -> None:
    """Raise InputError for the first line of a `key value` file that is wrong."""
    keys: set[str] = set()
    previous = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not (match := line_of(path).fullmatch(line)):
            raise InputError(f"{path}:{number}: expected '<key> <value>', found {line!r}")
        key = match[1]
        if key in keys:
            raise InputError(f"{path}:{number}: {key!r} occurs twice; each key may occur once")
        if key < previous:
            sort = f"LC_ALL=C sort -k1,1 -o {shlex.quote(str(path))} {shlex.quote(str(path))}"
            raise InputError(f"{path}:{number}: {key!r} is out of order after {previous!r}; sort the file: {sort}")
        keys.add(key)
        previous = key


def write_map(path: str | Path, table: Mapping[str, object]) -> None:
    """Write a `key value` file, sorted, by rename; InputError for a key or value that could not be read again."""
    text = _text(path, table)
    with replacing(path) as f:
        f.write(text)


def _text(path: str | Path, table: Mapping[str, object]) -> str:
    lines = []
    for key in sorted(table):
        value = str(table[key])
        line = f"{key} {value}" if value else key
        match = line_of(path).fullmatch(line)
        if not match or match.groups("") != (key, value) or UNREADABLE.search(line):
            raise InputError(
                f"{path}: cannot hold {f'{key} {value}'!r}: a key has no spaces, and a value is one line of UTF-8 text "
                "that does not begin or end with one"
            )
        lines.append(f"{line}\n")
    return "".join(lines)


def read_spk2utt(path: str | Path) -> dict[str, list[str]]:
    """Read a spk2utt file (or models_<list>, which has its form)."""
    return {spk: utts.split() for spk, utts in read_map(path).items()}


def write_spk2utt(path: str | Path, spk2utt: Mapping[str, list[str]]) -> None:
    """Write a spk2utt file, sorted, by rename."""
    write_map(path, joined(spk2utt))


def write_data_dir(path: str | Path, files: Mapping[str, Mapping[str, object]]) -> None:
    """Check the named files of a data directory, then write them and spk2utt, each by rename.

    Other files of a data directory that are there belong to an earlier one, and are removed.
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
    """The names of a data directory's files by utterance, by speaker and by recording."""
    path = Path(path)
    return sorted(p.name for p in path.iterdir() if index_of(p.name) and p.is_file()) if path.is_dir() else []


def check_data_dir(path: str | Path, required: Sequence[str] = REQUIRED) -> dict[str, dict[str, str]]:
    """Check a data directory by Kaldi's rules and return its files' content by name.

    Raises InputError, naming the file, the line or the key, where a file is missing or malformed, where two
    files disagree about the utterances, speakers or recordings, or where utterances in order have speakers out of
    order (then sorting by utterance and by speaker differ, and Kaldi's tables break).
    """
    path = Path(path)
    files = {name: read_data_file(path, name) for name in dict.fromkeys([*required, *data_files(path)])}
    _raise_first(path, files)
    return files


def read_data_file(path: Path, name: str) -> dict[str, str]:
    """Read a file of a data directory as `read_map` does; where spk2utt is missing, InputError says what makes it."""
    if name == "spk2utt" and not (path / name).exists():
        raise InputError(f"{path}/{name}: no such file; `spkr data fix {path}` makes it from utt2spk")
    return read_map(path / name)


def _raise_first(path: Path, files: Files) -> None:
    for check in CHECKS:
        for fault in check(path, files):
            raise InputError(fault)


class Clip(NamedTuple):
    """Where an utterance's audio is: a value of wav.scp, and the seconds from `start` to `end` (-1: to the end)."""

    source: str
    start: float = 0.0
    end: float = -1.0


def clips(files: Files) -> dict[str, Clip]:
    """The audio of each utterance of a checked data directory."""
    wav = files["wav.scp"]
    if "segments" not in files:
        return {utt: Clip(source) for utt, source in wav.items()}
    segments = {utt: value.split() for utt, value in files["segments"].items()}
    return {utt: Clip(wav[reco], decimal(start), decimal(end)) for utt, (reco, start, end) in segments.items()}
