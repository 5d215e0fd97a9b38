"""Score files: joined to their trial list, or with the labels beside the scores."""

from pathlib import Path
from typing import NoReturn

import numpy as np

from spkr.errors import InputError
from spkr.kaldi.columns import read_pieces
from spkr.kaldi.names import Names
from spkr.kaldi.trials import Trials


def read_scores(path: str | Path, trials: Trials) -> np.ndarray:
    """Read `<enrolment> <test> <score>` lines; float64 (number of trials,) in the order of the trial list.

    The file may be in another order than the list. Raises InputError, with the line, for a line of another form,
    a score that is not finite, a trial that is not in the list or is scored twice, and for a trial left out.
    """
    sides = [Names([name.encode() for name in side]) for side in (trials.enrol_names, trials.test_names)]
    read = []
    for piece in read_pieces(path, "<enrolment> <test> <score>"):
        places = [piece.places(column, names, add=False) for column, names in enumerate(sides)]
        if (unknown := np.minimum(*places) < 0).any():
            line = int(unknown.argmax())
            enrol, test = (piece.field(line, k).decode(errors="replace") for k in range(2))
            piece.refuse(line, f"the trial '{enrol} {test}' is not in the trial list")
        read.append((*places, piece.scores(2)))
    enrol, test, scores = map(np.concatenate, zip(*read, strict=True))
    if np.array_equal(enrol, trials.enrol) and np.array_equal(test, trials.test):
        return scores
    scored = Trials(trials.enrol_names, trials.test_names, enrol, test, None)
    return scores[_order(path, scored, trials)]


def _order(path: str | Path, scored: Trials, trials: Trials) -> np.ndarray:
    """Where each trial stands among those scored, which must be the same trials in some order."""
    found, wanted = scored.keys(), trials.keys()
    by_file, by_list = np.argsort(found), np.argsort(wanted)
    if not np.array_equal(found[by_file], wanted[by_list]):
        _refuse(path, scored, trials)
    order = np.empty_like(by_list)
    order[by_list] = by_file
    return order


def _refuse(path: str | Path, scored: Trials, trials: Trials) -> NoReturn:
    """Name the first trial that is too much, or the first that is left out."""
    unlisted, again = ~np.isin(scored.keys(), trials.keys()), scored.repeated()
    if (too_many := unlisted | again).any():
        line = int(too_many.argmax())
        enrol, test = scored.pair(line)
        problem = "is not in the trial list"
        if not unlisted[line]:
            problem = f"was scored in line {scored.keys().tolist().index(scored.keys()[line]) + 1} already"
        raise InputError(f"{path}:{line + 1}: the trial '{enrol} {test}' {problem}")
    missing = ~np.isin(trials.keys(), scored.keys())
    first = int(missing.argmax())
    enrol, test = trials.pair(first)
    raise InputError(
        f"{path}: {missing.sum()} of {len(trials)} trials have no score, first '{enrol} {test}' "
        f"(line {first + 1} of the trial list); score the whole list"
    )


def read_labelled_scores(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read `<score> target|nontarget` lines, as Kaldi's compute-eer takes them, in their order.

    Returns: scores, float64 (n,), and whether each is of a target trial, bool (n,).
    Raises InputError, with the line, for a line of another form, and where a score is not finite.
    """
    read = [(piece.scores(0), piece.targets(1)) for piece in read_pieces(path, "<score> target|nontarget")]
    scores, target = map(np.concatenate, zip(*read, strict=True))
    return scores, target
