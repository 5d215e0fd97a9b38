"""What happens to embeddings between the table and the score: averages, affine transforms, length normalisation.

Every row of a result depends only on its own row of the input, to the last bit, so that a score does not depend on what
else is scored. The rounding of a matrix product depends on its number of rows. Matrix products are therefore always of
the same number of rows; elsewhere, `np.vecdot` computes one dot product a pair.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

logger = logging.getLogger(__name__)

ROWS = 256  # of every matrix product
CHUNK = 128  # trials whose vectors are gathered at a time
BLOCK = 1024  # test vectors that consecutive trials share: few enough to stay in the processor's cache


def average_models(
    models: Iterable[Sequence[str]], row: Mapping[str, int], vectors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average the raw embeddings of each model's utterances, as Kaldi's `ivector-mean spk2utt` does.

    Args:
        models: the utterances of each model; an utterance by itself is a model of one
        row: utterance -> its row in `vectors` (number of utterances, dim)
    Returns: averages (number of models, dim), float32 as on disk, and their numbers of utterances (number of models,).
    """
    rows = [[row[utt] for utt in utts] for utts in models]
    counts = np.array([len(of_model) for of_model in rows])
    averages = vectors.take([of_model[0] for of_model in rows], axis=0)
    for k in np.flatnonzero(counts > 1):
        averages[k] = vectors[rows[k]].mean(axis=0, dtype=np.float64)
    return averages, counts


def transform_vectors(vectors: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """y = A x, or A x + b if the matrix has b as an additional column (Kaldi's `transform-vec`).

    Args: vectors (N, D), matrix (d, D) or (d, D + 1). Returns: (N, d), float64.
    It always computes in float64. Kaldi uses float32 for float32, but some processors then round a row by its place in
    the product.
    """
    dim = vectors.shape[1]
    A = np.ascontiguousarray(matrix[:, :dim], np.float64)
    y = np.empty((len(vectors), len(A)))
    for start in range(0, len(vectors), ROWS):
        x = vectors[start : start + ROWS].astype(np.float64, copy=False)
        filled = np.pad(x, ((0, ROWS - len(x)), (0, 0))) if len(x) < ROWS else x
        y[start : start + ROWS] = (filled @ A.T)[: len(x)]
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
    used = [np.bincount(side) > 0 for side in (i, j)]
    if np.prod([rows.sum() for rows in used]) <= 3 * len(i):  # all pairs, or half of them: copying rows would cost most
        grid = _grid(*(vectors[np.flatnonzero(rows)] for vectors, rows in zip((enrol, test), used, strict=True)))
        return grid[tuple((np.cumsum(rows) - 1)[side] for rows, side in zip(used, (i, j), strict=True))]
    # Neighbours in this order share vectors, so that these come from memory only a few times. The order need not be
    # exact, and sorting 16-bit numbers takes almost no time.
    blocks = (i // (1 + len(enrol) // 2**16), j // max(BLOCK, 1 + len(test) // 2**16))
    order = np.lexsort([block.astype(np.uint16) for block in blocks])
    i, j, dots = i[order], j[order], np.empty(len(i))
    for start in range(0, len(i), CHUNK):
        trials = slice(start, start + CHUNK)
        dots[order[trials]] = np.vecdot(enrol.take(i[trials], axis=0), test.take(j[trials], axis=0))
    return dots


def _grid(enrol: np.ndarray, test: np.ndarray) -> np.ndarray:
    """All dot products (E, T)."""
    dots = np.empty((len(enrol), len(test)))
    for start in range(0, len(test), CHUNK):
        part = slice(start, start + CHUNK)
        np.vecdot(enrol[:, None], test[None, part], out=dots[:, part])
    return dots
