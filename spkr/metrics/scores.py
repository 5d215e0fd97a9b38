"""Scores: read from a file and joined to their trial list, or checked as arrays."""

from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.files import read_lines
from spkr.kaldi.trials import Trials

Key = tuple[str, str]  # (enrolment, test)


def read_scores(path: str | Path, trials: Trials) -> np.ndarray:
    """Read `<enrolment> <test> <score>` lines; float64 (number of trials,) in the order of the trial list.

    The file may be in another order than the list. Raises InputError, with the line, for a line of another form,
    a score that is not finite, a trial that is not in the list or is scored twice, and for a trial left out.
    """
    keys, values = [], []
    for number, line in read_lines(path):
        try:
            enrol, test, value = line.split()
            values.append(float(value))
        except ValueError:
            raise InputError(f"{path}:{number}: expected '<enrolment> <test> <score>', found {line!r}") from None
        keys.append((enrol, test))
    scores = np.array(values)
    finite = np.isfinite(scores)
    if not finite.all():
        first = int(finite.argmin())
        raise InputError(f"{path}:{first + 1}: score {scores[first]}; expected a finite number, score again")
    wanted = list(zip(trials.enrol, trials.test, strict=True))
    return scores if keys == wanted else scores[_positions(path, keys, wanted)]


def _positions(path: str | Path, keys: list[Key], wanted: list[Key]) -> list[int]:
    """Where each wanted trial stands among `keys`, which must be the same trials in some order."""
    listed, position = set(wanted), {}
    for i, key in enumerate(keys):
        if key not in listed:
            raise InputError(f"{path}:{i + 1}: the trial '{key[0]} {key[1]}' is not in the trial list")
        if key in position:
            raise InputError(
                f"{path}:{i + 1}: the trial '{key[0]} {key[1]}' was scored in line {position[key] + 1} already"
            )
        position[key] = i
    missing = [i for i, key in enumerate(wanted) if key not in position]
    if missing:
        enrol, test = wanted[missing[0]]
        raise InputError(
            f"{path}: {len(missing)} of {len(wanted)} trials have no score, "
            f"first '{enrol} {test}' (line {missing[0] + 1} of the trial list); score the whole list"
        )
    return [position[key] for key in wanted]


def both_sides(target, nontarget, dtype: type | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Target (n_t,) and nontarget (n_n,) scores as arrays; InputError where either is empty or not finite."""
    sides = np.asarray(target, dtype), np.asarray(nontarget, dtype)
    for kind, scores in zip(("target", "nontarget"), sides, strict=True):
        if not scores.size:
            raise InputError(f"no {kind} scores; error rates need trials of both kinds")
        if not np.isfinite(scores).all():
            raise InputError(f"the {kind} scores hold a value that is not finite; error rates need an order")
    return sides
