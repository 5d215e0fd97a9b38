"""Kaldi data directories and trial lists of HI-MIA (OpenSLR 85), or of a corpus with its layout.

    CORPUS_DIR/
      train/   train.scp   wav/SV0001/SV0001_2_10_N0001.wav     one name a line; the wavs lie anywhere below train/
      dev/     dev.scp     the same
      test/    wav.scp     SV0297_7_01_N0001.wav
               trials_1m   SV0297_2_{}_N0001.wav SV0297_2_{}_N0002.wav target
               trials_mic  SV0297_7_01_N0001.wav SV0297_2_{}_N0002.wav target

himia_trials.py explains the names.

    OUT_DIR/
      bad_files                          <set> <file> <reason>: recordings that are skipped
      train/ dev/ test/                  with utt2point, utt2mic and utt2speed
      valid/                             one in ten utterances of each speaker of train, by all microphones
      {dev,test}/trials_{1m,mic}_averaged    trials as in the corpus; models_<list> maps a name with {} to microphones
      {dev,test}/trials_{1m,mic}_expanded    a trial for each microphone, the same on both sides if both have {}
      dev/trials_pairs                       pairs of recordings, close or far

Example:
    python local/himia.py exp/corpora/himia exp/himia/data --options '{"allow_partial": true}' --jobs 8
"""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated

from himia_trials import MIC, NAME, POINT, SPEED, SPK, Microphones, dev_trials, read_trials, said, write_lists
from pydantic import Field

from spkr.audio.fingerprint import fingerprints_of, shared_audio
from spkr.config.options import Count, Flag, Options, PathText, Positive, Probability, Text, Whole, option
from spkr.corpus.durations import Headers, read_headers
from spkr.corpus.script import run
from spkr.errors import InputError
from spkr.files import read_lines, replacing
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import read_map
from spkr.kaldi.rules import invert
from spkr.kaldi.select import shuffled
from spkr.kaldi.validate import shortened

SAMPLE_RATE = 16000  # Hz, the minimum
LISTS = {"test": "wav.scp", "dev": "dev.scp", "train": "train.scp"}  # small sets first, to find their faults sooner


def walk(folder: Path) -> tuple[dict[str, str], set[str]]:
    """The folder of every file below `folder`, by the file's name, and the names that occur twice."""
    where: dict[str, str] = {}
    twice = set()
    for path, _, names in os.walk(folder):
        twice.update(name for name in names if where.setdefault(name, path) != path)
    return where, twice


def find_list(folder: Path, name: str) -> Path:
    """The path of the file `name` below a folder. Raises InputError unless there is exactly one."""
    found = sorted(folder.rglob(name))
    if len(found) != 1:
        raise InputError(f"{folder}: {len(found)} files called {name}; expected one, as in HI-MIA's archives")
    return found[0]


def list_recordings(folder: Path, scp_name: str) -> tuple[dict[str, str], dict[str, str]]:
    """The recordings in a set's scp, utterance -> path, and its files that cannot be used, file -> reason."""
    where, twice = walk(folder)
    paths, bad = {}, {}
    for _, line in read_lines(find_list(folder, scp_name)):
        name = line.strip().rpartition("/")[2]
        utt = name.removesuffix(".wav")
        if not NAME.fullmatch(utt):
            bad[name] = "its name is not <speaker>_<point>_<microphone>_<speed><number>.wav"
        elif name in twice:
            bad[name] = "two files have this name"
        elif name not in where:
            bad[name] = "no such file"
        elif utt in paths:
            raise InputError(f"{folder}: {scp_name} names {name} twice; expected each recording once")
        else:
            paths[utt] = f"{where[name]}/{name}"
    return paths, bad


def check_counts(name: str, files: int, speakers: int, expected: list[int] | None, allow_partial: bool) -> None:
    """Print the number of recordings of a set, and compare it with the recipe's; `allow_partial` accepts fewer."""
    of = f", of {expected[0]} of {expected[1]}" if expected and [files, speakers] != expected else ""
    print(f"{name}: {files} files of {speakers} speakers{of}", flush=True)
    if of and (not allow_partial or files > expected[0] or speakers > expected[1]):
        raise InputError(
            f"{name} has {files} files of {speakers} speakers; the recipe's config expects {expected[0]} of "
            f"{expected[1]}: get the whole archive, or set corpus.options.allow_partial to use a part of it"
        )


def check_share(name: str, bad: Mapping[str, str], listed: int, allowed: float) -> None:
    """Raise InputError if too many recordings of a set cannot be used."""
    if len(bad) > allowed * listed:
        file, why = min(bad.items())
        raise InputError(
            f"{name}: {len(bad)} of {listed} recordings cannot be used, more than a share of {allowed:g} "
            f"(corpus.options.max_bad_share); first {file}: {why}; replace the archive"
        )


def find_recordings(
    corpus: Path, options: "CorpusOptions"
) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """For each set, the recordings, utterance -> path, and the files that cannot be used, file -> reason."""
    set_of: dict[str, str] = {}  # speaker -> set
    recordings, bad_files = {}, {}
    for name, scp_name in LISTS.items():
        paths, bad = list_recordings(corpus / name, scp_name)
        speakers = {utt[SPK] for utt in paths}
        for spk in sorted(speakers):
            if set_of.setdefault(spk, name) != name:
                raise InputError(f"speaker {spk} is in {set_of[spk]} and in {name}; expected each speaker in one set")
        expected = options.expect.get(name)
        check_counts(name, len(paths) + len(bad), len(speakers), expected and list(expected), options.allow_partial)
        check_share(name, bad, len(paths) + len(bad), options.max_bad_share)
        recordings[name], bad_files[name] = dict(sorted(paths.items())), bad
    return recordings, bad_files


def split(utts: Iterable[str], seed: int) -> dict[str, list[str]]:
    """Split utterances into `train` and `valid`. Recordings of one spoken utterance stay together."""
    utts = list(utts)
    spk2said = invert({said(utt): utt[SPK] for utt in utts})
    held_out = {word for words in spk2said.values() for word in shuffled(seed, words)[: len(words) // 10]}
    if not held_out:
        raise InputError("train: no speaker has ten utterances; expected ten, to hold out one in ten for valid")
    sets: dict[str, list[str]] = {"train": [], "valid": []}
    for utt in utts:
        sets["valid" if said(utt) in held_out else "train"].append(utt)
    return sets


def write_set(
    path: Path,
    utts: Collection[str],
    paths: Mapping[str, str],
    headers: Headers,
    spk2gender: Mapping[str, str] | None,
) -> None:
    """Write a data directory, with what the names say about each recording."""
    files: dict[str, Mapping] = {
        "wav.scp": {utt: paths[utt] for utt in utts},
        "reco2sum": {utt: headers.sums[utt] for utt in utts},
        "utt2spk": {utt: utt[SPK] for utt in utts},
        "utt2dur": {utt: headers.seconds[utt] for utt in utts},
        "utt2point": {utt: utt[POINT] for utt in utts},
        "utt2mic": {utt: utt[MIC] for utt in utts},
        "utt2speed": {utt: utt[SPEED] for utt in utts},
    }
    if spk2gender is not None:
        speakers = {utt[SPK] for utt in utts}
        files["spk2gender"] = {spk: sex for spk, sex in spk2gender.items() if spk in speakers}
    write_data_dir(path, files)
    for message in shortened(list(shared_audio(files, fingerprints_of(files)))):
        print(f"warning: {path}: {message}")


class CorpusOptions(Options):
    """`corpus.options` of HI-MIA."""

    seed: Count = option(1, "chooses the utterances of valid and the trials of dev")
    microphones: Positive = option(15, "number of microphones of an array, from 01")
    dev_points: Annotated[tuple[Text, ...], Field(min_length=1)] = option(("2",), "distances in the trials of dev")
    dev_utterances: Positive = option(6, "utterances of a speaker in the trials of dev")
    spk2gender: PathText | None = option(None, "a file with the speakers' sex, which the corpus does not have")
    expect: dict[Text, tuple[Whole, Whole]] = option({}, "set: [files, speakers]")
    allow_partial: Flag = option(False, "accept fewer than expected")
    max_bad_share: Probability = option(0.0, "accepted share of a set's recordings that cannot be used")


def prepare(corpus: Path, out_dir: Path, options: CorpusOptions, jobs: int) -> None:
    """Check the corpus, then write all data directories, trial lists and bad_files."""
    genders = read_map(options.spk2gender) if options.spk2gender else None
    recordings, bad_files = find_recordings(corpus, options)
    lines = []
    for name, paths in recordings.items():
        headers, bad = read_headers(paths, SAMPLE_RATE, jobs), bad_files[name]
        bad |= {f"{utt}.wav": why for utt, why in headers.bad.items()}
        check_share(name, bad, len(paths) + len(bad) - len(headers.bad), options.max_bad_share)
        for why, number in Counter(bad.values()).most_common():
            print(f"{name}: {number} bad files: {why}")
        lines += [f"{name}\t{file}\t{why}\n" for file, why in sorted(bad.items())]
        utts = list(headers.seconds)
        for part, chosen in (split(utts, options.seed) if name == "train" else {name: utts}).items():
            write_set(out_dir / part, chosen, paths, headers, genders)
            print(f"{part}: {len(chosen)} utterances of {len({utt[SPK] for utt in chosen})} speakers", flush=True)
        if name != "train":
            microphones = Microphones(utts, bad, options.microphones)
            write_lists(out_dir / name, make_trials(corpus, name, utts, options), microphones, options.allow_partial)
    with replacing(out_dir / "bad_files") as f:
        f.writelines(lines)


def make_trials(corpus: Path, name: str, utts: list[str], options: CorpusOptions) -> dict:
    """The trial lists of a set: those of dev are drawn here, those of test are the corpus'."""
    if name == "dev":
        return dev_trials(utts, options.dev_points, options.dev_utterances, options.seed)
    return {of: read_trials(find_list(corpus / name, f"trials_{of}")) for of in ("1m", "mic")}


if __name__ == "__main__":
    run(__doc__, CorpusOptions, prepare)
