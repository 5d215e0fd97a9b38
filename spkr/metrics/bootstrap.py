"""Confidence intervals of all measures from resampling speakers.

The trials of a list are not independent: each speaker is in many of them, and what makes a voice hard makes all its
trials hard. So speakers, not trials, are drawn with replacement, as many as there are. If speakers s and t are drawn
w_s and w_t times, a target trial of s counts w_s times, and a nontarget trial of s and t counts w_s w_t times. All
measures, of all systems on one list, come from the same draws, so that differences of two of them have intervals, too.

The ends of an interval are quantiles of a measure's values in the draws, at the levels

    Phi(2 z_0 - e)  and  Phi(2 z_0 + e),   z_0 = Phi^-1(share of draws below the estimate),
                                           e = sqrt(n / (n - 1)) t_{n-1}^-1((1 + level) / 2)                       (1)

for n speakers. With z_0 = 0 and e = 1.96 they are 2.5 and 97.5 %. z_0 corrects for a bias of the draws: minDCF and
minCllr are fitted to their trials, and are lower still in a resample, which has fewer different ones. e makes up for
few speakers, whose draws vary too little. docs/explanation/intervals.md says how often such intervals cover the truth.

Sources: Bisani and Ney, Bootstrap estimates for confidence intervals in ASR performance evaluation, ICASSP 2004; Poh,
Martin and Bengio, Performance generalization in biometric authentication using joint user-specific and sample
bootstraps, IEEE Trans. PAMI 29, 2007, for drawing users; Owen, The pigeonhole bootstrap, Annals of Applied Statistics
1, 2007, for the products of weights; Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 14, for z_0;
Hesterberg, What teachers should know about the bootstrap, The American Statistician 69, 2015, for e.
"""

import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from spkr.metrics.roc import Weighted, corners_of, sorted_sides

MOST, FEWEST = 1_000, 100  # resamples
WORK = 1_000_000_000  # trials in all resamples; limits their number for lists of millions
IN_PARALLEL = 100_000  # trials in a draw from which threads are worth it
SPEAKERS = 5  # at least; four have only 35 different draws
FEW_SPEAKERS = 20  # with fewer, intervals are too narrow
LEVEL = 0.95


def draw_speakers(n_speakers: int, n_trials: int, at_least: int = FEWEST) -> np.ndarray:
    """How often each speaker is drawn, int (draws, n_speakers); the same numbers give the same draws."""
    draws = max(min(WORK // n_trials, MOST), at_least)
    drawn = np.random.default_rng(0).multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), draws)
    return drawn.astype(np.int32)


class Resampled:
    """The scores of a system on a list, as resamples of its speakers have them.

    Scores are rounded to float32, as Kaldi's EER does, and as score files have them.
    """

    def __init__(self, scores, target, enrol, test):
        """Args: scores (n,), target (n,) bool, enrol and test (n,): the speakers' numbers on either side, from 0."""
        scores, target = np.asarray(scores, np.float32), np.asarray(target)
        order = [np.flatnonzero(kind)[np.argsort(scores[kind], kind="stable")] for kind in (target, ~target)]
        self.sides = sorted_sides(*(scores[places] for places in order))
        self._speakers = enrol[order[0]], enrol[order[1]], test[order[1]]
        self._corners, self._shared = corners_of(*self.sides), ({}, {})

    def __call__(self, w: np.ndarray) -> tuple[Weighted, Weighted]:
        """The target and nontarget scores of one draw, w int (number of speakers,); a side may have none."""
        of_target, a, b = self._speakers
        weights = w[of_target], w[a] * w[b]
        return tuple(map(Weighted, self.sides, weights, self._corners, self._shared))


def resample(
    systems: Mapping[str, Resampled], draws: np.ndarray, measure: Callable[..., Mapping[str, float]]
) -> dict[str, np.ndarray]:
    """The values of measures in each draw, nan in draws without a target or without a nontarget trial.

    Args:
        systems: on one list, by name
        draws: of `draw_speakers`
        measure: takes the two sides of each system as an argument of its name; returns values by name
    Returns: (number of draws,) for each value that `measure` returns.
    """

    def in_draw(w: np.ndarray) -> Mapping[str, float]:
        sides = {name: sides_in(w) for name, sides_in in systems.items()}
        return measure(**sides) if all(len(side) for both in sides.values() for side in both) else {}

    first = in_draw(draws[0])  # computes what all draws share
    trials = sum(len(side) for system in systems.values() for side in system.sides)
    if trials > IN_PARALLEL:
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            all_draws = [first, *pool.map(in_draw, draws[1:])]
    else:
        all_draws = [first, *map(in_draw, draws[1:])]
    names = dict.fromkeys(name for of_draw in all_draws for name in of_draw)
    return {name: np.array([of_draw.get(name, math.nan) for of_draw in all_draws]) for name in names}


def ends(values: np.ndarray, estimate: float, n_speakers: int, level: float = LEVEL) -> tuple[float, float]:
    """The ends of the confidence interval of a measure, equation (1).

    Args: its values (draws,), of which nan are left out; its value on the list itself; the speakers of the list, at
    least 2. Returns nan and nan if all values are nan.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return math.nan, math.nan
    z_0 = bias(finite, estimate)
    e = math.sqrt(n_speakers / (n_speakers - 1)) * stdtrit(n_speakers - 1, (1 + level) / 2)
    low, high = np.quantile(finite, ndtr([2 * z_0 - e, 2 * z_0 + e]))
    return float(low), float(high)


def bias(values: np.ndarray, estimate: float) -> float:
    """z_0 of equation (1) of finite values (draws,), of which those at the estimate count half."""
    below = ((values < estimate).sum() + (values <= estimate).sum()) / 2
    return float(ndtri((below + 0.5) / (len(values) + 1)))
