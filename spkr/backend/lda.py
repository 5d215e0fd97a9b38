"""Linear discriminant analysis as Kaldi's `ivector-compute-lda` does it, after a PCA if there are few data."""

import logging

import numpy as np

from spkr.backend.stats import SpeakerStats
from spkr.errors import InputError

logger = logging.getLogger(__name__)


def compute_lda(
    stats: SpeakerStats,
    lda_dim: int,
    total_covariance_factor: float = 0.0,
    covariance_floor: float = 1e-6,
    pca_dim: int | None = None,
) -> np.ndarray:
    """The transform, with its offset, that makes speakers differ most in relation to how much each of them varies.

    Args:
        stats: of N embeddings of dimension D from K speakers
        lda_dim: dimension wanted; it is limited to K - 1 and to the dimension after the PCA
        total_covariance_factor: a in a T + (1 - a) W, which is whitened before B is diagonalised; W and B are the
            covariances within and between speakers, and T = W + B
        covariance_floor: eigenvalues of a T + (1 - a) W below this times the largest are raised to it
        pca_dim: dimension of a PCA before LDA; None for no PCA, as in Kaldi, unless there are too few data (`_pca`)
    Returns: [A, -A mean] (d, D + 1), the offset in the last column, as for Kaldi's `transform-vec`.
    Raises InputError for a dimension below 1, or if the utterances of each speaker are all alike.
    """
    if lda_dim < 1 or (pca_dim is not None and pca_dim < 1):
        raise InputError(f"LDA to {lda_dim} dimensions after PCA to {pca_dim}; expected at least 1")
    mean = stats.counts @ stats.means / stats.num_utts  # (D,) of the utterances
    centred = stats.centre(mean)
    pca = _pca(centred, pca_dim)  # (r, D)
    W, B = _covariances(centred.project(pca))
    dim = min(lda_dim, len(stats.counts) - 1, len(pca))
    if dim < lda_dim:
        K, r = len(stats.counts), len(pca)
        logger.info("LDA to %d dimensions, not %d: %d speakers in %d dimensions give no more", dim, lda_dim, K, r)

    s, U = np.linalg.eigh(W + total_covariance_factor * B)  # a T + (1 - a) W, as T = W + B
    floor = covariance_floor * s[-1]
    if floored := np.count_nonzero(s < floor):
        logger.info("LDA: %d of %d eigenvalues raised to %g of the largest", floored, len(s), covariance_floor)
    P = (U / np.sqrt(np.maximum(s, floor))).T  # P (a T + (1 - a) W) P^T = I
    _, V = np.linalg.eigh(P @ B @ P.T)
    A = V[:, : -dim - 1 : -1].T @ P @ pca  # `eigh` sorts eigenvalues upwards, so the last come first
    return np.column_stack([A, -A @ mean])


def _covariances(centred: SpeakerStats) -> tuple[np.ndarray, np.ndarray]:
    """W and B (D, D), both divided by the number of utterances, so that T = W + B."""
    weighted = np.sqrt(centred.counts)[:, None] * centred.means
    return centred.offset_scatter / centred.num_utts, weighted.T @ weighted / centred.num_utts


def _pca(centred: SpeakerStats, pca_dim: int | None) -> np.ndarray:
    """The rows (r, D) that span the space of LDA: all of it, unless W is singular or `pca_dim` is less.

    W of N utterances and K speakers has a rank of N - K at most. If that is below D, LDA would choose directions in
    which W has no variance. A covariance of r dimensions that is estimated from hardly more than r samples is mostly
    chance, so r is half of N - K.
    """
    N, K, D = centred.num_utts, *centred.means.shape
    W, B = _covariances(centred)
    s, U = np.linalg.eigh(W + B)
    noise = D * np.finfo(np.float64).eps
    rank = int(np.count_nonzero(s > noise * s[-1]))
    if np.trace(W) <= noise * s[-1]:
        raise InputError(f"the embeddings of each of the {K} speakers are all alike; LDA needs speakers that vary")
    if pca_dim is not None:
        r = min(pca_dim, rank)
    elif min(rank, N - K) < D:
        r = min(rank, max(1, (N - K) // 2))
    else:
        return np.eye(D)
    logger.info("PCA from %d to %d dimensions before LDA: %d utterances of %d speakers, rank %d", D, r, N, K, rank)
    return U[:, : -r - 1 : -1].T
