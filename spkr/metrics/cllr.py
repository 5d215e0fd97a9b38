"""The cost of log-likelihood ratios, Cllr, and its minimum over all monotonic calibrations.

With L the natural log-likelihood ratios of n_t target and n_n nontarget trials,

    Cllr = (1/2) [ (1/n_t) sum_target log2(1 + e^-L) + (1/n_n) sum_nontarget log2(1 + e^L) ]                       (1)

in bits. It is 0 for a system that is always right and sure, 1 for one that says L = 0 of every trial, and has no upper
limit. minCllr is (1) after the best monotonic map of the scores, which pool-adjacent-violators (PAV) finds: each block
of its isotonic regression has a of the n_t targets and b of the n_n nontargets, and L = log(a / n_t) - log(b / n_n).
So minCllr measures how well trials are told apart, and Cllr - minCllr is the loss by calibration.

Source: N. Brümmer and J. du Preez, "Application-independent evaluation of speaker detection", Computer Speech and
Language 20, 2006.
"""

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import rel_entr

from spkr.metrics.roc import Weighted, counts_at_corners, sorted_sides


def _cost_of_target(llr: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, -llr)


def _cost_of_nontarget(llr: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, llr)


def cllr(target, nontarget) -> float:
    """Equation (1), in bits.

    Args: natural log-likelihood ratios of target (n_t,) and of nontarget trials (n_n,), in any order.
    Raises InputError if a side is empty or not finite.
    """
    if isinstance(target, Weighted):
        nats = target.mean_of(_cost_of_target) + nontarget.mean_of(_cost_of_nontarget)
    else:
        t, s = sorted_sides(target, nontarget)
        nats = _cost_of_target(t).mean(dtype=float) + _cost_of_nontarget(s).mean(dtype=float)
    return float(nats / (2 * np.log(2)))


def min_cllr(target, nontarget) -> float:
    """The least Cllr (0..1) of any map of the scores that keeps their order; equal scores keep equal.

    PAV gives all nontarget scores between two target scores the same value, so that it needs only their number.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order; they need not be log-likelihood ratios.
    Raises InputError if a side is empty or not finite.
    """
    of_targets, of_nontargets = (np.diff(counts) for counts in counts_at_corners(target, nontarget))
    some = np.flatnonzero(of_targets + of_nontargets)
    of_targets, of_nontargets = of_targets.take(some), of_nontargets.take(some)
    n = of_targets + of_nontargets
    first = isotonic_regression(of_targets / n, weights=n).blocks[:-1]  # the first value of each block
    a, b = (np.add.reduceat(counts, first) / counts.sum() for counts in (of_targets, of_nontargets))
    # a log2(1 + b / a) = a log2((a + b) / a), and 0 where a is 0
    return 0.0 - float((rel_entr(a, a + b) + rel_entr(b, a + b)).sum() / (2 * np.log(2)))
