"""What happens to embeddings between the table and the score: averages, affine transforms, length normalisation.

Every row of a result depends on that row of the input alone, to the last bit: `np.vecdot` is one dot product a
pair, whereas the rounding of a matrix product depends on how many rows stand beside it. So a score is the same
whatever else is scored with it.
"""

import logging
from collections.abc import Mapping

import numpy as np

logger = logging.getLogger(__name__)

CHUNK = 256  # trials whose vectors are gathered at a time: few enough to stay in the processor's cache


def average_models(models: Mapping[str, list[str]], vectors: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Average the raw embeddings of each model's utterances, as Kaldi's `ivector-mean spk2utt` does.

    Args:
        models: model -> its utterances; an utterance by itself is a model of one
        vectors: utterance -> embedding (dim,)
    Returns: averages (number of models, dim), in the order of `models`; their numbers of utterances, likewise.
    """
    averages = [np.mean([vectors[utt] for utt in utts], axis=0, dtype=np.float64) for utts in models.values()]
    return np.stack(averages), np.array([len(utts) for utts in models.values()])


def transform_vectors(vectors: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """y = A x, or A x + b where the matrix has b as one column more (Kaldi's `transform-vec`).

    Args: vectors (N, D), matrix (d, D) or (d, D + 1). Returns: (N, d), float64.
    """
    vectors = np.asarray(vectors, np.float64)
    dim = vectors.shape[1]
    A = np.ascontiguousarray(matrix[:, :dim])
    y = np.vecdot(vectors[:, None, :], A[None, :, :])
    return y + matrix[:, dim] if matrix.shape[1] == dim + 1 else y


def length_normalize(vectors: np.ndarray, scaleup: bool = True) -> np.ndarray:
    """Bring vectors (N, D) to length sqrt(D), or to 1 without `scaleup` (Kaldi's `ivector-normalize-length`).

    A vector of zeros stays as it is, with a warning.
    """
    vectors = np.asarray(vectors, np.float64)
    length = np.sqrt(np.vecdot(vectors, vectors))
    if zeros := int(np.count_nonzero(length == 0)):
        logger.warning("%d of %d vectors are zero and cannot be length-normalised", zeros, len(vectors))
    target = np.sqrt(vectors.shape[1]) if scaleup else 1.0
    return vectors * (target / np.where(length == 0, 1, length))[:, None]


def trial_dots(enrol: np.ndarray, test: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """The dot product enrol[i_t] . test[j_t] of every trial t.

    Args: enrol (E, D) and test (T, D), contiguous; i, j (number of trials,) rows of them.
    """
    dots = np.empty(len(i))
    for start in range(0, len(i), CHUNK):
        part = slice(start, start + CHUNK)
        dots[part] = np.vecdot(enrol[i[part]], test[j[part]])
    return dots
