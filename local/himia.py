"""Kaldi data directories and trial lists from HI-MIA (OpenSLR 85), or from a corpus laid out like it.

    CORPUS_DIR/
      train/   train.scp   wav/SV0001/SV0001_2_10_N0001.wav     one name a line; the wavs may lie anywhere beside it
      dev/     dev.scp     likewise
      test/    wav.scp     SV0297_7_01_N0001.wav
               trials_1m   SV0297_2_{}_N0001.wav SV0297_2_{}_N0002.wav target
               trials_mic  SV0297_7_01_N0001.wav SV0297_2_{}_N0002.wav target

himia_trials.py explains the names.

    OUT_DIR/
      recordings/<set>.<part>.scp        what each part of a set is, and beside it
      recordings/<set>.<part>.seconds    what `spkr durations` says of it
      bad_files                          <set> <file> <reason>: left out of all that follows
      train/ dev/ test/                  with utt2point, utt2mic and utt2speed
      valid/                             one in ten of what each speaker of train says, by all its microphones
      {dev,test}/trials_{1m,mic}_averaged    a trial a line; models_<list>: the microphones behind a name with {}
      {dev,test}/trials_{1m,mic}_expanded    a trial a microphone, the same one on both sides where both have {}
      dev/trials_pairs                       pairs of recordings, close or far

Example:
    python local/himia.py recordings exp/corpora/himia exp/himia/data --parts 2
    spkr durations exp/himia/data/recordings/train.1.scp      # and so on: each part of each set, many at a time
    python local/himia.py data exp/corpora/himia exp/himia/data --parts 2
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from himia_trials import MIC, NAME, POINT, SPEED, SPK, Microphones, dev_trials, read_trials, said, write_lists

from spkr.audio.sums import shared_audio, sums_of
from spkr.corpus.durations import read_parts, write_parts
from spkr.errors import InputError
from spkr.files import read_lines, replacing
from spkr.kaldi.datadir import invert, read_map, write_data_dir
from spkr.kaldi.select import shuffled
from spkr.kaldi.validate import shortened
from spkr.manifest import artefacts

LISTS = {"test": "wav.scp", "dev": "dev.scp", "train": "train.scp"}  # small sets first: their faults are seen sooner


def walk(folder: Path) -> tuple[dict[str, str], set[str]]:
    """The folder of every file below one, by the file's name, and the names that stand there twice."""
    where: dict[str, str] = {}
    twice = set()
    for path, _, names in os.walk(folder):
        twice.update(name for name in names if where.setdefault(name, path) != path)
    return where, twice


def find_list(folder: Path, name: str) -> Path:
    """The one file of that name below a folder."""
    found = sorted(folder.rglob(name))
    if len(found) != 1:
        raise InputError(f"{folder}: {len(found)} files called {name}; expected one, as HI-MIA's archives unpack")
    return found[0]


def list_recordings(folder: Path, scp_name: str) -> tuple[dict[str, str], dict[str, str]]:
    """The recordings that a set's scp names: utterance -> path; and file -> why it is none."""
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
    """Print how many recordings a set has; compare with the recipe's numbers, which a part may stay below."""
    of = f", of {expected[0]} of {expected[1]}" if expected and [files, speakers] != expected else ""
    print(f"{name}: {files} files of {speakers} speakers{of}", flush=True)
    if of and (not allow_partial or files > expected[0] or speakers > expected[1]):
        raise InputError(
            f"{name} has {files} files of {speakers} speakers; the recipe's config expects {expected[0]} of "
            f"{expected[1]}: get the whole archive, or set corpus.allow_partial for a part of it"
        )


def check_share(name: str, bad: Mapping[str, str], listed: int, allowed: float) -> None:
    """Raise InputError where too many of a set's recordings cannot be used."""
    if len(bad) > allowed * listed:
        file, why = min(bad.items())
        raise InputError(
            f"{name}: {len(bad)} of {listed} recordings cannot be used, more than a share of {allowed:g} "
            f"(corpus.max_bad_share); first {file}: {why}; get a sound archive"
        )


def find_recordings(
    corpus_dir: Path, out_dir: Path, parts: int, expect: dict, allow_partial: bool, max_bad_share: float
) -> None:
    """Write the parts of all sets, each checked before, and what cannot be used."""
    corpus = corpus_dir.absolute()
    corpus = corpus.relative_to(Path.cwd()) if corpus.is_relative_to(Path.cwd()) else corpus
    set_of: dict[str, str] = {}  # speaker -> set
    texts = []
    for name, scp_name in LISTS.items():
        paths, bad = list_recordings(corpus / name, scp_name)
        speakers = {utt[SPK] for utt in paths}
        for spk in sorted(speakers):
            if set_of.setdefault(spk, name) != name:
                raise InputError(f"speaker {spk} is in {set_of[spk]} and in {name}; nobody may be in two sets")
        check_counts(name, len(paths) + len(bad), len(speakers), expect.get(name), allow_partial)
        check_share(name, bad, len(paths) + len(bad), max_bad_share)
        if len(paths) < parts:
            raise InputError(f"{name}: {len(paths)} recordings do not fill {parts} parts; set corpus.parts to less")
        write_parts(out_dir / f"recordings/{name}", paths, parts)
        texts += [f"{name}\t{file}\t{why}\n" for file, why in sorted(bad.items())]
    with replacing(out_dir / "recordings/bad_files") as f:
        f.writelines(texts)


def split(utts: Iterable[str], seed: int) -> dict[str, list[str]]:
    """Part utterances into `train` and `valid`, which share nothing that was said."""
    utts = list(utts)
    spk2said = invert({said(utt): utt[SPK] for utt in utts})
    held_out = {word for words in spk2said.values() for word in shuffled(seed, words)[: len(words) // 10]}
    if not held_out:
        raise InputError("train: no speaker says ten things; expected one to hold out one of them for valid")
    sets: dict[str, list[str]] = {"train": [], "valid": []}
    for utt in utts:
        sets["valid" if said(utt) in held_out else "train"].append(utt)
    return sets


def write_set(
    path: Path,
    utts: Collection[str],
    paths: Mapping[str, str],
    seconds: Mapping[str, str],
    sums: Mapping[str, str],
    spk2gender: Mapping[str, str] | None,
) -> None:
    """Write one data directory, with what the names say of each recording."""
    files: dict[str, Mapping] = {
        "wav.scp": {utt: paths[utt] for utt in utts},
        "reco2sum": {utt: sums[utt] for utt in utts},
        "utt2spk": {utt: utt[SPK] for utt in utts},
        "utt2dur": {utt: seconds[utt] for utt in utts},
        "utt2point": {utt: utt[POINT] for utt in utts},
        "utt2mic": {utt: utt[MIC] for utt in utts},
        "utt2speed": {utt: utt[SPEED] for utt in utts},
    }
    if spk2gender is not None:
        speakers = {utt[SPK] for utt in utts}
        files["spk2gender"] = {spk: sex for spk, sex in spk2gender.items() if spk in speakers}
    write_data_dir(path, files)
    for message in shortened(list(shared_audio(files, sums_of(files)))):
        print(f"warning: {path}: {message}")


def read_bad_files(path: Path, name: str) -> dict[str, str]:
    """A set's part of a list of bad files: file -> reason."""
    lines = [line.partition("\t") for line in path.read_text(encoding="utf-8").split("\n")]
    return {file: why for of, _, rest in lines if of == name for file, _, why in [rest.rpartition("\t")]}


def write_data(
    corpus_dir: Path,
    out_dir: Path,
    parts: int,
    seed: int,
    max_bad_share: float,
    allow_partial: bool,
    microphones: int,
    dev_points: list[str],
    dev_utterances: int,
    spk2gender: Path | None,
) -> None:
    """Write all data directories, trial lists and bad_files."""
    genders = read_map(spk2gender) if spk2gender else None
    bad_files = []
    for name in LISTS:
        utts, seconds, sums, bad = read_parts(out_dir / f"recordings/{name}", parts)
        bad |= read_bad_files(out_dir / "recordings/bad_files", name)
        check_share(name, bad, len(utts) + len(bad), max_bad_share)
        for why, number in Counter(bad.values()).most_common():
            print(f"{name}: {number} bad files: {why}")
        bad_files += [f"{name}\t{file}\t{why}\n" for file, why in sorted(bad.items())]
        for part, chosen in (split(utts, seed) if name == "train" else {name: utts}).items():
            write_set(out_dir / part, chosen, utts, seconds, sums, genders)
            print(f"{part}: {len(chosen)} utterances of {len({utt[SPK] for utt in chosen})} speakers", flush=True)
        if name == "train":
            continue
        if name == "dev":
            trials = dev_trials(utts, dev_points, dev_utterances, seed)
        else:
            trials = {of: read_trials(find_list(corpus_dir / name, f"trials_{of}")) for of in ("1m", "mic")}
        write_lists(out_dir / name, trials, Microphones(utts, bad, microphones), allow_partial)
    with replacing(out_dir / "bad_files") as f:
        f.writelines(bad_files)


def main(argv: list[str] | None = None) -> None:
    """Read the command line; an error in the corpus is one line on stderr and exit status 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True, metavar="recordings|data")
    first = verbs.add_parser("recordings", help="list the recordings of all sets, in parts")
    first.set_defaults(run=find_recordings)
    first.add_argument("--expect", type=json.loads, default={}, help="JSON: set -> [files, speakers]")
    last = verbs.add_parser("data", help="write data directories and trial lists")
    last.set_defaults(run=write_data)
    last.add_argument("--seed", type=int, default=1, help="chooses valid and dev's trials (%(default)s)")
    last.add_argument("--microphones", type=int, default=15, help="of the array, from 01 (%(default)s)")
    last.add_argument("--dev-points", nargs="+", default=["2"], help="of the array in dev's trials (%(default)s)")
    last.add_argument("--dev-utterances", type=int, default=6, help="that a speaker says in them (%(default)s)")
    last.add_argument("--spk2gender", type=Path, help="of all speakers, where it is known")
    for p in (first, last):
        p.add_argument("corpus_dir", type=Path, help="the folder of the unpacked archives: train/, dev/ and test/")
        p.add_argument("out_dir", type=Path, help="where the data directories go")
        p.add_argument("--parts", type=int, default=1, help="of each set (%(default)s)")
        p.add_argument("--allow-partial", action="store_true", help="the corpus may be a part of what is expected")
        p.add_argument("--max-bad-share", type=float, default=0.0, help="of recordings in a set (%(default)s)")
    args = vars(parser.parse_args(argv))
    run, data = args.pop("run"), args["out_dir"]
    folders, reads = [data / "recordings"], []
    if run is write_data:
        folders, reads = [data, *(data / name for name in ("train", "valid", "dev", "test"))], folders
    manifests = [folder / "manifest.json" for folder in folders]
    try:
        with artefacts("data" if reads else "recordings", args, *manifests, reads=reads, code=Path(__file__).parent):
            run(**args)
    except InputError as e:
        sys.exit(f"himia.py: error: {e}")


if __name__ == "__main__":
    main()
