"""Probabilistic LDA, two-covariance form, as Kaldi has it: training, and log likelihood ratios of trials.

An embedding is x = mean + y + z with y ~ N(0, B), one for each speaker, and z ~ N(0, W), one for each utterance
(S. Ioffe, "Probabilistic linear discriminant analysis", ECCV 2006; training by EM as in Kaldi's src/ivector/plda.h).
`transform` brings W to the identity and B to diag(psi), psi descending, so that each dimension is scored by itself.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.backend.stats import SpeakerStats
from spkr.backend.transforms import length_normalize, transform_vectors, trial_dots
from spkr.errors import InputError
from spkr.files import replacing

logger = logging.getLogger(__name__)

ROUNDING = 1e-9  # relative; a smaller change of the objective is a rounding error


@dataclass
class Plda:
    """A PLDA model of dimension D; the fields are those of Kaldi's file."""

    mean: np.ndarray  # (D,)
    transform: np.ndarray  # (D, D); transform W transform^T = I, transform B transform^T = diag(psi)
    psi: np.ndarray  # (D,) between-speaker variances, descending

    @classmethod
    def read(cls, path: str | Path) -> "Plda":
        """Read Kaldi's file, binary or text; raises InputError for any other."""
        from spkr.kaldi.objects import read_plda  # not needed to score

        return cls(*read_plda(path))

    def write(self, path: str | Path, binary: bool = True) -> None:
        """Write Kaldi's file, by rename."""
        from spkr.kaldi.objects import encode_text, write_plda

        if binary:
            return write_plda(path, self.mean, self.transform, self.psi)
        with replacing(path, "wb") as f:
            f.write(b"<Plda> " + b"".join(map(encode_text, (self.mean, self.transform, self.psi))) + b"</Plda> ")

    def smooth(self, smoothing: float) -> "Plda":
        """The model with W + smoothing B in place of W (Kaldi's `ivector-copy-plda --smoothing`)."""
        d = 1 + smoothing * self.psi  # W + smoothing B is diag(d) in the space of `transform`
        return Plda(self.mean, self.transform / np.sqrt(d)[:, None], self.psi / d)

    @property
    def offset(self) -> np.ndarray:
        """(D,) such that transform x + offset has zero mean."""
        return -self.transform @ self.mean

    def transform_embedding(
        self,
        vectors: np.ndarray,
        num_utts: np.ndarray | int = 1,
        normalize_length: bool = True,
        simple_length_normalization: bool = False,
    ) -> np.ndarray:
        """Bring embeddings (N, D) into the space where W = I and B = diag(psi) (Kaldi's `TransformIvector`).

        Args:
            num_utts: n, the number of utterances that each embedding is the average of; scalar or (N,)
            normalize_length: scale u such that sum_d u_d^2 / (psi_d + 1/n) = D, its expected value
            simple_length_normalization: scale to length sqrt(D) instead
        """
        u = transform_vectors(vectors, np.column_stack([self.transform, self.offset]))
        if not normalize_length:
            return u
        if simple_length_normalization:
            return length_normalize(u)
        variance = self.psi + 1 / np.broadcast_to(num_utts, len(u))[:, None]  # (N, D)
        return u * np.sqrt(len(self.psi) / np.vecdot(u, u / variance))[:, None]

    def log_likelihood_ratio(self, enrol, num_enrol, test, num_test, i, j) -> np.ndarray:
        """log p(enrol, test | same speaker) - log p(enrol, test | two speakers), of every trial t.

        In each dimension, the averages u and v of n and m utterances have the variances a = psi + 1/n and
        b = psi + 1/m, and the covariance psi if the speaker is the same, else 0. Hence, with det = a b - psi^2,

            llr = -1/2 sum_d [ log(det/ab) + psi^2/(a det) u^2 + psi^2/(b det) v^2 - 2 psi/det u v ].

        For m = 1, this equals Kaldi's `LogLikelihoodRatio`, which uses p(v | u).

        Args:
            enrol: (E, D) from `transform_embedding`; num_enrol: (E,) n
            test: (T, D), likewise; num_test: (T,) m
            i, j: (number of trials,) rows of `enrol` and `test`
        Returns: (number of trials,)
        """
        (ns, of_enrol), (ms, of_test) = (np.unique(num, return_inverse=True) for num in (num_enrol, num_test))
        if len(ns) == len(ms) == 1:
            return self._llr(enrol, ns[0], test, ms[0], i, j)
        llr = np.empty(len(i))
        pair = (of_enrol * len(ms))[i] + of_test[j]
        for k in np.unique(pair):
            trials = np.flatnonzero(pair == k)
            llr[trials] = self._llr(enrol, ns[k // len(ms)], test, ms[k % len(ms)], i[trials], j[trials])
        return llr

    def _llr(self, enrol, n, test, m, i, j) -> np.ndarray:
        psi = self.psi
        a, b = psi + 1 / n, psi + 1 / m
        det = psi / n + psi / m + 1 / (n * m)  # a b - psi^2, without the cancellation
        constant = np.sum(np.log(a * b / det))
        return 0.5 * (
            constant - np.vecdot(enrol**2, psi**2 / (a * det))[i] - np.vecdot(test**2, psi**2 / (b * det))[j]
        ) + trial_dots(enrol * (psi / det), test, i, j)

    def ratios_to_utterances(self, enrol: np.ndarray, num_enrol: np.ndarray, test: np.ndarray) -> np.ndarray:
        """The ratios (E, T) of `log_likelihood_ratio` of all pairs, where each row of `test` is of one utterance.

        The three sums over dimensions are a number of each row and two matrix products.
        """
        psi, n = self.psi, np.asarray(num_enrol)[:, None]
        a, b = psi + 1 / n, psi + 1  # (E, D), (D,)
        det = psi / n + psi + 1 / n
        own = np.log(a * b / det).sum(axis=1) - np.vecdot(enrol**2, psi**2 / (a * det))  # (E,)
        others = transform_vectors(psi**2 / (b * det), test**2)
        return 0.5 * (own[:, None] - others) + transform_vectors(enrol * (psi / det), test)


def train_plda(stats: SpeakerStats, iters: int = 10) -> Plda:
    """Train PLDA by EM from W = B = I (Kaldi's `PldaEstimator`), each speaker with the same weight.

    Each iteration works in the space of the last model, where W = I and B = diag(psi): no inverse is needed
    there, and speakers of different numbers of utterances are treated at once.

    Raises InputError if there are no more utterances than dimensions.
    """
    K, D = stats.means.shape
    if stats.num_utts <= D:
        raise InputError(f"PLDA of {D} dimensions from {stats.num_utts} utterances; it needs more utterances")
    mean = stats.means.mean(axis=0)  # of the speakers, not of the utterances
    centred = stats.centre(mean)
    transform, psi = np.eye(D), np.ones(D)
    objective = _objective(centred, transform, psi)
    for iteration in range(1, iters + 1):
        T, psi = diagonalize(*_em_step(centred, psi))
        transform, centred = T @ transform, centred.project(T)
        previous, objective = objective, _objective(centred, transform, psi)
        logger.info("PLDA: objective %.6f after iteration %d of %d", objective, iteration, iters)
        if objective < previous - ROUNDING * abs(previous):
            logger.warning("PLDA: the objective fell from %.9g to %.9g, which EM cannot do", previous, objective)
    return Plda(mean, transform, psi)


def _em_step(centred: SpeakerStats, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W and B (D, D) of the next model, in the space of this one (W = I, B = diag(psi))."""
    n, m = centred.counts[:, None], centred.means  # (K, 1), (K, D)
    phi = psi / (1 + n * psi)  # (K, D) variance of the speaker's y given its utterances
    w = n * phi * m  # (K, D) its mean
    r = np.sqrt(n) * (m - w)
    B = (np.diag(phi.sum(axis=0)) + w.T @ w) / len(n)
    W = (centred.offset_scatter + np.diag((n * phi).sum(axis=0)) + r.T @ r) / centred.num_utts
    return W, B


def diagonalize(W: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """T and psi with T W T^T = I and T B T^T = diag(psi), psi descending and not below zero, for W and B (D, D).

    Raises InputError if W is singular. A psi that rounding has left below zero is raised to zero and logged.
    """
    try:
        whiten = np.linalg.inv(np.linalg.cholesky(W))
    except np.linalg.LinAlgError:
        raise InputError(
            f"PLDA: no speaker varies in some of {len(W)} dimensions; reduce them by LDA, or add utterances"
        ) from None
    psi, U = np.linalg.eigh(whiten @ B @ whiten.T)
    if psi[0] < 0:
        logger.warning("PLDA: %d of %d eigenvalues raised to 0, least %g", np.count_nonzero(psi < 0), len(psi), psi[0])
    return U.T[::-1] @ whiten, np.maximum(psi[::-1], 0)


def _objective(centred: SpeakerStats, transform: np.ndarray, psi: np.ndarray) -> float:
    """Log likelihood per training utterance, as Kaldi's `PldaEstimator::ComputeObjf` has it."""
    N, (K, D) = centred.num_utts, centred.means.shape
    log_det_W = -2 * np.linalg.slogdet(transform)[1]
    constant = log_det_W + D * np.log(2 * np.pi)
    within = (N - K) * constant + np.trace(centred.offset_scatter)
    variance = psi + 1 / centred.counts[:, None]  # (K, D) of the speakers' means
    between = K * constant + np.sum(np.log(variance) + centred.means**2 / variance)
    return -0.5 * (within + between) / N
