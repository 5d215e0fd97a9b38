"""The operating points of a detector: how often it errs, at every threshold.

A detector accepts a trial if its score is at least the threshold theta. Then

    P_miss(theta) = (number of target scores below theta) / n_t
    P_fa(theta)   = (number of nontarget scores not below theta) / n_n

for n_t target and n_n nontarget scores. All other measures are read from these: minDCF is a minimum over them, the EER
is where the two are equal, and a DET plot draws one against the other.

Sources: A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997; T. Fawcett, "An
introduction to ROC analysis", Pattern Recognition Letters 27, 2006, for the algorithm on sorted scores.
"""

import numpy as np

from spkr.errors import InputError


class Weighted:
    """Scores of one kind of trial, ascending, each of which counts a whole number of times: one side of a resample.

    All measures take it in place of an array (spkr.metrics.bootstrap makes it). To numpy it is the array in which each
    score stands as often as it counts.
    """

    def __init__(self, scores: np.ndarray, weights: np.ndarray, corners: np.ndarray, shared: dict):
        """Args: scores, weights (n,); the places of the corners among the scores; what all resamples have in common."""
        self.scores, self._weights, self._shared = scores, weights, shared
        self._below = np.concatenate([[0], np.cumsum(weights, dtype=np.int64)])  # of each score
        self.at_corners = self._below[corners]

    def __array__(self, dtype=None, copy=None):
        return np.repeat(self.scores, self._weights).astype(dtype or self.scores.dtype, copy=False)

    def __len__(self):
        return int(self._below[-1])

    def below(self, theta: float) -> int:
        """How many scores are below theta."""
        return int(self._below[np.searchsorted(self.scores, theta)])

    def at(self, k: int) -> float:
        """The score at place k, from 0, where each score stands as often as it counts."""
        return float(self.scores[np.searchsorted(self._below, k, side="right") - 1])

    def mean_of(self, function) -> float:
        """The mean of a function of the scores, which is computed once for all resamples."""
        if function not in self._shared:
            self._shared[function] = function(self.scores).astype(float)
        return float(np.einsum("i,i", self._weights, self._shared[function]) / len(self))


def error_rates(target, nontarget) -> tuple[np.ndarray, np.ndarray]:
    """P_miss and P_fa at the corners of the curve, as theta rises from below all scores to above them.

    The corners are: everything accepted; theta at each target score and just above it; nothing accepted. Between one
    target score and the next only nontargets become rejected, so that the curve runs straight and every cost falls.
    Equal scores are accepted or rejected together.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Returns: P_miss and P_fa, each (2 k + 2,) for k distinct target scores, from (0, 1) to (1, 0).
    Raises InputError if a side is empty or not finite.
    """
    misses, rejected = counts_at_corners(target, nontarget)
    return misses / misses[-1], 1 - rejected / rejected[-1]


def rates_at(theta: float, target, nontarget) -> tuple[float, float]:
    """P_miss and P_fa of one threshold; arguments and errors as of `error_rates`."""
    if isinstance(target, Weighted):
        misses, rejected = target.below(theta), nontarget.below(theta)
    else:
        target, nontarget = sorted_sides(target, nontarget)
        misses, rejected = np.searchsorted(target, theta), np.searchsorted(nontarget, theta)
    return float(misses / len(target)), float(1 - rejected / len(nontarget))


def counts_at_corners(target, nontarget) -> tuple[np.ndarray, np.ndarray]:
    """How many target and nontarget trials are rejected at each corner of `error_rates`, (2 k + 2,) both."""
    if isinstance(target, Weighted):
        return target.at_corners, nontarget.at_corners
    return corners_of(*sorted_sides(target, nontarget))


def corners_of(t: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many of the ascending scores t (n_t,) and s (n_n,) are rejected at each corner, (2 k + 2,) both."""
    theta = np.unique(t)

    def below(scores: np.ndarray) -> np.ndarray:
        at, above = (np.searchsorted(scores, theta, side) for side in ("left", "right"))
        return np.concatenate([[0], np.stack([at, above], axis=1).ravel(), [len(scores)]])

    return below(t), below(s)


def sorted_sides(target, nontarget, dtype: type | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Target (n_t,) and nontarget (n_n,) scores as floats, ascending; a side that is already so is not copied.

    Call it first to compute several measures of many scores; they are then sorted only once.

    Raises InputError if a side is empty or not finite.
    """
    sides = []
    for kind, scores in (("target", target), ("nontarget", nontarget)):
        scores = np.asarray(scores, dtype)
        scores = scores if scores.dtype.kind == "f" else scores.astype(float)
        if not scores.size:
            raise InputError(f"no {kind} scores; error rates need trials of both kinds")
        if not np.isfinite([scores.min(), scores.max()]).all():
            raise InputError(f"the {kind} scores hold a value that is not finite; error rates need an order")
        sides.append(scores if (scores[1:] >= scores[:-1]).all() else np.sort(scores))
    return sides[0], sides[1]
