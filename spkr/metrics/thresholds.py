"""Thresholds of scores, chosen on one list to be used on others: a trial is accepted if its score is at least theta.

All thresholds between two neighbouring scores of a list decide it alike. The one in the middle is taken, as other lists
have scores between the two. Thresholds below all scores are -inf, which accepts every trial; those above them are inf.

Scores are rounded to float32, as Kaldi's EER does, and as score files have them.
"""

import math

import numpy as np

from spkr.metrics.dcf import dcf
from spkr.metrics.eer import eer_kaldi
from spkr.metrics.roc import sorted_sides

FALSE_ALARMS = 10  # of a list, from which a rate is known: 1 % needs 1,000 nontarget trials


def of_eer(target, nontarget) -> float:
    """The threshold of `eer_kaldi`. Arguments and errors as of `of_min_dcf`."""
    theta, _, _ = _thresholds(target, nontarget)
    _, score = eer_kaldi(target, nontarget)
    return float(theta[np.searchsorted(theta, score) - 1])


def of_false_alarms(rate: float, target, nontarget) -> float:
    """The lowest threshold with a P_fa (0..1) of at most `rate`; nan if fewer than FALSE_ALARMS make up this rate.

    Arguments and errors as of `of_min_dcf`.
    """
    theta, _, false_alarms = _thresholds(target, nontarget)
    allowed = round(rate * len(nontarget), 6)  # 0.07 of 100 is 7.000000000000001
    return float(theta[np.argmax(false_alarms <= allowed)]) if allowed >= FALSE_ALARMS else math.nan


def of_min_dcf(prior: float, target, nontarget) -> float:
    """The lowest threshold at which `min_dcf` is met, for unit costs and 0 < prior < 1.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError if a side is empty or not finite, and as `dcf` does.
    """
    theta, misses, false_alarms = _thresholds(target, nontarget)
    return float(theta[dcf(misses / len(target), false_alarms / len(nontarget), prior).argmin()])


def _thresholds(target, nontarget) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All thresholds that decide differently, ascending; misses and false alarms; (k + 1,) for k distinct scores."""
    t, s = sorted_sides(target, nontarget, np.float32)
    scores = np.unique(np.concatenate([t, s])).astype(float)
    theta = np.concatenate([[-np.inf], (scores[1:] + scores[:-1]) / 2, [np.inf]])
    return theta, np.searchsorted(t, theta), len(s) - np.searchsorted(s, theta)
