"""Unsupervised adaptation of PLDA to embeddings of another domain, as Kaldi's `ivector-adapt-plda` does it."""

import logging
import math
from pathlib import Path

import numpy as np

from spkr.backend.chain import Chain
from spkr.backend.pipeline import Backend
from spkr.backend.plda import Plda, diagonalize
from spkr.errors import InputError
from spkr.kaldi.objects import write_array
from spkr.kaldi.table import read_vectors

logger = logging.getLogger(__name__)


def adapt_plda(
    plda: Plda,
    vectors: np.ndarray,
    within_covar_scale: float = 0.3,
    between_covar_scale: float = 0.7,
    mean_diff_scale: float = 1.0,
) -> Plda:
    """Adapt a model to unlabelled embeddings: it gets their mean, and larger covariances where they vary more.

    In a space where W + B = I and the covariance V of the embeddings is diag(s), the excess over the model, s - 1 if
    positive, is shared between W and B (Kaldi's `PldaUnsupervisedAdaptor`, src/ivector/plda.cc, f4007661).

    Args:
        vectors: (N, D), processed like the embeddings that PLDA was trained on
        within_covar_scale, between_covar_scale: the shares of W and B in s - 1
        mean_diff_scale: the factor with which the outer product of the difference of both means is added to V
    Raises InputError for another dimension, fewer than two embeddings, and a scale that is not a number from 0 on.
    """
    for scale in (within_covar_scale, between_covar_scale, mean_diff_scale):
        if not 0 <= scale < math.inf:
            raise InputError(f"scale {scale} of the adaptation; expected 0 or more")
    N, D = vectors.shape
    if len(plda.mean) != D or N < 2:
        raise InputError(
            f"{N} embeddings of dimension {D} to adapt a PLDA model of dimension {len(plda.mean)}; expected two "
            "embeddings or more, processed as those were that it was trained on"
        )
    mean = vectors.mean(axis=0, dtype=np.float64)
    x, d = vectors - mean, mean - plda.mean
    V = x.T @ x / N + mean_diff_scale * np.outer(d, d)
    to_unit = plda.transform / np.sqrt(1 + plda.psi)[:, None]  # brings W + B to the identity
    s, P = np.linalg.eigh(to_unit @ V @ to_unit.T)
    W, B = (P.T * (share / (1 + plda.psi)) @ P for share in (1, plda.psi))
    beyond = np.diag(np.maximum(s - 1, 0))
    logger.info("PLDA: %d of %d dimensions vary more than the model says", np.count_nonzero(s > 1), D)
    transform, psi = diagonalize(W + within_covar_scale * beyond, B + between_covar_scale * beyond)
    return Plda(mean, transform @ P.T @ to_unit, psi)


def adapt_backend(
    chain: Chain, backend_dir: str | Path, xvector_scp: str | Path, out_dir: str | Path, **scales: float
) -> None:
    """Adapt a whole back-end to a set of unlabelled embeddings, as Kaldi's sre16 recipe does.

    Writes to `out_dir` the files of the chain, which ends with PLDA: each mean is that of these embeddings where it is
    subtracted, LDA is as it was, and PLDA is adapted to the embeddings as they arrive there. `scales` are those of
    `adapt_plda`. Raises InputError as it does, and for embeddings of another dimension than the back-end's.
    """
    backend = Backend.read(chain, backend_dir)
    _, x = read_vectors(xvector_scp)
    backend.check(x.shape[1])
    for part in backend.parts:
        if part.name == "mean":
            part.array = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        x = part(x)
    plda = adapt_plda(backend.scorer.plda, x, **scales)
    for part in backend.parts:
        if part.path:
            write_array(Path(out_dir) / part.path.name, part.array)
    plda.write(Path(out_dir) / "plda")
