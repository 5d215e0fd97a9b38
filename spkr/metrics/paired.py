"""Whether two systems differ, from values of a measure in the same draws of speakers; and many such tests at once.

The difference of two systems varies less over the draws than each of them does, as what makes a speaker hard is hard
for both. Let d be its value on the list of n speakers, d_1 ... d_R those in R draws, and z_0 as in equation (1) of
spkr.metrics.bootstrap. Its interval of level 1 - alpha leaves out zero if alpha is above

    p = 2 min(T((z_- - 2 z_0) / k), T((z_+ + 2 z_0) / k)),   k = sqrt(n / (n - 1))                                 (1)
    z_- = Phi^-1((1 + #{d_r <= 0}) / (R + 1)),   z_+ = Phi^-1((1 + #{d_r >= 0}) / (R + 1))

where T is Student's distribution with n - 1 degrees of freedom. That is the two-sided p-value of the hypothesis that
the difference is zero: with z_0 = 0 and many speakers twice the share of draws on the other side of zero. Draws without
a difference count on both sides, so that equal systems have a p-value of 1. If all draws are on one side, z is that of
a normal distribution with their mean and standard deviation. p is never below 2 / (R + 1).

Of m hypotheses with p_(1) <= ... <= p_(m), Holm's corrected values are

    q_(k) = min(1, max_{j <= k} (m - j + 1) p_(j))                                                                 (2)

If those with q < 0.05 are rejected, the probability that any of them is true is at most 0.05.

Sources: Bisani and Ney, Bootstrap estimates for confidence intervals in ASR performance evaluation, ICASSP 2004, for
the share of paired draws in which a system is better; Davison and Hinkley, Bootstrap Methods and their Application,
1997, page 141, for 1 in numerator and denominator; Holm, A simple sequentially rejective multiple test procedure,
Scandinavian Journal of Statistics 6, 1979, for (2).
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtr

from spkr.metrics.bootstrap import bias

SIGNIFICANT = 0.05  # corrected p-values below it
DRAWS_A_TEST = 100  # at least, so that a p-value can be below SIGNIFICANT after the correction: 2 / 100


def two_sided_p(differences: np.ndarray, difference: float, n_speakers: int) -> float:
    """Equation (1).

    Args: the difference in each draw (draws,), of which nan are left out; the difference on the list; the speakers of
    the list, at least 2. Returns nan if all draws are nan.
    """
    finite = differences[np.isfinite(differences)]
    if not len(finite):
        return math.nan
    z_0, k = bias(finite, difference), math.sqrt(n_speakers / (n_speakers - 1))
    z = min(_z_of_zero(finite) - 2 * z_0, _z_of_zero(-finite) + 2 * z_0)
    return max(2 / (1 + len(finite)), min(1.0, 2 * float(stdtr(n_speakers - 1, z / k))))


def _z_of_zero(differences: np.ndarray) -> float:
    """z_- of equation (1)."""
    not_above = int((differences <= 0).sum())
    z = float(ndtri((1 + not_above) / (1 + len(differences))))
    if not_above:
        return z
    spread = differences.std()
    return min(z, -differences.mean() / spread) if spread else -math.inf


def holm(p: Sequence[float]) -> list[float]:
    """Equation (2), in the order of p; nan values are no hypotheses, and stay nan."""
    p = np.asarray(p, float)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    corrected = p.copy()
    corrected[order] = np.minimum(1, np.maximum.accumulate(np.arange(len(order), 0, -1) * p[order]))
    return corrected.tolist()
