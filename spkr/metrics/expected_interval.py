r"""How wide the interval of an EER will be, before there are scores: from the speakers of a trial list alone.

A score is taken to be normal with variance 1 around its mean, which is higher for target trials. A share r of the
variance belongs to the speakers: all of it to the one speaker of a target trial, half of it to each speaker of a
nontarget trial. At the threshold of the EER e, two trials are both wrong with probability Phi2(x, x; c), where
x = Phi^-1(e), and c is the share of variance that they have in common: c = r for two target trials of a speaker, r / 2
for two nontarget trials with one speaker in common. The covariance of their errors is

    B(c) = Phi2(x, x; c) - e^2 = int_0^c exp(-x^2 / (1 + u)) / (2 pi sqrt(1 - u^2)) du                              (1)

Let speaker s be in t_s of T target trials, and in m_s of N nontarget trials, on either side. Then

    var(misses)       = B(r) sum_s (t_s / T)^2       + (e (1 - e) - B(r)) / T                                      (2)
    var(false alarms) = B(r / 2) sum_s (m_s / N)^2   + (e (1 - e) - 2 B(r / 2)) / N                                (3)

and, as both densities are equally high at the threshold, var(EER) = (var(misses) + var(false alarms)) / 4.

SHARE is chosen by the measured intervals of the 68 results of all pairs in recipes/an4/README.md, of EERs from 1 to
18 %, as plain percentile intervals. They are 0.86 times as wide as (2) and (3) say for the ten speakers of test, and
1.09 times for the eight of dev; nine in ten results are between 0.7 and 1.4 times. Intervals of scores drawn from this
model are 0.8 times as wide on average for ten speakers, 0.95 times for forty: resampling sees a rare difficult voice
only where it is in the list.

Source: R. Plackett, "A reduction formula for normal multivariate integrals", Biometrika 41, 1954, for (1).
"""

import math

import numpy as np
from scipy.integrate import quad
from scipy.special import ndtri

SHARE = 0.25  # r
LEVEL = 0.95


def expected_half_width(of_targets, of_nontargets, eer: float) -> float:
    """Half the width (0..1) of the 95 % interval of an EER (0..1, at most 0.5) that is to be expected.

    Args: the numbers of target and of nontarget trials of each speaker, int (speakers,); a nontarget trial counts for
    both of its speakers. There must be trials of both kinds.
    """
    t, m = np.asarray(of_targets, float), np.asarray(of_nontargets, float)
    n_target, n_nontarget = t.sum(), m.sum() / 2
    b, b_half = _covariance(eer, SHARE), _covariance(eer, SHARE / 2)
    alone = eer * (1 - eer)
    misses = b * np.square(t / n_target).sum() + (alone - b) / n_target  # (2)
    false_alarms = b_half * np.square(m / n_nontarget).sum() + (alone - 2 * b_half) / n_nontarget  # (3)
    return float(ndtri((1 + LEVEL) / 2) * math.sqrt((misses + false_alarms) / 4))


def _covariance(eer: float, share: float) -> float:
    """Equation (1)."""
    x = ndtri(eer)
    return quad(lambda u: math.exp(-x * x / (1 + u)) / (2 * math.pi * math.sqrt(1 - u * u)), 0, share)[0]
