"""The equal error rate, where misses and false alarms are equally frequent: two definitions, both named.

They differ by up to a few trials: a set of scores rarely has a threshold with exactly equal rates.
"""

from bisect import bisect_left

import numpy as np
from scipy.optimize import isotonic_regression

from spkr.metrics.dcf import error_rates
from spkr.metrics.scores import both_sides


def eer_kaldi(target, nontarget) -> tuple[float, float]:
    """EER (0..1) and its threshold, exactly as Kaldi's compute-eer: a multiple of 1 / n_t, in float32.

    With t and s the ascending target and nontarget scores, Kaldi walks p = 0, 1, ... and stops at the first t[p]
    above s[q], where as large a part of s lies above q as of t lies below p. As t[p] rises and s[q] falls, that
    place is found by bisection.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError where a side is empty or not finite.
    """
    target, nontarget = both_sides(target, nontarget, np.float32)
    t, s = np.sort(target), np.sort(nontarget)
    n_t, n_n = len(t), len(s)
    p = bisect_left(range(n_t - 1), True, key=lambda p: s[n_n - 1 - n_n * p // n_t] < t[p])
    return p / n_t, float(t[p])


def eer_rocch(target, nontarget) -> float:
    """EER (0..1) of the ROC convex hull: the error of the best mixture of thresholds at the worst prior.

    The hull's vertices are the borders of the blocks that the pool-adjacent-violators algorithm forms when the
    labels, in order of score, are made monotone; between two vertices the hull is a line, which is met with the
    diagonal. Brümmer and de Villiers, The BOSARIS Toolkit User Guide, 2011; Fawcett and Niculescu-Mizil, PAV and
    the ROC Convex Hull, Machine Learning 68, 2007.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError where a side is empty or not finite.
    """
    _, p_miss, p_fa = error_rates(target, nontarget)
    targets, nontargets = np.diff(p_miss), -np.diff(p_fa)  # the part of either kind at each distinct score
    both = targets + nontargets
    hull = isotonic_regression(targets / both, weights=both).blocks
    p_miss, p_fa = p_miss[hull], p_fa[hull]
    return float(np.interp(0, p_miss - p_fa, p_miss))
