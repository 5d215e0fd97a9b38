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


def error_rates(target, nontarget) -> tuple[np.ndarray, np.ndarray]:
    """P_miss and P_fa at the corners of the curve, as theta rises from below all scores to above them.

    The corners are: everything accepted; theta at each target score and just above it; nothing accepted. Between one
    target score and the next only nontargets become rejected, so that the curve runs straight and every cost falls.
    Equal scores are accepted or rejected together.

    Args: target (n_t,) and nontarget (n_n,) scores, in any order.
    Returns: P_miss and P_fa, each (2 k + 2,) for k distinct target scores, from (0, 1) to (1, 0).
    Raises InputError if a side is empty or not finite.
    """
    t, s = sorted_sides(target, nontarget)
    theta = np.unique(t)

    def below(scores: np.ndarray) -> np.ndarray:  # how many are rejected, at each corner
        at, above = (np.searchsorted(scores, theta, side) for side in ("left", "right"))
        return np.concatenate([[0], np.stack([at, above], axis=1).ravel(), [len(scores)]])

    return below(t) / len(t), 1 - below(s) / len(s)


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
