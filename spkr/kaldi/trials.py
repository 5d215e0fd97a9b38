"""Trial lists and enrolment models.

    trials_<list>   <enrolment> <test> target|nontarget
    models_<list>   <model> <utterance> <utterance> ...      in spk2utt's form

A name in a trial is a model of `models_<list>` or, without such a file or entry, an utterance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import read_lines, replacing

LABELS = {"target": True, "nontarget": False}


@dataclass
class Trials:
    """A trial list: names on both sides, and whether both are the same speaker (None if unlabelled)."""

    enrol: list[str]
    test: list[str]
    target: np.ndarray | None  # (number of trials,) bool


def read_trials(path: str | Path, labelled: bool = True) -> Trials:
    """Read a trial list; `labelled=False` accepts lines of two fields, as Kaldi's scoring does.

    Raises InputError, with the line, for a wrong number of fields, an unknown label or a repeated trial.
    """
    enrol, test, target, seen = [], [], [], set()
    for number, line in read_lines(path):
        fields = line.split()
        if len(fields) != 3 and (labelled or len(fields) != 2):
            expected = "<enrolment> <test> target|nontarget" if labelled else "<enrolment> <test> [label]"
            raise InputError(f"{path}:{number}: expected '{expected}', found {line!r}")
        if len(fields) == 3 and fields[2] not in LABELS:
            raise InputError(f"{path}:{number}: label {fields[2]!r}; expected target or nontarget")
        pair = (fields[0], fields[1])
        if pair in seen:
            raise InputError(f"{path}:{number}: the trial {fields[0]} {fields[1]} stands there twice")
        seen.add(pair)
        enrol.append(fields[0])
        test.append(fields[1])
        target.append(LABELS[fields[2]] if len(fields) == 3 else None)
    return Trials(enrol, test, np.array(target, bool) if None not in target else None)


def write_trials(path: str | Path, trials: Iterable[tuple[str, str, bool]]) -> None:
    """Write (enrolment, test, same speaker) lines by rename."""
    with replacing(path) as f:
        for enrol, test, target in trials:
            f.write(f"{enrol} {test} {'target' if target else 'nontarget'}\n")


def all_pairs(utt2spk: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """Every unordered pair of two utterances: n (n - 1) / 2 trials."""
    return [(a, b, utt2spk[a] == utt2spk[b]) for a, b in combinations(sorted(utt2spk), 2)]


def enrol_models(spk2utt: Mapping[str, list[str]], n: int) -> tuple[dict[str, list[str]], list[tuple[str, str, bool]]]:
    """A model of each speaker's first `n` utterances, tried against all utterances that are in no model.

    Returns the models (named as their speaker) and the trials. Raises InputError where a speaker has no
    more than `n` utterances, as there would be no target trial for it.
    """
    for spk, utts in spk2utt.items():
        if len(utts) <= n:
            raise InputError(f"speaker {spk!r} has {len(utts)} utterances; a model of {n} needs at least {n + 1}")
    models = {spk: sorted(utts)[:n] for spk, utts in sorted(spk2utt.items())}
    tests = [(utt, spk) for spk, utts in sorted(spk2utt.items()) for utt in sorted(utts)[n:]]
    return models, [(model, utt, model == spk) for model in models for utt, spk in tests]
