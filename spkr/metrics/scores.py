"""Score files: joined to their trial list, or with the labels beside the scores."""

from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from spkr.errors import InputError
from spkr.kaldi.text_table import read_table
from spkr.kaldi.trials import Trials, parse_labels, read_trials

SCORED, SCORED_LABELLED = "<enrolment> <test> <score>", "<enrolment> <test> <score> <label>"
LABELLED = "<score> <label>"


def read_both_kinds(path: str | Path, allow_duplicates: bool = False) -> Trials:
    """Read a labelled list as `read_trials` does; InputError if it has trials of one kind only."""
    trials = read_trials(path, allow_duplicates=allow_duplicates)
    for kind, there in (("target", trials.target), ("nontarget", ~trials.target)):
        if not there.any():
            raise InputError(f"{path}: no {kind} trial; expected trials of both kinds")
    return trials


def read_scores(path: str | Path, trials: Trials, allow_duplicates: bool = False) -> np.ndarray:
    """Read `<enrolment> <test> <score>` lines; float64 (number of trials,) in the order of the trial list.

    The file may be in another order than the list, and may have labels after the scores, as in wespeaker's files.
    `allow_duplicates` accepts a trial that is scored several times, if its scores are the same.
    Raises InputError, with the line, for a malformed line, a score that is not finite, a trial that is not in
    the list or is scored twice, a label that is not the list's, and for a trial left out.
    """
    table = read_table(path, SCORED, SCORED_LABELLED, names=["enrolment", "test", "label"], numbers=["score"])
    found = pd.DataFrame({
        "enrol": table["enrolment"].cat.set_categories(trials.enrol_names).cat.codes,  # -1: not in the list
        "test": table["test"].cat.set_categories(trials.test_names).cat.codes,
        "score": table["score"],
        "line": np.arange(1, len(table) + 1),
    })  # fmt: skip
    if allow_duplicates:
        found = found.drop_duplicates(["enrol", "test", "score"])
    wanted = pd.DataFrame({"enrol": trials.enrol, "test": trials.test})
    try:
        joined = wanted.merge(found, how="left", on=["enrol", "test"], validate="one_to_one")
    except pd.errors.MergeError:
        _refuse(path, table.loc[found.index], trials)
    if len(found) > len(trials) or joined["score"].isna().any():
        _refuse(path, table.loc[found.index], trials)
    if "label" in table and trials.target is not None:
        target = parse_labels(path, table["label"], SCORED_LABELLED)
        lines = joined["line"].to_numpy(int)
        if (wrong := target[lines - 1] != trials.target).any():
            k = int(wrong.argmax())
            raise InputError(
                f"{path}:{lines[k]}: the trial '{' '.join(trials.pair(k))}' has another label than in line "
                f"{trials.line(k)} of the trial list; score this list"
            )
    return joined["score"].to_numpy()


def check_differ(path: str | Path, scores: np.ndarray) -> None:
    """Raise InputError if all scores of a file are equal: no threshold tells trials apart."""
    if scores.min() == scores.max():
        raise InputError(f"{path}: all {len(scores)} scores are {scores[0]:g}; expected scores that differ")


def _refuse(path: str | Path, table: pd.DataFrame, trials: Trials) -> NoReturn:
    """Name the first line with an unlisted or repeated trial, or else the first trial without a score."""
    listed, line_of = set(zip(trials.enrol.tolist(), trials.test.tolist(), strict=True)), {}
    number_of = [{name: k for k, name in enumerate(side)} for side in (trials.enrol_names, trials.test_names)]
    for index, enrol, test in zip(table.index.tolist(), table["enrolment"], table["test"], strict=True):
        trial = number_of[0].get(enrol), number_of[1].get(test)
        problem = "is not in the trial list" if trial not in listed else None
        if trial in line_of:
            problem = f"was scored in line {line_of[trial]} already"
        if problem:
            raise InputError(f"{path}:{index + 1}: the trial '{enrol} {test}' {problem}")
        line_of[trial] = index + 1
    missing = [k for k, trial in enumerate(zip(trials.enrol.tolist(), trials.test.tolist(), strict=True))
               if trial not in line_of]  # fmt: skip
    raise InputError(
        f"{path}: {len(missing)} of {len(trials)} trials have no score, first '{' '.join(trials.pair(missing[0]))}' "
        f"(line {trials.line(missing[0])} of the trial list); score the whole list"
    )


def read_labelled_scores(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read `<score> target|nontarget` lines, as Kaldi's compute-eer takes them, in their order.

    The names of the trial may come before them, as in wespeaker's files, and a label may be 1 or 0.
    Returns: scores, float64 (n,), and whether each is of a target trial, bool (n,).
    Raises InputError, with the line, for a malformed line, and if a score is not finite.
    """
    table = read_table(path, LABELLED, SCORED_LABELLED, names=["enrolment", "test", "label"], numbers=["score"])
    form = SCORED_LABELLED if "test" in table else LABELLED
    return table["score"].to_numpy(), parse_labels(path, table["label"], form)
