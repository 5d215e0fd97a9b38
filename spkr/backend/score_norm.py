"""Score normalisation: S-norm and AS-norm by the scores of an embedding against a cohort of other speakers.

S. Shum et al., "Unsupervised speaker adaptation based on the cosine similarity for text-independent speaker
verification", Odyssey 2010 (S-norm); P. Matejka et al., "Analysis of score normalization in multilingual speaker
recognition", Interspeech 2017 (adaptive S-norm, "AS-norm1": each side takes its own closest members).
"""

from collections.abc import Callable, Sequence

import numpy as np

from spkr.errors import InputError

ROWS = 256  # names at a time, as many as the rows of a matrix product


def cohort_statistics(
    names: Sequence[str], scores: Callable[[slice], np.ndarray], top_n: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each embedding's `top_n` highest scores against the cohort, or of all (None).

    Args:
        names: of the embeddings, for messages
        scores: some of these -> their scores (number of them, size of the cohort)
    Returns: both (number of names,). The standard deviation is divided by the number of scores, as in wespeaker.
    Raises InputError if the scores of an embedding are all the same.
    """
    mean, std = np.empty(len(names)), np.empty(len(names))
    for start in range(0, len(names), ROWS):
        part = slice(start, start + ROWS)
        closest = scores(part)
        if top_n is not None:
            closest = np.partition(closest, closest.shape[1] - top_n, axis=1)[:, -top_n:]
        mean[part], std[part] = closest.mean(axis=1), closest.std(axis=1)
    if (std <= 0).any():
        raise InputError(f"the cohort scores of {names[int(np.argmin(std))]} are all alike; take another cohort")
    return mean, std


def normalize_scores(scores: np.ndarray, mean: np.ndarray, std: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Standardise each trial's score by the cohort scores of either side, and take the mean of the two.

    Args: scores, i, j (number of trials,); mean, std (number of names,) from `cohort_statistics`, rows i and j.
    """
    return 0.5 * ((scores - mean[i]) / std[i] + (scores - mean[j]) / std[j])
