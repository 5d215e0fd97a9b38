"""Durations of many recordings by their headers, a part of a list at a time, and what is wrong with the others.

<list>.<part>.scp        <utterance> <audio file>
<list>.<part>.seconds    <utterance> <seconds>, or <utterance> bad <reason>
"""

import re
from pathlib import Path

import soundfile

from spkr.files import check_same_keys, replacing
from spkr.kaldi.datadir import read_map, write_map

BAD = "bad "


def write_parts(stem: Path, paths: dict[str, str], parts: int) -> None:
    """Write utterance -> audio file as `<stem>.<part>.scp`, sorted, in equal parts from 1."""
    utts = sorted(paths)
    for part in range(parts):
        mine = utts[len(utts) * part // parts : len(utts) * (part + 1) // parts]
        with replacing(f"{stem}.{part + 1}.scp") as f:
            f.writelines(f"{utt} {paths[utt]}\n" for utt in mine)


def measure_durations(scp: str | Path, sample_rate: int) -> None:
    """Write `<part>.seconds` beside `<part>.scp`; a sampling rate above `sample_rate` Hz is as good."""
    found = {}
    for utt, path in read_map(scp).items():
        try:
            found[utt] = f"{read_seconds(path, sample_rate):.6f}"
        except ValueError as e:
            found[utt] = f"{BAD}{e}"
    write_map(Path(scp).with_suffix(".seconds"), found)


def read_seconds(path: str | Path, sample_rate: int) -> float:
    """Duration by the header of an audio file; ValueError says what is wrong with it."""
    try:
        with soundfile.SoundFile(path) as f:
            rate, channels, frames, header = f.samplerate, f.channels, f.frames, f.extra_info
    except soundfile.LibsndfileError as e:
        raise ValueError(f"unreadable audio ({e.error_string.rstrip('.')})") from None
    if channels != 1:
        raise ValueError(f"{channels} channels; expected 1")
    if rate < sample_rate:
        raise ValueError(f"sampling rate {rate}; expected {sample_rate} or more")
    if not frames:
        raise ValueError("no audio in it")
    if re.search(r"^data : \d+ \(should be", header, re.M):  # libsndfile reads what there is
        raise ValueError(f"cut short after {frames} samples, fewer than its header says")
    return frames / rate


def read_parts(stem: str | Path, parts: int) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Put the parts together: utterance -> audio file, utterance -> seconds, and file name -> what is wrong with it.

    Raises InputError where a part's two files are not of the same utterances.
    """
    paths, seconds, bad = {}, {}, {}
    for part in range(1, parts + 1):
        scp = Path(f"{stem}.{part}.scp")
        mine, found = read_map(scp), read_map(scp.with_suffix(".seconds"))
        check_same_keys(scp.with_suffix(".seconds"), found, scp, mine)
        for utt in [utt for utt, value in found.items() if value.startswith(BAD)]:
            bad[Path(mine.pop(utt)).name] = found.pop(utt).removeprefix(BAD)
        paths |= mine
        seconds |= found
    return paths, seconds, bad
