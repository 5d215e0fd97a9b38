"""Closed-set identification: which of the enrolled speakers an utterance is from."""

import numpy as np

from spkr.errors import InputError
from spkr.kaldi.trials import Trials


def identification_accuracy(trials: Trials, scores: np.ndarray) -> tuple[float, int]:
    """The share (0..1) of test utterances whose best-scored model is the right one, and how many were counted.

    The answer for a test utterance is chosen among the models it is tried against; a wrong model that ties with
    the right one makes it wrong. Utterances without a target trial are outside the closed set and not counted.

    Args: scores (number of trials,) in the order of the list. Raises InputError if no trial is a target trial.
    """
    right, wrong = np.full((2, len(trials.test_names)), -np.inf)  # the best score of each kind, for each test utterance
    np.maximum.at(right, trials.test[trials.target], scores[trials.target])
    np.maximum.at(wrong, trials.test[~trials.target], scores[~trials.target])
    closed = np.isfinite(right)
    if not closed.any():
        raise InputError("no target trial; identification needs test utterances of enrolled speakers")
    return float((right > wrong)[closed].mean()), int(closed.sum())
