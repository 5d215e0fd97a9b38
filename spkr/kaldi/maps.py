"""Maps: files with a key and a value on each line, such as utt2spk, wav.scp and text.

A file is sorted by its keys in byte order (LC_ALL=C), and holds each key once. If the values are single words, pandas
reads the file. Other values, such as a path, a command or a transcript, are the rest of the line.
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from spkr.errors import InputError
from spkr.files import BYTE_ORDER_MARK, read_text, replacing
from spkr.kaldi.rules import joined

FORMS = {  # of the files whose value is one word, by name
    "utt2spk": "<utterance> <speaker>",
    "utt2lang": "<utterance> <language>",
    "utt2uniq": "<utterance> <original>",
    "utt2dur": "<utterance> <seconds>",
    "reco2dur": "<recording> <seconds>",
    "utt2key": "<utterance> <key>",
    "reco2channel": "<recording> <channel>",
    "utt2num_frames": "<utterance> <frames>",
    "utt2num_voiced": "<utterance> <frames>",
    "num_utts": "<name> <utterances>",
    "spk2gender": "<speaker> <gender>",
}
LINE = re.compile(r"^(\S+)[ \t]+(\S(?:.*\S)?)[^\S\n]*$", re.MULTILINE)
LINE_OF_TEXT = re.compile(r"^(\S+)(?:[ \t]+(\S(?:.*\S)?))?[^\S\n]*$", re.MULTILINE)
UNREADABLE = re.compile(f"[\\r\\ud800-\\udfff]|^{BYTE_ORDER_MARK}")  # \ud800 and so on: bytes that are not UTF-8


def line_of(path: str | Path) -> re.Pattern[str]:
    """The form of a map's lines; in `text`, the value may be missing, because a transcript may be empty."""
    return LINE_OF_TEXT if Path(path).name == "text" else LINE


def read_map(path: str | Path) -> dict[str, str]:
    """Read a map; the value is empty only in `text`.

    Raises InputError, with the line, for a line without a value, a value of several words in a file of FORMS, a
    repeated key or keys out of order.
    """
    form = FORMS.get(Path(path).name)
    entries = _words(path, form) if form and _is_plain(path) else _lines(path)
    table = dict(entries)
    keys = list(table)
    if len(keys) < len(entries) or keys != sorted(keys):
        _refuse(path, [key for key, _ in entries])
    return table


def _is_plain(path: str | Path) -> bool:
    """Whether pandas and LINE read the same: ASCII without carriage returns, empty lines and blanks before keys."""
    text = Path(path).read_bytes() if Path(path).is_file() else b""
    odd = (b"\r", b"\n ", b"\n\t", b"\n\n")
    return text.isascii() and not text.startswith((b" ", b"\t", b"\n")) and not any(blank in text for blank in odd)


def _words(path: str | Path, form: str) -> list[tuple[str, str]]:
    """The entries of a file whose lines are two words."""
    from spkr.kaldi.text_table import read_table  # and pandas, which a wav.scp does not need

    table = read_table(path, form)
    return list(zip(table.iloc[:, 0].tolist(), table.iloc[:, 1].tolist(), strict=True))


def _lines(path: str | Path) -> list[tuple[str, str]]:
    """The entries of a file whose values are the rest of their line."""
    text = read_text(path).rstrip("\n")
    found = line_of(path).findall(text)
    if len(found) < text.count("\n") + 1:
        lines = enumerate(text.split("\n"), 1)
        number, line = next((number, line) for number, line in lines if not line_of(path).fullmatch(line))
        raise InputError(f"{path}:{number}: expected '<key> <value>', found {line!r}")
    return found


def _refuse(path: str | Path, keys: list[str]) -> None:
    """Raise InputError for the first key that is repeated or out of order."""
    seen: set[str] = set()
    previous = ""
    for number, key in enumerate(keys, 1):
        if key in seen:
            raise InputError(f"{path}:{number}: {key!r} occurs twice; each key may occur once")
        if key < previous:
            sort = f"LC_ALL=C sort -k1,1 -o {shlex.quote(str(path))} {shlex.quote(str(path))}"
            raise InputError(f"{path}:{number}: {key!r} is out of order after {previous!r}; sort the file: {sort}")
        seen.add(key)
        previous = key


def write_map(path: str | Path, table: Mapping[str, object]) -> None:
    """Write a map, sorted, by rename; InputError for a key or value that could not be read back."""
    text = map_text(path, table)
    with replacing(path) as f:
        f.write(text)


def map_text(path: str | Path, table: Mapping[str, object]) -> str:
    """A map as the text of its file, sorted; InputError for a key or value that could not be read back."""
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
