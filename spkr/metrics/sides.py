"""Target and nontarget scores, and the few of them that a measure depends on."""

import math

import numpy as np

from spkr.errors import InputError

SAMPLE = 10_000  # scores of either side that say where to look among more


def both_sides(target, nontarget, dtype: type | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Target (n_t,) and nontarget (n_n,) scores as floats; InputError where either is empty or not finite."""
    sides = np.asarray(target, dtype), np.asarray(nontarget, dtype)
    sides = tuple(scores if scores.dtype.kind == "f" else scores.astype(float) for scores in sides)
    for kind, scores in zip(("target", "nontarget"), sides, strict=True):
        if not scores.size:
            raise InputError(f"no {kind} scores; error rates need trials of both kinds")
        if not np.isfinite([scores.min(), scores.max()]).all():
            raise InputError(f"the {kind} scores hold a value that is not finite; error rates need an order")
    return sides


def lowest(scores: np.ndarray, n: int) -> np.ndarray:
    """The n lowest scores (all, if there are fewer; one at least), in any order."""
    return -highest(-scores, n)


def highest(scores: np.ndarray, n: int) -> np.ndarray:
    """The n highest scores (all, if there are fewer; one at least), in any order."""
    n = max(n, 1)
    if n >= len(scores):
        return scores
    sample = scores[:: max(len(scores) // SAMPLE, 1)]
    rank = n * len(sample) // len(scores)
    rank += 4 * math.isqrt(rank) + 4  # so far down that hardly a sample has less than n of all above it
    if rank < len(sample) // 2:
        likely = scores[scores >= np.partition(sample, -rank)[-rank]]
        scores = likely if len(likely) >= n else scores
    return np.partition(scores, -n)[-n:]


def steps(target: np.ndarray, nontarget: np.ndarray) -> tuple[int, int]:
    """Every how many scores of either side to take for a sample; 1 and 1 where there are few."""
    return max(len(target) // SAMPLE, 1), max(len(nontarget) // SAMPLE, 1)
