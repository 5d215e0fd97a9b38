"""The equal error rate, where misses and false alarms are equally frequent.

A set of scores rarely has a threshold with exactly equal rates, hence three definitions, which differ by a few trials:

`eer_kaldi`    the miss rate at the first target score where it is at least the false-alarm rate
`eer_linear`   where straight lines between neighbouring operating points meet the diagonal P_miss = P_fa
`eer_rocch`    where the convex hull of the operating points meets it
"""

from bisect import bisect_left

import numpy as np
from scipy.optimize import isotonic_regression

from spkr.metrics.roc import Weighted, counts_at_corners, error_rates, sorted_sides


def eer_kaldi(target, nontarget) -> tuple[float, float]:
    """EER (0..1) and its threshold, exactly as Kaldi's compute-eer: a multiple of 1 / n_t, from scores in float32.

    With t and s the ascending target and nontarget scores, Kaldi tries the thresholds t[0], t[1], ... At t[p] it takes
    the miss rate to be p / n_t. It stops at the first p where the accepted part of s is at most p / n_t, that is,
    where t[p] lies above s[n_n - 1 - q] with q = floor(n_n p / n_t), and at the last target score in any case. The EER
    is p / n_t there. As t[p] rises with p and s[n_n - 1 - q] falls, bisection finds this p.

    Source: Kaldi's src/ivectorbin/compute-eer.cc.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError if a side is empty or not finite.
    """
    if isinstance(target, Weighted):
        return _eer_of_resample(target, nontarget)
    t, s = sorted_sides(target, nontarget, np.float32)
    n_t, n_n = len(t), len(s)
    p = bisect_left(range(n_t - 1), True, key=lambda p: s[n_n - 1 - n_n * p // n_t] < t[p])
    return p / n_t, float(t[p])


def _eer_of_resample(target: Weighted, nontarget: Weighted) -> tuple[float, float]:
    """`eer_kaldi` of weighted scores: p = min max(m, ceil(f n_t / n_n)) over all corners with m misses, f false alarms.

    As m rises and f falls, this is the first p at or after the m misses of a target score at which f is at most
    p n_n / n_t. The corners that are not target scores have as many misses as the next one, and more false alarms.
    """
    misses, rejected = counts_at_corners(target, nontarget)
    n_t, n_n = len(target), len(nontarget)
    p = min(int(np.maximum(misses, -((rejected - n_n) * n_t // n_n)).min()), n_t - 1)
    return p / n_t, target.at(p)


def eer_linear(target, nontarget) -> float:
    """EER (0..1) where the line through all operating points, in order of threshold, meets the diagonal.

    This is what interpolating a ROC curve gives. Equal scores are accepted or rejected together.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError if a side is empty or not finite.
    """
    return _where_equal(*error_rates(target, nontarget))


def eer_rocch(target, nontarget) -> float:
    """EER (0..1) of the ROC convex hull: the error of the best mixture of thresholds at the worst prior.

    The hull is the largest convex function of P_miss that lies nowhere above an operating point. Its slopes are the
    isotonic regression of the slopes between neighbouring points, weighted by their widths, which the
    pool-adjacent-violators algorithm (PAV) computes. The hull has a corner where two blocks of the regression meet.

    Sources: N. Brümmer and E. de Villiers, "The BOSARIS Toolkit User Guide", 2011, for the definition; R. Barlow et
    al., "Statistical Inference under Order Restrictions", 1972, for the hull as an isotonic regression.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError if a side is empty or not finite.
    """
    p_miss, p_fa = error_rates(target, nontarget)
    lowest = np.append(p_miss[1:] > p_miss[:-1], True)  # of points with equal misses, that with fewest false alarms
    p_miss, p_fa = p_miss[lowest], p_fa[lowest]
    widths = np.diff(p_miss)
    corners = isotonic_regression(np.diff(p_fa) / widths, weights=widths).blocks
    return _where_equal(p_miss[corners], p_fa[corners])


def _where_equal(p_miss: np.ndarray, p_fa: np.ndarray) -> float:
    """The rate at which straight lines between operating points, in order of threshold, meet P_miss = P_fa."""
    return float(np.interp(0, p_miss - p_fa, p_miss))
