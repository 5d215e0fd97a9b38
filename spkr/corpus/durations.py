"""Durations of many recordings by their headers, a part of a list at a time, and what is wrong with the others.

<list>.<part>.scp        <utterance> <audio file>
<list>.<part>.seconds    <utterance> <seconds> <sum of the file>, or <utterance> bad <reason>
"""

from pathlib import Path

from spkr.audio.read import open_audio
from spkr.audio.sums import audio_sum
from spkr.errors import InputError
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
    """Write `<part>.seconds` beside `<part>.scp`; a sampling rate below `sample_rate` Hz is bad."""
    found = {}
    for utt, path in read_map(scp).items():
        try:
            found[utt] = f"{read_seconds(path, sample_rate):.6f} {audio_sum(path)}"
        except InputError as e:
            found[utt] = BAD + str(e).removeprefix(f"{path}: ")
    write_map(Path(scp).with_suffix(".seconds"), found)


def read_seconds(path: str | Path, sample_rate: int) -> float:
    """Duration by the header of an audio file; InputError says what is wrong with it."""
    with open_audio(path) as f:
        if f.samplerate < sample_rate:
            raise InputError(f"{path}: sampled at {f.samplerate} Hz; expected {sample_rate} Hz or more (--sample-rate)")
        return f.frames / f.samplerate


def read_parts(stem: str | Path, parts: int) -> tuple[dict[str, str], ...]:
    """Put the parts together: utterance -> audio file, -> seconds, -> sum; and file name -> what is wrong with it.

    Raises InputError where a part's two files are not of the same utterances.
    """
    paths, seconds, sums, bad = {}, {}, {}, {}
    for part in range(1, parts + 1):
        scp = Path(f"{stem}.{part}.scp")
        mine, found = read_map(scp), read_map(scp.with_suffix(".seconds"))
        check_same_keys(scp.with_suffix(".seconds"), found, scp, mine)
        for utt in [utt for utt, value in found.items() if value.startswith(BAD)]:
            bad[Path(mine.pop(utt)).name] = found.pop(utt).removeprefix(BAD)
        paths |= mine
        for utt, value in found.items():
            seconds[utt], _, sums[utt] = value.partition(" ")
    return paths, seconds, sums, bad
