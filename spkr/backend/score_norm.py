"""Score normalisation: S-norm and AS-norm by the scores of an embedding against a cohort of other speakers.

S. Shum et al., "Unsupervised speaker adaptation based on the cosine similarity for text-independent speaker
verification", Odyssey 2010 (S-norm); P. Matejka et al., "Analysis of score normalization in multilingual speaker
recognition", Interspeech 2017 (adaptive S-norm, "AS-norm1": each side takes its own closest members).
"""

from collections.abc import Callable, Sequence

import numpy as np

from spkr.errors import InputError

METHODS = ("none", "s-norm", "as-norm")
SCORES = 1_000_000  # cohort scores held at a time


def cohort_statistics(
    names: Sequence[str], cohort_size: int, score: Callable[[np.ndarray, np.ndarray], np.ndarray], top_n: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each embedding's `top_n` highest scores against the cohort, or of all (None).

    Args:
        names: of the embeddings, for messages
        score: (i, j) -> the scores of embeddings i against cohort members j, both (number of pairs,)
    Returns: both (number of names,). The standard deviation is divided by the number of scores, as in wespeaker.
    Raises InputError if the scores of an embedding are all the same.
    """
    top = cohort_size if top_n is None else top_n
    mean, std = np.empty(len(names)), np.empty(len(names))
    rows = max(1, SCORES // cohort_size)
    for start in range(0, len(names), rows):
        part = np.arange(start, min(start + rows, len(names)))
        i, j = np.repeat(part, cohort_size), np.tile(np.arange(cohort_size), len(part))
        closest = np.sort(score(i, j).reshape(len(part), cohort_size), axis=1)[:, -top:]
        mean[part], std[part] = closest.mean(axis=1), closest.std(axis=1)
    if (std <= 0).any():
        raise InputError(f"the cohort scores of {names[int(np.argmin(std))]} are all alike; take another cohort")
    return mean, std


def normalize_scores(scores: np.ndarray, mean: np.ndarray, std: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Standardise each trial's score by the cohort scores of either side, and take the mean of the two.

    Args: scores, i, j (number of trials,); mean, std (number of names,) from `cohort_statistics`, rows i and j.
    """
    return 0.5 * ((scores - mean[i]) / std[i] + (scores - mean[j]) / std[j])
