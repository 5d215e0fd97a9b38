"""Miss and false-alarm rates at every threshold, and the detection cost that rests on them.

C_det(theta) = C_miss P_target P_miss(theta) + C_fa (1 - P_target) P_fa(theta)

is the cost model of the NIST speaker recognition evaluations. It is normalised by what the better of the two
systems costs that accept everything or nothing, so that 1 is the cost of not listening.
"""

import numpy as np

from spkr.errors import InputError
from spkr.metrics.sides import both_sides, highest, lowest, steps

ROUNDS = 4  # of narrowing; what is left then is sorted


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
    return thresholds, misses / len(target), 1 - rejected / len(nontarget)


def best_points(target, nontarget, per_miss: float, per_fa: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some operating points, among them all of the least cost, in time linear in the number of scores.

    What the best threshold for a sample costs bounds the errors that the best one for all can make. Where so few
    nontargets may be accepted, some targets are missed for sure, and fewer nontargets may be accepted; and so on.

    Args: finite target (n_t,) and nontarget (n_n,) scores; the cost of one miss and of one false alarm.
    Returns: theta, misses and false alarms, each (number of points,); what lies above theta is accepted. Equal scores
    are accepted or rejected together. The last two points accept everything and nothing.
    """
    bound = _bound(target, nontarget, per_miss, per_fa)
    t, s = target, nontarget  # those not yet known to be accepted or rejected
    missed = accepted = 0
    for _ in range(ROUNDS):
        s = highest(s, int((bound - per_miss * missed) / per_fa) - accepted + 2)  # 2: one too many, one for rounding
        missed += np.count_nonzero(t <= s.min())
        t = lowest(t[t > s.min()], int((bound - per_fa * accepted) / per_miss) - missed + 2)
        too_high = s > t.max(initial=s.min())
        accepted += np.count_nonzero(too_high)
        s = s[~too_high]
    s = np.sort(s)
    real = np.append(s[1:] > s[:-1], True) & (s < t.max(initial=s[0]))
    misses, false_alarms = missed + np.searchsorted(np.sort(t), s, side="right"), accepted + np.arange(len(s))[::-1]
    return (
        np.append(s[real], [-np.inf, np.inf]),
        np.append(misses[real], [0, len(target)]),
        np.append(false_alarms[real], [len(nontarget), 0]),
    )


def _bound(target, nontarget, per_miss: float, per_fa: float) -> float:
    """What some threshold costs, and so the best at most."""
    bound = min(per_miss * len(target), per_fa * len(nontarget))
    step_t, step_n = steps(target, nontarget)
    if step_t == step_n == 1:
        return bound
    theta, misses, false_alarms = best_points(target[::step_t], nontarget[::step_n], per_miss * step_t, per_fa * step_n)
    theta = theta[np.argmin(per_miss * step_t * misses + per_fa * step_n * false_alarms)]
    return min(bound, per_miss * np.count_nonzero(target <= theta) + per_fa * np.count_nonzero(nontarget > theta))


def dcf(p_miss, p_fa, p_target: float, c_miss: float = 1, c_fa: float = 1):
    """The normalised detection cost at the given error rates (arrays of one shape, or numbers)."""
    a, b = _weights(p_target, c_miss, c_fa)
    return (a * p_miss + b * p_fa) / min(a, b)


def _weights(p_target: float, c_miss: float, c_fa: float) -> tuple[float, float]:
    """What the rates of misses and of false alarms cost."""
    if not 0 < p_target < 1 or not 0 < c_miss < np.inf or not 0 < c_fa < np.inf:
        raise InputError(
            f"p_target {p_target}, c_miss {c_miss}, c_fa {c_fa}; expected 0 < p_target < 1 and costs above zero"
        )
    return c_miss * p_target, c_fa * (1 - p_target)


def min_dcf(target, nontarget, p_target: float, c_miss: float = 1, c_fa: float = 1) -> float:
    """The least normalised cost that any threshold gives, never above 1, in time linear in the number of scores.

    Ties are kept together, and accepting all and accepting nothing are among the choices.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError where a side is empty or not finite, and for a prior or a cost that is none.
    """
    target, nontarget = both_sides(target, nontarget)
    n_t, n_n = len(target), len(nontarget)
    a, b = _weights(p_target, c_miss, c_fa)
    _, misses, false_alarms = best_points(target, nontarget, a / n_t, b / n_n)
    # Kaldi's 1 - r / n, not (n - r) / n: a cost half-way between two printed values then rounds as Kaldi's does
    return float(dcf(misses / n_t, 1 - (n_n - false_alarms) / n_n, p_target, c_miss, c_fa).min())


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
