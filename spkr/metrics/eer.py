"""The equal error rate, where misses and false alarms are equally frequent: three definitions, each named.

They differ by up to a few trials: a set of scores rarely has a threshold with exactly equal rates.
"""

from bisect import bisect_left

import numpy as np

from spkr.metrics.dcf import best_points
from spkr.metrics.sides import both_sides, highest, lowest, steps


def eer_kaldi(target, nontarget) -> tuple[float, float]:
    """EER (0..1) and its threshold, exactly as Kaldi's compute-eer: a multiple of 1 / n_t, in float32.

    With t and s the ascending target and nontarget scores, Kaldi walks p = 0, 1, ... and stops at the first t[p]
    above s[q], where as large a part of s lies above q as of t lies below p. As t[p] rises and s[q] falls, that
    place is found by bisection.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError where a side is empty or not finite.
    """
    target, nontarget = both_sides(target, nontarget, np.float32)
    n_t, n_n = len(target), len(nontarget)
    t, s = _around_eer(target, nontarget)
    p = bisect_left(range(min(len(t), n_t - 1)), True, key=lambda p: s[-1 - n_n * p // n_t] < t[p])
    return p / n_t, float(t[p])


def _around_eer(target: np.ndarray, nontarget: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lowest target and the highest nontarget scores, both ascending, as many as the EER depends on.

    The larger error rate of any threshold is a bound of the EER: here of one that is Kaldi's for a sample.
    """
    n_t, n_n = len(target), len(nontarget)
    step_t, step_n = steps(target, nontarget)
    most = n_t - 1  # misses
    if step_t > 1 or step_n > 1:
        _, theta = eer_kaldi(target[::step_t], nontarget[::step_n])
        misses, false_alarms = int((target < theta).sum()), int((nontarget >= theta).sum())
        most = min(most, max(misses, -(-false_alarms * n_t // n_n)))
    return np.sort(lowest(target, most + 1)), np.sort(highest(nontarget, n_n * most // n_t + 2))


def eer_linear(target, nontarget) -> float:
    """EER (0..1) where the line through all operating points, in order of threshold, meets the diagonal.

    This is what interpolating a ROC curve gives. Equal scores are accepted or rejected together.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError where a side is empty or not finite.
    """
    target, nontarget = both_sides(target, nontarget)
    n_t, n_n = len(target), len(nontarget)
    t, s = _around_eer(target, nontarget)

    def more_misses(theta) -> bool:  # when all that is below theta is rejected
        return bisect_left(t, theta) * n_n > (len(s) - bisect_left(s, theta)) * n_t

    last = [x[bisect_left(x, True, key=more_misses) - 1] for x in (t, s) if not more_misses(x[0])]
    theta = max(last)  # the last score of all below which there are not more misses; then comes the first above it
    before = int((target < theta).sum()), int((nontarget >= theta).sum())
    after = int((target <= theta).sum()), int((nontarget > theta).sum())
    return _cross(before, after, n_t, n_n)


def eer_rocch(target, nontarget) -> float:
    """EER (0..1) of the ROC convex hull: the error of the best mixture of thresholds at the worst prior.

    The hull's edge over the diagonal is found from a chord over it: the operating point farthest below the chord
    takes the place of one of its ends, until there is none. Brümmer and de Villiers, The BOSARIS Toolkit User Guide,
    2011, has the definition; Kirkpatrick and Seidel, The ultimate planar convex hull algorithm?, SIAM J. Comput. 15,
    1986, such bridges.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError where a side is empty or not finite.
    """
    target, nontarget = both_sides(target, nontarget)
    n_t, n_n = len(target), len(nontarget)
    misses = false_alarms = 0  # those at the left and at the right end of the chord
    while True:  # target and nontarget are the scores between both ends
        per_miss, per_fa = len(nontarget), len(target)  # then all points on the chord cost the same
        theta, more_misses, more_false_alarms = best_points(target, nontarget, per_miss, per_fa)
        costs = per_miss * more_misses + per_fa * more_false_alarms
        best = costs.argmin()
        if costs[best] == per_miss * per_fa:
            ends = (misses, false_alarms + len(nontarget)), (misses + len(target), false_alarms)
            return _cross(*ends, n_t, n_n)
        point = misses + int(more_misses[best]), false_alarms + int(more_false_alarms[best])
        if point[0] * n_n == point[1] * n_t:
            return point[0] / n_t
        if point[0] * n_n < point[1] * n_t:
            misses = point[0]
            target, nontarget = target[target > theta[best]], nontarget[nontarget > theta[best]]
        else:
            false_alarms = point[1]
            target, nontarget = target[target <= theta[best]], nontarget[nontarget <= theta[best]]


def _cross(left: tuple[int, int], right: tuple[int, int], n_t: int, n_n: int) -> float:
    """The rate at which the line between two points, each of (misses, false alarms), has as many of either."""
    (m1, f1), (m2, f2) = ((misses / n_t, false_alarms / n_n) for misses, false_alarms in (left, right))
    w = (f1 - m1) / (f1 - m1 + m2 - f2)
    return m1 + w * (m2 - m1)
