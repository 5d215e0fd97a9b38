"""The detection cost function of the NIST speaker recognition evaluations.

    C_det(theta) = C_miss P_target P_miss(theta) + C_fa (1 - P_target) P_fa(theta)

It is divided by the lower of the costs of two systems that do not listen: one accepts every trial, at
C_fa (1 - P_target), the other rejects every trial, at C_miss P_target. minDCF is its minimum over all thresholds, so
that it is between 0 and 1. actDCF is its value at Bayes' threshold for log-likelihood ratios,

    theta = log(C_fa (1 - P_target) / (C_miss P_target))

and minDCF is what it would be with perfect calibration. Above 1, it is better not to listen.

Sources: NIST, "The NIST Year 2010 Speaker Recognition Evaluation Plan"; NIST, "NIST 2016 Speaker Recognition Evaluation
Plan", for the threshold and C_primary.
"""

import numpy as np

from spkr.errors import InputError
from spkr.metrics.roc import error_rates, rates_at, sorted_sides

PRIMARY = (0.01, 0.005)  # P_target of the two costs in C_primary


def dcf(p_miss, p_fa, p_target: float, c_miss: float = 1, c_fa: float = 1):
    """The normalised detection cost at the given error rates (arrays of one shape, or numbers).

    Raises InputError if p_target is not between 0 and 1, or a cost is not above zero.
    """
    if not 0 < p_target < 1 or not 0 < c_miss < np.inf or not 0 < c_fa < np.inf:
        raise InputError(
            f"p_target {p_target}, c_miss {c_miss}, c_fa {c_fa}; expected 0 < p_target < 1 and costs above zero"
        )
    reject_all, accept_all = c_miss * p_target, c_fa * (1 - p_target)
    return (reject_all * p_miss + accept_all * p_fa) / min(reject_all, accept_all)


def min_dcf(target, nontarget, p_target: float, c_miss: float = 1, c_fa: float = 1) -> float:
    """The least normalised cost of any threshold (0..1).

    Equal scores are accepted or rejected together. Accepting everything and rejecting everything are among the
    choices.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Raises InputError if a side is empty or not finite, and as `dcf` does.
    """
    return float(dcf(*error_rates(target, nontarget), p_target, c_miss, c_fa).min())


def min_dcf_kaldi(scores, is_target, p_target: float, c_miss: float = 1, c_fa: float = 1) -> float:
    """The minimum as in Kaldi's sid/compute_min_dcf.py, to compare with published numbers.

    It depends on the order of the trials if scores are equal: the sort is stable, and each trial of a tie counts as
    a threshold of its own, which no detector could use. So the value can be lower than `min_dcf`. Accepting everything
    is not among its choices, so it can be higher as well.

    Args: scores (n,) and is_target (n,) bool, in the order of the score file.
    Raises InputError as `min_dcf` does.
    """
    scores, is_target = np.asarray(scores), np.asarray(is_target, bool)
    sorted_sides(scores[is_target], scores[~is_target])  # for its checks
    is_target = is_target[np.argsort(scores, kind="stable")]
    p_miss = np.cumsum(is_target) / is_target.sum()
    p_fa = 1 - np.cumsum(~is_target) / (~is_target).sum()
    return float(dcf(p_miss, p_fa, p_target, c_miss, c_fa).min())


def bayes_threshold(p_target: float, c_miss: float = 1, c_fa: float = 1) -> float:
    """The natural log-likelihood ratio from which accepting a trial costs less than rejecting it.

    Raises InputError as `dcf` does.
    """
    dcf(0, 0, p_target, c_miss, c_fa)  # for its checks
    return float(np.log(c_fa * (1 - p_target)) - np.log(c_miss * p_target))


def act_dcf(target, nontarget, p_target: float, c_miss: float = 1, c_fa: float = 1) -> float:
    """The normalised cost of Bayes' decisions: a trial is accepted if its ratio is at least the threshold.

    Args: natural log-likelihood ratios of target (n_t,) and of nontarget trials (n_n,), in any order.
    Raises InputError if a side is empty or not finite, and as `dcf` does.
    """
    p_miss, p_fa = rates_at(bayes_threshold(p_target, c_miss, c_fa), target, nontarget)
    return float(dcf(p_miss, p_fa, p_target, c_miss, c_fa))


def c_primary(target, nontarget) -> float:
    """The primary cost of NIST's SRE 2016: the mean of actDCF at the two priors PRIMARY, with unit costs.

    Args and errors: as of `act_dcf`.
    """
    return float(np.mean([act_dcf(target, nontarget, p) for p in PRIMARY]))
