"""The rules of a Kaldi data directory (validate_data_dir.sh), and whether a file is by utterance or by speaker.

Each check yields faults in the values of well-formed files, or between files; spkr.kaldi.datadir reads the files.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from itertools import pairwise
from pathlib import Path

from spkr.audio.channels import EXPECTED, NAMES
from spkr.errors import InputError
from spkr.files import check_same_keys
from spkr.kaldi.fields import count, decimal

INDEXES = {
    "utterance": re.compile(r"utt2\w+|feats\.scp|vad\.scp|text|segments"),
    "speaker": re.compile(r"spk2\w+|cmvn\.scp"),
    "recording": re.compile(r"reco2\w+|wav\.scp"),
}
PARTIAL = ("reco2channel",)  # files that need not have all keys
MAX_OVERSHOOT = 0.5  # seconds by which a segment may end after its recording (extract-segments)

Files = Mapping[str, Mapping[str, str]]  # the files of a data directory by name, each key -> value


def index_of(name: str) -> str | None:
    """What the keys of a data directory's file are: utterance, speaker or recording; None for other files."""
    return next((index for index, names in INDEXES.items() if names.fullmatch(name)), None)


def is_command(source: str | Path) -> bool:
    """Whether a value of wav.scp is a command, whose output is the audio."""
    return str(source).endswith("|")


def safe(name: str, dashes: bool = True) -> str:
    """A name as an id: letters and digits of any script stay, and so do . _ and `dashes`; all else becomes _."""
    composed, kept = unicodedata.normalize("NFC", name.strip()), "._-" if dashes else "._"
    return "".join(c if c.isalnum() or c in kept else "_" for c in composed) or "_"


def invert(utt2spk: Mapping[str, str]) -> dict[str, list[str]]:
    """utt2spk as spk2utt: speaker -> its utterances, both sorted."""
    spk2utt: dict[str, list[str]] = {}
    for utt in sorted(utt2spk):
        spk2utt.setdefault(utt2spk[utt], []).append(utt)
    return dict(sorted(spk2utt.items()))


def keys_of(files: Files) -> dict[str, Set[str]]:
    """The utterances, speakers and recordings of a data directory, which its files must have as keys."""
    utt2spk = files["utt2spk"]
    recordings = {value.split()[0] for value in files["segments"].values()} if "segments" in files else utt2spk.keys()
    return {"utterance": utt2spk.keys(), "speaker": set(utt2spk.values()), "recording": recordings}


def restrict(files: Files, utts: Collection[str]) -> dict[str, dict[str, str]]:
    """A data directory's files cut down to some of its utterances, their speakers and their recordings."""
    by_utterance = [name for name in ("utt2spk", "segments") if name in files]
    kept = {name: {utt: value for utt, value in files[name].items() if utt in utts} for name in by_utterance}
    keys = keys_of(kept)
    cut = {name: {k: v for k, v in table.items() if k in keys[index_of(name)]} for name, table in files.items()}
    cut = {name: table for name, table in cut.items() if table or name not in PARTIAL}
    return cut | {"spk2utt": joined(invert(kept["utt2spk"]))}


def joined(spk2utt: Mapping[str, list[str]]) -> dict[str, str]:
    """spk2utt as in its file: speaker -> its utterances in one line."""
    return {spk: " ".join(utts) for spk, utts in spk2utt.items()}


def _keys(path: Path, files: Files) -> Iterator[str]:
    expected = {index: sorted(keys) for index, keys in keys_of(files).items()}
    for name, table in files.items():
        index = index_of(name)
        keys = [key for key in expected[index] if key in table] if name in PARTIAL else expected[index]
        if list(table) == keys:  # as in most files; far faster than sets
            continue
        by_segments = index == "recording" and "segments" in files
        try:
            check_same_keys(path / name, table, path / ("segments" if by_segments else "utt2spk"), keys)
        except InputError as e:
            yield str(e)


def check_order(path: Path, files: Files) -> Iterator[str]:
    """Yield a fault for each place where the speakers of a utt2spk sorted by utterance are not sorted."""
    utt2spk = files["utt2spk"]
    utts = sorted(utt2spk)
    speakers = [utt2spk[utt] for utt in utts]
    if speakers == sorted(speakers):
        return
    for number, (i, j) in enumerate(pairwise(range(len(utts))), 2):
        if speakers[i] > speakers[j]:
            yield (
                f"{path}/utt2spk:{number}: utterance {utts[j]!r} comes after {utts[i]!r}, but its speaker "
                f"{speakers[j]!r} before {speakers[i]!r}; name utterances <speaker>-<...>, so that both orders agree"
            )


def without_prefix(utt2spk: Mapping[str, str]) -> list[str]:
    """The utterances whose names do not begin with their speaker's."""
    return [utt for utt, spk in utt2spk.items() if not utt.startswith(spk)]


def _speakers(path: Path, files: Files) -> Iterator[str]:
    spk2utt = joined(invert(files["utt2spk"]))
    if spk2utt == files.get("spk2utt", spk2utt):  # a folder of features has none
        return
    for number, (spk, utts) in enumerate(spk2utt.items(), 1):
        if " ".join(files["spk2utt"].get(spk, "").split()) != utts:
            yield (
                f"{path}/spk2utt:{number}: the utterances of speaker {spk!r} are not those of utt2spk, sorted; "
                f"`spkr data fix {path}` makes spk2utt from utt2spk"
            )


def _values(path: Path, files: Files) -> Iterator[str]:
    for name, (is_good, expected) in FORMATS.items():
        table = files.get(name, {})
        wrong = {value for value in set(table.values()) if not is_good(value)}  # many keys have the same value
        bad = [key for key, value in table.items() if value in wrong] if wrong else []
        for number, key in _numbered(table, bad):
            yield f"{path}/{name}:{number}: {key} has {table[key]!r}; expected {expected}"


def _numbered(table: Collection[str], some: Collection[str]) -> Iterator[tuple[int, str]]:
    """Some keys of a table with their line numbers in the sorted file."""
    if some := set(some):
        yield from ((number, key) for number, key in enumerate(sorted(table), 1) if key in some)


def _durations(path: Path, files: Files) -> Iterator[str]:
    """Yield segments that exceed their recordings and durations that exceed their segments, if files give both."""
    if "segments" not in files or any(_values(path, files)):
        return
    recordings, seconds = files.get("reco2dur", {}), {} if "utt2aug" in files else files.get("utt2dur", {})
    for number, (utt, value) in enumerate(sorted(files["segments"].items()), 1):
        reco, start, end = value.split()
        length, end = float(recordings.get(reco, "inf")), decimal(end)
        if decimal(start) >= length or end >= length + MAX_OVERSHOOT:
            yield f"{path}/segments:{number}: {utt} goes from {start} to {end:g} s of {reco}, which has {length:g} s"
        elif end != -1 and float(seconds.get(utt, 0)) >= end - decimal(start) + MAX_OVERSHOOT:
            yield f"{path}/segments:{number}: {utt} has {end - decimal(start):g} s; utt2dur says {seconds[utt]} s"


def _is_duration(text: str) -> bool:
    try:
        return decimal(text) > 0
    except ValueError:
        return False


def _is_segment(text: str) -> bool:
    try:
        _, start, end = text.split()
        start, end = decimal(start), decimal(end)
    except ValueError:
        return False
    return start >= 0 and (start < end or end == -1)


def _is_positive_count(text: str) -> bool:
    try:
        return count(text) > 0
    except ValueError:
        return False


def _is_word(text: str) -> bool:
    return len(text.split()) == 1


FORMATS: dict[str, tuple[Callable[[str], object], str]] = {
    "utt2spk": (_is_word, "one speaker"),
    "utt2lang": (_is_word, "one language"),
    "utt2uniq": (_is_word, "one utterance"),
    "utt2dur": (_is_duration, "seconds above zero"),
    "reco2dur": (_is_duration, "seconds above zero"),
    "utt2num_frames": (_is_positive_count, "a whole number above zero"),
    "reco2sum": (re.compile(r"[0-9]+ [0-9a-f]{8}|-").fullmatch, "'<bytes> <crc32>', or - for a pipe"),
    "reco2channel": (re.compile(f"{'|'.join(NAMES)}|[0-9]{{1,4}}").fullmatch, EXPECTED),
    "spk2gender": (lambda text: text in ("m", "f"), "m or f"),
    "segments": (_is_segment, "'<recording> <start> <end>' in seconds, start before end, or an end of -1"),
    "wav.scp": (lambda text: not text.startswith("~"), "a path without ~, which is not expanded"),
}
CHECKS = (_values, _keys, check_order, _speakers, _durations)
