"""What VoxCeleb and CN-Celeb have in common: parts of speakers called id00001, and the sets that are made of them.

An utterance is called <speaker>-<session>-<number>, such as id10001-1zcIwhmdeo4-00001 or id00800-singing-01-003: what
stands before the last hyphen is the video or session that it was cut from.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from spkr.audio.fingerprint import fingerprints_of, shared_audio
from spkr.config.options import Count, Options, Positive, Probability, Text, Whole, entries_of, option
from spkr.corpus.durations import Headers, read_headers
from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.rules import invert
from spkr.kaldi.select import shuffled
from spkr.kaldi.trials import Trials, all_pairs
from spkr.kaldi.validate import shortened

SAMPLE_RATE = 16000  # Hz
SPEAKER, SPK = re.compile(r"id\d{5}"), slice(7)  # the name of a speaker, and where it is in that of an utterance


class CelebOptions(Options):
    """The options of `corpus.options` that both corpora have."""

    seed: Count = option(1, "chooses the speakers of dev and the utterances of valid")
    dev_speakers: Positive = option(100, "number of speakers in dev")
    dev_utterances: Positive = option(10, "utterances of a speaker in the trials of dev, each of another session")
    valid_speakers: Positive = option(2000, "training speakers, at most, an utterance of whom is in valid")
    max_bad_share: Probability = option(0.0, "accepted share of a part's recordings that cannot be used")
    expect: entries_of(Text, tuple[Whole, Whole]) = option(
        {}, "part: [utterances, speakers]; test/trials_<list>: [trials, targets]; null: not checked"
    )


def check_count(name: str, found: list[int], of: str, options: CelebOptions) -> None:
    """Print the two numbers of a part or a list, and compare them with those that the recipe expects."""
    print(f"{name}: {found[0]}", of.format(found[1]), flush=True)
    expected = list(options.expect.get(name, found))
    if found != expected:
        raise InputError(
            f"{name} has {found} (see above); the recipe's config expects {expected}: get what is missing, or change "
            f"corpus.options.expect.{name} to use what is there"
        )


def count_part(part: str, paths: Mapping[str, str], options: CelebOptions) -> None:
    """Check the numbers of utterances and speakers of a part."""
    count = [len(paths), len({utt[SPK] for utt in paths})]
    check_count(part, count, "utterances of {} speakers", options)


def read_part(part: str, paths: Mapping[str, str], options: CelebOptions, jobs: int) -> Headers:
    """Read the headers of a part. Raises InputError if too many recordings cannot be used."""
    headers = read_headers(paths, SAMPLE_RATE, jobs)
    for why, number in Counter(headers.bad.values()).most_common():
        print(f"{part}: {number} bad files: {why}")
    if len(headers.bad) > options.max_bad_share * len(paths):
        utt, why = min(headers.bad.items())
        raise InputError(
            f"{part}: {len(headers.bad)} of {len(paths)} recordings cannot be used, more than a share of "
            f"{options.max_bad_share:g} (corpus.options.max_bad_share); first {paths[utt]}: {why}"
        )
    return headers


def split(utts: Iterable[str], options: CelebOptions) -> dict[str, list[str]]:
    """Split the utterances that are trained on into `train`, `valid` and `dev`."""
    utts = list(utts)
    spk2utt = invert({utt: utt[SPK] for utt in utts})
    speakers = shuffled(options.seed, spk2utt)
    if len(speakers) < options.dev_speakers + 2:
        raise InputError(
            f"corpus.options.dev_speakers: {options.dev_speakers} of {len(speakers)} speakers; expected at least two "
            "others, to train on"
        )
    dev, others = set(speakers[: options.dev_speakers]), speakers[options.dev_speakers :]
    several = [spk for spk in others if len(spk2utt[spk]) > 1][: options.valid_speakers]
    valid = {shuffled(options.seed, spk2utt[spk])[0] for spk in several}
    sets: dict[str, list[str]] = {"train": [], "valid": [], "dev": []}
    for utt in utts:
        sets["dev" if utt[SPK] in dev else "valid" if utt in valid else "train"].append(utt)
    return sets


def dev_trials(utts: Iterable[str], options: CelebOptions) -> list[tuple[str, str, bool]]:
    """All pairs of some utterances of dev, no two of which are of one session."""
    of_session = {utt.rpartition("-")[0]: utt for utt in shuffled(options.seed, utts)}
    spk2utt = invert({utt: utt[SPK] for utt in of_session.values()})
    chosen = [utt for own in spk2utt.values() for utt in shuffled(options.seed, own)[: options.dev_utterances]]
    trials = all_pairs({utt: utt[SPK] for utt in chosen})
    if not any(same for *_, same in trials):
        raise InputError("dev: no speaker has two sessions, which a target trial needs; change dev_speakers or seed")
    return trials


def labelled(path: Path, trials: Trials) -> list[tuple[str, str, bool]]:
    """The trials of a list that was read from `path`; InputError if a label contradicts the names of the speakers."""
    enrol, test = np.array(trials.enrol_names)[trials.enrol], np.array(trials.test_names)[trials.test]
    if (wrong := (enrol.astype("U7") == test.astype("U7")) != trials.target).any():
        k = int(wrong.argmax())
        raise InputError(f"{path}:{trials.line(k)}: label {int(trials.target[k])} of {enrol[k]} and {test[k]}")
    return list(zip(enrol.tolist(), test.tolist(), trials.target.tolist(), strict=True))


def write_sets(
    out_dir: Path, sets: Mapping[str, Iterable[str]], paths: Mapping[str, str], read: Mapping[str, Headers]
) -> None:
    """Write the data directories of all sets, and bad_files.

    Args: paths of the utterances, and what is known of each part from its headers.
    """
    seconds, sums = (
        {k: v for of in read.values() for k, v in getattr(of, name).items()} for name in ("seconds", "sums")
    )
    for name, of_set in sets.items():
        utts = sorted(of_set)
        files = {
            "wav.scp": {utt: paths[utt] for utt in utts},
            "reco2sum": {utt: sums[utt] for utt in utts},
            "utt2spk": {utt: utt[SPK] for utt in utts},
            "utt2dur": {utt: seconds[utt] for utt in utts},
        }
        write_data_dir(out_dir / name, files)
        print(f"{name}: {len(utts)} utterances of {len({utt[SPK] for utt in utts})} speakers", flush=True)
        for message in shortened(list(shared_audio(files, fingerprints_of(files)))):
            print(f"warning: {name}: {message}")
    with replacing(out_dir / "bad_files") as f:
        f.writelines(f"{part}\t{utt}\t{why}\n" for part in read for utt, why in sorted(read[part].bad.items()))
