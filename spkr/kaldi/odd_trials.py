"""Trials whose two sides have something in common other than the speaker: an utterance, a recording, a session."""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from spkr.kaldi.trials import Trials, Utterances

logger = logging.getLogger(__name__)


def warn_of_odd_trials(path: str | Path, trials: Trials, utts: tuple[Utterances, Utterances]) -> None:
    """Log how many trials have the test utterance in their enrolment, and how many are pairs in both orders."""
    for odd, what in (
        (share_a_label(trials, utts), "test an utterance of their own enrolment"),
        (in_both_orders(trials, utts), "are also in the list with both sides exchanged"),
    ):
        if odd.any():
            logger.warning("%s: %d of %d trials %s", path, odd.sum(), len(trials), what)


def in_both_orders(trials: Trials, utts: tuple[Utterances, Utterances]) -> np.ndarray:
    """Whether a trial is also in the list with both sides exchanged, (number of trials,) bool; true for one of two."""
    if set(utts[0]).isdisjoint(utts[1]):
        return np.zeros(len(trials), bool)
    number = {of_name: k for k, of_name in enumerate(dict.fromkeys([*utts[0], *utts[1]]))}
    a = np.array([number[of_name] for of_name in utts[0]])[trials.enrol]
    b = np.array([number[of_name] for of_name in utts[1]])[trials.test]
    return (pd.Series(a * len(number) + b).isin(b * len(number) + a) & (a < b)).to_numpy()


def share_a_label(trials: Trials, labels: tuple[Sequence[Collection[str]], Sequence[Collection[str]]]) -> np.ndarray:
    """Whether the two sides of each trial have a label in common, (number of trials,) bool.

    Args: the labels of each name on the enrolment side, and on the test side, such as their utterances or sessions.
    """
    number = {label: k for k, label in enumerate({label for side in labels for of_name in side for label in of_name})}
    numbers = [[[number[label] for label in set(of_name)] for of_name in side] for side in labels]
    if all(len(of_name) == 1 for side in numbers for of_name in side):
        a, b = (np.array(side)[:, 0] for side in numbers)
        return a[trials.enrol] == b[trials.test]
    has_a, has_b = (_incidence(side, len(number)) for side in numbers)
    return has_a[trials.enrol].multiply(has_b[trials.test]).sum(axis=1) > 0


def _incidence(numbers: Sequence[Sequence[int]], n_labels: int) -> csr_array:
    """Which labels each name has: (names, labels)."""
    ends = np.append(0, np.cumsum([len(of_name) for of_name in numbers]))
    columns = np.array([k for of_name in numbers for k in of_name], int)
    return csr_array((np.ones(len(columns), np.int32), columns, ends), shape=(len(numbers), n_labels))
