"""The rules of a Kaldi data directory (validate_data_dir.sh), and by what its files are indexed.

Each check yields what is wrong between the lines of files that are well-formed (spkr.kaldi.datadir reads them).
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from spkr.errors import InputError
from spkr.files import check_same_keys

INDEXES = {
    "utterance": re.compile(r"utt2\w+|feats\.scp|vad\.scp|text|segments"),
    "speaker": re.compile(r"spk2\w+|cmvn\.scp"),
    "recording": re.compile(r"reco2\w+|wav\.scp"),
}
MAX_OVERSHOOT = 0.5  # seconds by which a segment may end behind its recording's end (extract-segments)

Files = Mapping[str, Mapping[str, str]]  # the files of a data directory by name, each key -> value


def index_of(name: str) -> str | None:
    """Of what a data directory's file has a line each: utterance, speaker or recording; None for any other file."""
    return next((index for index, names in INDEXES.items() if names.fullmatch(name)), None)


def is_command(source: str | Path) -> bool:
    """Whether a value of wav.scp is a command, whose output is the audio."""
    return str(source).endswith("|")


def invert(utt2spk: Mapping[str, str]) -> dict[str, list[str]]:
    """utt2spk as spk2utt: speaker -> its utterances, both sorted."""
    spk2utt: dict[str, list[str]] = {}
    for utt in sorted(utt2spk):
        spk2utt.setdefault(utt2spk[utt], []).append(utt)
    return dict(sorted(spk2utt.items()))


def keys_of(files: Files) -> dict[str, set[str]]:
    """The keys that files by utterance, by speaker and by recording have."""
    utt2spk = files["utt2spk"]
    recordings = {value.split()[0] for value in files["segments"].values()} if "segments" in files else set(utt2spk)
    return {"utterance": set(utt2spk), "speaker": set(utt2spk.values()), "recording": recordings}


def restrict(files: Files, utts: Collection[str]) -> dict[str, dict[str, str]]:
    """A data directory's files cut down to some of its utterances, their speakers and their recordings."""
    by_utterance = [name for name in ("utt2spk", "segments") if name in files]
    kept = {name: {utt: value for utt, value in files[name].items() if utt in utts} for name in by_utterance}
    keys = keys_of(kept)
    cut = {name: {k: v for k, v in table.items() if k in keys[index_of(name)]} for name, table in files.items()}
    return cut | {"spk2utt": joined(invert(kept["utt2spk"]))}


def joined(spk2utt: Mapping[str, list[str]]) -> dict[str, str]:
    """spk2utt as its file has it: speaker -> its utterances in one line."""
    return {spk: " ".join(utts) for spk, utts in spk2utt.items()}


def _keys(path: Path, files: Files) -> Iterator[str]:
    keys = keys_of(files)
    for name, table in files.items():
        index = index_of(name)
        by_segments = index == "recording" and "segments" in files
        try:
            check_same_keys(path / name, table, path / ("segments" if by_segments else "utt2spk"), keys[index])
        except InputError as e:
            yield str(e)


def _prefixes(path: Path, files: Files) -> Iterator[str]:
    for number, (utt, spk) in enumerate(sorted(files["utt2spk"].items()), 1):
        if not utt.startswith(spk):
            yield f"{path}/utt2spk:{number}: speaker {spk!r} is no prefix of utterance {utt!r}"


def check_order(path: Path, files: Files) -> Iterator[str]:
    """Yield where the speakers of a utt2spk that is sorted by utterance are not sorted."""
    utt2spk = files["utt2spk"]
    for number, (before, after) in enumerate(pairwise(sorted(utt2spk)), 2):
        if utt2spk[before] > utt2spk[after]:
            yield (
                f"{path}/utt2spk:{number}: utterance {after!r} comes after {before!r}, but its speaker "
                f"{utt2spk[after]!r} before {utt2spk[before]!r}; rename the speakers so that both orders are the same"
            )


def _speakers(path: Path, files: Files) -> Iterator[str]:
    for number, (spk, utts) in enumerate(invert(files["utt2spk"]).items(), 1):
        if files["spk2utt"].get(spk, "").split() != utts:
            yield f"{path}/spk2utt:{number}: the utterances of speaker {spk!r} are not those of utt2spk, sorted"


def _values(path: Path, files: Files) -> Iterator[str]:
    for name, (is_good, expected) in FORMATS.items():
        for number, (key, value) in enumerate(sorted(files.get(name, {}).items()), 1):
            if not is_good(value):
                yield f"{path}/{name}:{number}: {key} has {value!r}; expected {expected}"


def _durations(path: Path, files: Files) -> Iterator[str]:
    """Segments inside their recordings, and durations inside their segments, as far as the files tell."""
    if any(_values(path, files)):
        return
    recordings, seconds = files.get("reco2dur", {}), {} if "utt2aug" in files else files.get("utt2dur", {})
    for number, (utt, value) in enumerate(sorted(files.get("segments", {}).items()), 1):
        reco, start, end = value.split()
        length, end = float(recordings.get(reco, "inf")), float(end)
        if float(start) >= length or end >= length + MAX_OVERSHOOT:
            yield f"{path}/segments:{number}: {utt} goes from {start} to {end:g} s of {reco}, which has {length:g} s"
        elif end != -1 and float(seconds.get(utt, 0)) >= end - float(start) + MAX_OVERSHOOT:
            yield f"{path}/segments:{number}: {utt} has {end - float(start):g} s; utt2dur says {seconds[utt]} s"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_duration(text: str) -> bool:
    return 0 < _number(text) < math.inf


def _is_segment(text: str) -> bool:
    fields = text.split()
    if len(fields) != 3:
        return False
    start, end = _number(fields[1]), _number(fields[2])
    return 0 <= start < math.inf and (start < end < math.inf or end == -1)


def _is_word(text: str) -> bool:
    return len(text.split()) == 1


FORMATS = {
    "utt2spk": (_is_word, "one speaker"),
    "utt2lang": (_is_word, "one language"),
    "utt2uniq": (_is_word, "one utterance"),
    "utt2dur": (_is_duration, "seconds above zero"),
    "reco2dur": (_is_duration, "seconds above zero"),
    "utt2num_frames": (lambda text: text.isdecimal() and int(text) > 0, "a whole number above zero"),
    "reco2sum": (re.compile(r"\d+ [0-9a-f]{8}|-").fullmatch, "'<bytes> <crc32>', or - for a pipe"),
    "spk2gender": (lambda text: text in ("m", "f"), "m or f"),
    "segments": (_is_segment, "'<recording> <start> <end>' in seconds, start before end, or an end of -1"),
    "wav.scp": (lambda text: not text.startswith("~"), "a path without ~, which nothing replaces"),
}
SPEAKER_ORDER = (_prefixes, check_order)  # what makes Kaldi's tables sort alike by utterance and by speaker
CHECKS = (_values, _keys, *SPEAKER_ORDER, _speakers, _durations)
