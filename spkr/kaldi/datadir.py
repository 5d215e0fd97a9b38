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

from collections.abc import Mapping
from pathlib import Path

from spkr.errors import InputError
from spkr.files import check_same_keys, read_lines, replacing

PER_UTTERANCE = ("wav.scp", "utt2spk", "utt2dur", "text", "utt2aug")
PER_SPEAKER = ("spk2utt", "spk2gender")


def read_map(path: str | Path) -> dict[str, str]:
    """Read a `key value` file; the value is the rest of the line.

    Raises InputError, with the line, for a line without a value, a repeated key or keys out of order.
    """
    table: dict[str, str] = {}
    previous = ""
    for number, line in read_lines(path):
        key, _, value = line.partition(" ")
        if not key or not value.strip():
            raise InputError(f"{path}:{number}: expected '<key> <value>', found {line!r}")
        if key in table:
            raise InputError(f"{path}:{number}: {key!r} stands there twice; each key may occur once")
        if key < previous:
            raise InputError(f"{path}:{number}: {key!r} is out of order; sort the file with LC_ALL=C sort")
        table[key] = value.strip()
        previous = key
    return table


def write_map(path: str | Path, table: Mapping[str, object]) -> None:
    """Write a `key value` file, sorted, by rename."""
    with replacing(path) as f:
        for key in sorted(table):
            f.write(f"{key} {table[key]}\n")


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
    """Write the named files of a data directory, and spk2utt from utt2spk; then check the whole."""
    path = Path(path)
    for name, table in files.items():
        write_map(path / name, table)
    write_spk2utt(path / "spk2utt", invert(files["utt2spk"]))
    check_data_dir(path)


def check_data_dir(path: str | Path) -> dict[str, dict[str, str]]:
    """Check a data directory by Kaldi's rules and return its files' content by name.

    Raises InputError, naming the file, the line or the key, where a file is missing or malformed, where two
    files disagree about the utterances or speakers, or where a speaker is no prefix of its utterances
    (without which sorting by utterance and by speaker differ, and Kaldi's tables break).
    """
    path = Path(path)
    files = {}
    for name in PER_UTTERANCE + PER_SPEAKER:
        if name in ("wav.scp", "utt2spk", "spk2utt") or (path / name).exists():
            files[name] = read_map(path / name)
    utt2spk = files["utt2spk"]
    for name in files:
        keys = utt2spk if name in PER_UTTERANCE else set(utt2spk.values())
        check_same_keys(path / name, files[name], path / "utt2spk", keys)
    for utt, spk in utt2spk.items():
        if not utt.startswith(spk):
            raise InputError(f"{path}/utt2spk: speaker {spk!r} is no prefix of utterance {utt!r}")
    spk2utt = {spk: utts.split() for spk, utts in files["spk2utt"].items()}
    for spk, utts in invert(utt2spk).items():
        if sorted(spk2utt[spk]) != utts:
            raise InputError(f"{path}/spk2utt: the utterances of speaker {spk!r} are not those of utt2spk")
    for utt, seconds in files.get("utt2dur", {}).items():
        if not _positive(seconds):
            raise InputError(f"{path}/utt2dur: {utt} has {seconds!r}; expected seconds above zero")
    return files


def _positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
