"""Miss and false-alarm rates at every threshold, and the detection cost that rests on them.

C_det(theta) = C_miss P_target P_miss(theta) + C_fa (1 - P_target) P_fa(theta)

is the cost model of the NIST speaker recognition evaluations. It is normalised by what the better of the two
systems costs that accept everything or nothing, so that 1 is the cost of not listening.
"""

import numpy as np

from spkr.errors import InputError
from spkr.metrics.scores import both_sides


def error_rates(target, nontarget) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every operating point: accept a trial if its score >= threshold.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Returns: thresholds, P_miss, P_fa, each (number of distinct scores + 1,). Thresholds rise from the lowest score,
    where all is accepted, to infinity, where nothing is. Equal scores are accepted or rejected together.
    Raises InputError where a side is empty or not finite.
    """
    target, nontarget = both_sides(target, nontarget)
    thresholds = np.append(np.unique(np.concatenate([target, nontarget])), np.inf)
    misses = np.searchsorted(np.sort(target), thresholds, side="left")
    rejected = np.searchsorted(np.sort(nontarget), thresholds, side="left")
    # Kaldi's 1 - r / n, not (n - r) / n: a cost half-way between two printed values then rounds as Kaldi's does
    return thresholds, misses / len(target), 1 - rejected / len(nontarget)


def dcf(p_miss, p_fa, p_target: float, c_miss: float = 1, c_fa: float = 1):
    """The normalised detection cost at the given error rates (arrays of one shape, or numbers)."""
    if not 0 < p_target < 1 or not 0 < c_miss < np.inf or not 0 < c_fa < np.inf:
        raise InputError(
            f"p_target {p_target}, c_miss {c_miss}, c_fa {c_fa}; expected 0 < p_target < 1 and costs above zero"
        )
    a, b = c_miss * p_target, c_fa * (1 - p_target)
    return (a * p_miss + b * p_fa) / min(a, b)


def min_dcf(target, nontarget, p_target: float, c_miss: float = 1, c_fa: float = 1) -> float:
    """The least normalised cost that any threshold gives, never above 1.

    Ties are kept together, and accepting all and accepting nothing are among the choices.
    """
    _, p_miss, p_fa = error_rates(target, nontarget)
    return float(dcf(p_miss, p_fa, p_target, c_miss, c_fa).min())


def min_dcf_kaldi(scores, is_target, p_target: float, c_miss: float = 1, c_fa: float = 1) -> float:
    """The minimum as Kaldi's sid/compute_min_dcf.py gives it, to compare with published numbers.

    It depends on the order of the trials where scores are tied: the sort is stable and each trial of a tie counts
    as a threshold of its own, which no detector could use, so the value can be lower than `min_dcf`. Accepting
    everything is not among its choices, so it can be higher as well.

    Args: scores (n,) and is_target (n,) bool, in the order of the score file.
    """
    scores, is_target = np.asarray(scores), np.asarray(is_target, bool)
    both_sides(scores[is_target], scores[~is_target])
    is_target = is_target[np.argsort(scores, kind="stable")]
    p_miss = np.cumsum(is_target) / is_target.sum()
    p_fa = 1 - np.cumsum(~is_target) / (~is_target).sum()
    return float(dcf(p_miss, p_fa, p_target, c_miss, c_fa).min())
