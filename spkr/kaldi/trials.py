"""Trial lists and enrolment models.

    trials_<list>   <enrolment> <test> target|nontarget
    models_<list>   <model> <utterance> <utterance> ...      in spk2utt's form

A name in a trial is a model of `models_<list>` or, without such a file or entry, an utterance.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.columns import read_pieces
from spkr.kaldi.names import Names

LABELLED, UNLABELLED = "<enrolment> <test> target|nontarget", "<enrolment> <test>"


@dataclass
class Trials:
    """A trial list: the names on either side, each once, and the trials as places among them."""

    enrol_names: list[str]
    test_names: list[str]
    enrol: np.ndarray  # (number of trials,) int32, into enrol_names
    test: np.ndarray  # (number of trials,) int32, into test_names
    target: np.ndarray | None  # (number of trials,) bool: is it the same speaker? None if unlabelled

    @classmethod
    def of(cls, enrol: Iterable[str], test: Iterable[str], target: Sequence[bool] | None) -> "Trials":
        """The list whose columns these are."""
        sides, places = [], []
        for column in (list(enrol), list(test)):
            number = {name: k for k, name in enumerate(dict.fromkeys(column))}
            sides.append(list(number))
            places.append(np.array([number[name] for name in column], np.int32))
        return cls(*sides, *places, None if target is None else np.array(target, bool))

    def __len__(self) -> int:
        return len(self.enrol)

    def pair(self, k: int) -> tuple[str, str]:
        """The names in trial `k`, from 0."""
        return self.enrol_names[self.enrol[k]], self.test_names[self.test[k]]

    def keys(self) -> np.ndarray:
        """A number of each trial, int64 (number of trials,), that other trials of the same names do not have."""
        return self.enrol.astype(np.int64) * len(self.test_names) + self.test

    def repeated(self) -> np.ndarray:
        """Which trials stand there before, too; bool (number of trials,)."""
        keys = self.keys()
        repeated = np.zeros(len(keys), bool)
        if not (keys[1:] > keys[:-1]).all() and (np.diff(np.sort(keys)) == 0).any():
            order = np.argsort(keys, kind="stable")
            repeated[order[1:]] = np.diff(keys[order]) == 0
        return repeated


def read_trials(path: str | Path, labelled: bool = True) -> Trials:
    """Read a trial list; `labelled=False` also takes one without labels, as Kaldi's scoring does.

    Names are numbered in the order in which they come first. Raises InputError, with the line, for a line with
    another number of fields than is expected or than the first has, an unknown label or a repeated trial.
    """
    enrol, test, columns = Names(), Names(), []
    for piece in read_pieces(path, LABELLED) if labelled else read_pieces(path, LABELLED, UNLABELLED):
        target = piece.targets(2) if piece.columns == 3 else None
        columns.append((piece.places(0, enrol), piece.places(1, test), target))
    i, j, target = zip(*columns, strict=True)
    trials = Trials(
        [_decode(path, name) for name in enrol.numbers],
        [_decode(path, name) for name in test.numbers],
        np.concatenate(i),
        np.concatenate(j),
        None if target[0] is None else np.concatenate(target),
    )
    if (repeated := trials.repeated()).any():
        line = int(repeated.argmax())
        raise InputError(f"{path}:{line + 1}: the trial {' '.join(trials.pair(line))} stands there twice")
    return trials


def _decode(path: str | Path, name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise InputError(f"{path}: the name {name!r} is not UTF-8 text; expected a text file") from None


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
