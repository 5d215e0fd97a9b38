"""Trial lists and enrolment models.

    trials_<list>   <enrolment> <test> target|nontarget
    models_<list>   <model> <utterance> <utterance> ...      in spk2utt's form

A name in a trial is a model of `models_<list>` or an utterance. If it is both, it means the model on the enrolment
side, and the utterance on the test side.
"""

import logging
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.maps import read_spk2utt
from spkr.kaldi.text_table import read_table

LABELLED, UNLABELLED = "<enrolment> <test> <label>", "<enrolment> <test>"
KALDI_LABELS, VOXCELEB_LABELS = {"target": True, "nontarget": False}, {"1": True, "0": False}

logger = logging.getLogger(__name__)

Utterances = list[tuple[str, ...]]  # of each name on one side of a list


@dataclass
class Trials:
    """A trial list: the names on either side, each once, and the trials as indices into them."""

    enrol_names: list[str]
    test_names: list[str]
    enrol: np.ndarray  # (number of trials,) int32, into enrol_names
    test: np.ndarray  # (number of trials,) int32, into test_names
    target: np.ndarray | None  # (number of trials,) bool: is it the same speaker? None if unlabelled
    lines: np.ndarray | None = (
        None  # (number of trials,) the line of each trial in its file, from 1; None if it is the trial's number
    )
    repeated: tuple[int, ...] = ()  # lines that were left out, as they repeat an earlier trial

    @classmethod
    def of(cls, enrol: Iterable[str], test: Iterable[str], target: Sequence[bool] | None) -> "Trials":
        """Make a list from its columns; names are numbered by first occurrence."""
        (i, enrol_names), (j, test_names) = (_numbered(pd.Categorical(list(side))) for side in (enrol, test))
        return cls(enrol_names, test_names, i, j, None if target is None else np.array(target, bool))

    def __len__(self) -> int:
        return len(self.enrol)

    def pair(self, k: int) -> tuple[str, str]:
        """The names in trial `k`, from 0."""
        return self.enrol_names[self.enrol[k]], self.test_names[self.test[k]]

    def line(self, k: int) -> int:
        """The line, from 1, of trial `k`, from 0."""
        return k + 1 if self.lines is None else int(self.lines[k])

    def keys(self) -> np.ndarray:
        """An int64 number for each trial (number of trials,): the same for trials of the same two names."""
        return self.enrol.astype(np.int64) * len(self.test_names) + self.test

    def select(self, chosen: np.ndarray) -> "Trials":
        """The trials for which `chosen`, bool (number of trials,), is true, with their line numbers."""
        target = None if self.target is None else self.target[chosen]
        lines = np.array([self.line(k) for k in np.flatnonzero(chosen).tolist()])
        return Trials(self.enrol_names, self.test_names, self.enrol[chosen], self.test[chosen], target, lines)


def _numbered(column: pd.Categorical) -> tuple[np.ndarray, list[str]]:
    """Number the categories by first occurrence: int32 (n,), and the name of each number."""
    numbers, codes = pd.factorize(column.codes)
    return numbers.astype(np.int32), column.categories[codes].tolist()


def read_trials(path: str | Path, labelled: bool = True, allow_duplicates: bool = False) -> Trials:
    """Read a trial list in Kaldi's form or VoxCeleb's, `1|0 <enrolment> <test>`; a label may be 1 or 0 in both.

    Args:
        labelled: False also accepts a list without labels, as Kaldi's scoring does
        allow_duplicates: count a repeated trial once, and log how many there are, instead of raising an error
    Names are numbered by first occurrence. Raises InputError, with the line, for a number of fields that is wrong or
    differs from the first line's, an unknown label and a repeated trial; and if both forms fit.
    """
    forms = [LABELLED] if labelled else [LABELLED, UNLABELLED]
    table = read_table(path, *forms, names=["enrolment", "test", "label"])
    target = None
    if "label" in table:
        table, form = _in_kaldis_order(path, table)
        target = parse_labels(path, table["label"], form)
    (enrol, enrol_names), (test, test_names) = (_numbered(table[side].array) for side in ("enrolment", "test"))
    trials = Trials(enrol_names, test_names, enrol, test, target)
    return without_repeated(path, trials, allow_duplicates)


def _in_kaldis_order(path: str | Path, table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The columns in Kaldi's order, and the form of the file: the one that fits, or else that of the first line."""
    first, last = (set(table[column].cat.categories) for column in ("enrolment", "label"))
    may_be_voxceleb = first <= VOXCELEB_LABELS.keys()
    if may_be_voxceleb and last <= VOXCELEB_LABELS.keys():
        raise InputError(
            f"{path}: every line begins and ends with 1 or 0, so that either may be the label; write target and "
            f"nontarget as '{LABELLED}'"
        )
    if first <= KALDI_LABELS.keys() and not last & KALDI_LABELS.keys():
        raise InputError(f"{path}:1: the label comes first; write '{LABELLED}', or 1 and 0 in front")
    is_kaldi = last <= KALDI_LABELS.keys() or last <= VOXCELEB_LABELS.keys()
    line = table.iloc[0]
    seems_voxceleb = line["enrolment"] in VOXCELEB_LABELS and line["label"] not in KALDI_LABELS | VOXCELEB_LABELS
    if not is_kaldi and (may_be_voxceleb or seems_voxceleb):
        return table.set_axis(["label", "enrolment", "test"], axis=1), "<label> <enrolment> <test>"
    return table, LABELLED


def parse_labels(path: str | Path, column: pd.Series, form: str) -> np.ndarray:
    """Labels as bool (n,): either all are target or nontarget, or all are 1 or 0.

    Raises InputError for the first one that is not such a label, with its line and the form that the file probably has.
    """
    known = VOXCELEB_LABELS if column.iloc[0] in VOXCELEB_LABELS else KALDI_LABELS
    if not (right := column.isin(list(known)).to_numpy()).all():
        line = int(right.argmin())
        raise InputError(
            f"{path}:{line + 1}: label {column.iloc[line]!r}; expected {' or '.join(known)}, as the lines seem to be "
            f"'{form}'{_hint(column.iloc[line])}"
        )
    return column.map(known).to_numpy(bool)


def _hint(label: str) -> str:
    """What a line with this malformed label may be instead."""
    try:
        float(label)
    except ValueError:
        return ""
    return "; is this a file of scores? Name the list of trials that they were computed for"


def without_repeated(path: str | Path, trials: Trials, allowed: bool) -> Trials:
    """Each trial once; InputError, with the line, if repeated ones are not `allowed`, or if one has two labels."""
    repeated = pd.Series(trials.keys()).duplicated().to_numpy()
    if not repeated.any():
        return trials
    first = int(repeated.argmax())
    if not allowed:
        raise InputError(
            f"{path}:{trials.line(first)}: the trial {' '.join(trials.pair(first))} is in the list twice; remove it, "
            "or count it once with --allow-duplicates"
        )
    if trials.target is not None:
        labels = pd.DataFrame({"trial": trials.keys(), "target": trials.target})
        if (contradicted := repeated & ~labels.duplicated().to_numpy()).any():
            k = int(contradicted.argmax())
            pair = " ".join(trials.pair(k))
            raise InputError(f"{path}:{trials.line(k)}: the trial {pair} is in the list with two labels; correct one")
    logger.warning("%s: %d of %d trials are repeated, and count once", path, repeated.sum(), len(trials))
    once = trials.select(~repeated)
    once.repeated = tuple(map(trials.line, np.flatnonzero(repeated).tolist()))
    return once


def read_models(path: str | Path | None) -> dict[str, list[str]]:
    """The utterances of each model of models_<list>, or of spk2utt; empty without a path.

    Raises InputError, with the line, for a model that lists an utterance twice.
    """
    models = read_spk2utt(path) if path else {}
    for line, (model, utts) in enumerate(models.items(), 1):
        if len(set(utts)) < len(utts):
            twice = next(utt for utt in utts if utts.count(utt) > 1)
            raise InputError(f"{path}:{line}: model {model!r} lists {twice!r} twice; list each utterance once")
    return models


def look_up_utterances(
    trials: Trials,
    path: str | Path,
    utts: Container[str],
    utts_are: str,
    models: Mapping[str, Sequence[str]],
    models_path: str | Path | None,
) -> tuple[Utterances, Utterances]:
    """The utterances of each name in the list that was read from `path`: of enrolment names, and of test names.

    Enrolment names are looked up among the models first, test names among the utterances first. Raises InputError,
    with the first line, for a name that is neither; `utts_are` says what it should be, such as `an utterance of data`.
    """
    enrol = [tuple(models.get(name) or [name]) for name in trials.enrol_names]
    test = [(name,) if name in utts else tuple(models.get(name) or [name]) for name in trials.test_names]
    unknown = []
    for names, places in ((trials.enrol_names, trials.enrol), (trials.test_names, trials.test)):
        wrong = np.array([name not in models and name not in utts for name in names])
        unknown += [(int(k), names[places[k]]) for k in np.flatnonzero(wrong[places])[:1]]
    if unknown:
        k, name = min(unknown)
        known = f"a model of {models_path} or " if models_path else ""
        raise InputError(f"{path}:{trials.line(k)}: {name!r} is not {known}{utts_are}")
    return enrol, test


def write_trials(path: str | Path, trials: Iterable[tuple[str, str, bool]]) -> None:
    """Write (enrolment, test, same speaker) lines by rename."""
    with replacing(path) as f:
        for enrol, test, target in trials:
            f.write(f"{enrol} {test} {'target' if target else 'nontarget'}\n")


def all_pairs(utt2spk: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """Every unordered pair of two utterances: n (n - 1) / 2 trials."""
    return [(a, b, utt2spk[a] == utt2spk[b]) for a, b in combinations(sorted(utt2spk), 2)]


def enrol_models(spk2utt: Mapping[str, list[str]], n: int) -> tuple[dict[str, list[str]], list[tuple[str, str, bool]]]:
    """A model of each speaker's first `n` utterances, and trials of it against all utterances that are in no model.

    Returns the models, named after their speakers, and the trials. Raises InputError if a speaker has no more than `n`
    utterances, because there would be no target trial for it.
    """
    for spk, utts in spk2utt.items():
        if len(utts) <= n:
            raise InputError(f"speaker {spk!r} has {len(utts)} utterances; a model of {n} needs at least {n + 1}")
    models = {spk: sorted(utts)[:n] for spk, utts in sorted(spk2utt.items())}
    return models, trials_of_models(models, spk2utt)


def trials_of_models(
    models: Mapping[str, Sequence[str]], spk2utt: Mapping[str, Sequence[str]]
) -> list[tuple[str, str, bool]]:
    """Trials of models, named after their speakers, against all utterances that are in no model."""
    enrolled = {utt for utts in models.values() for utt in utts}
    tests = [(utt, spk) for spk, utts in sorted(spk2utt.items()) for utt in sorted(utts) if utt not in enrolled]
    return [(model, utt, model == spk) for model in models for utt, spk in tests]
