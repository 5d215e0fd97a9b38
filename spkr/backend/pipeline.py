"""The steps from raw embeddings to scores.

    cosine       x - mean, cosine
    lda_cosine   x - mean, LDA, cosine
    plda         x - mean, LDA, length normalisation, log likelihood ratio of PLDA

where x is an embedding, or the average of a model's embeddings. A trial's score does not depend on other trials: see
`transforms`.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import ClassVar

import numpy as np

from spkr.backend import BACKEND_FILES, BACKENDS
from spkr.backend.plda import Plda
from spkr.backend.transforms import length_normalize, transform_vectors, trial_dots
from spkr.errors import InputError
from spkr.kaldi.objects import read_matrix, read_vector

ROWS = 1024  # embeddings processed at a time: few enough to stay in the processor's cache


@dataclass
class Backend:
    """The steps from embeddings of dimension D to scores: subtract the mean, apply LDA, `project`, `score`.

    A subclass names the FILES that it needs, and has the last two steps. A step that is None is skipped. If embeddings
    are `processed`, mean, LDA and length normalisation have been applied before.
    """

    FILES: ClassVar[tuple[str, ...]]  # some of mean.vec, transform.mat and plda

    mean: np.ndarray | None = None  # (D,)
    transform: np.ndarray | None = None  # (d, D) or (d, D + 1)
    plda: Plda | None = None  # of dimension d
    processed: bool = False
    normalize_length: bool = True  # these two as in `Plda.transform_embedding`
    simple_length_normalization: bool = False

    @staticmethod
    def read(
        name: str,
        folder: str | Path | None,
        *,
        processed: bool = False,
        smoothing: float = 0.0,
        normalize_length: bool = True,
        simple_length_normalization: bool = False,
    ) -> "Backend":
        """Read the back-end `name`, one of BACKENDS, from those of mean.vec, transform.mat and plda that it needs.

        Args:
            folder: of these files; may be None for cosine, which then subtracts no mean
            processed: mean, transform and length normalisation were applied before, and are skipped
            smoothing, normalize_length, simple_length_normalization: of PLDA, as in Kaldi
        Raises InputError for an unknown name, and for files that are missing or do not fit together.
        """
        if name not in BACKENDS:
            raise InputError(f"back-end {name!r}; expected one of {', '.join(BACKENDS)}")
        if not 0 <= smoothing < math.inf:
            raise InputError(f"smoothing {smoothing}; expected 0 or more")
        backend = resolve_name(BACKENDS[name])(
            processed=processed,
            normalize_length=normalize_length,
            simple_length_normalization=simple_length_normalization,
        )
        files = [file for file in backend.FILES if file == "plda" or not processed]
        if not files or folder is None and name == "cosine":
            return backend
        if folder is None:
            raise InputError(f"back-end {name} without a folder; expected --backend-dir, with its files")
        folder = Path(folder)
        if "mean.vec" in files:
            backend.mean = read_vector(folder / "mean.vec").astype(np.float32)
        if "transform.mat" in files:
            backend.transform = read_matrix(folder / "transform.mat").astype(np.float32)
        if "plda" in files:
            backend.plda = Plda.read(folder / "plda").smooth(smoothing)
        backend._check(folder)
        return backend

    def _check(self, folder: Path) -> None:
        """Raise InputError if the dimensions of the parts do not fit."""
        if self.transform is None:
            return
        rows, columns = self.transform.shape
        if columns - len(self.mean) not in (0, 1):
            raise InputError(
                f"{folder}/transform.mat: takes {columns} columns; expected the {len(self.mean)} dimensions of "
                f"{folder}/mean.vec, or one more for the offset; train the back-end again"
            )
        if self.plda and len(self.plda.mean) != rows:
            raise InputError(
                f"{folder}/plda: {len(self.plda.mean)} dimensions; expected {rows}, as {folder}/transform.mat gives; "
                "train the back-end again"
            )

    @property
    def dim(self) -> int | None:
        """D, or None if the back-end's files do not say."""
        if self.mean is not None:
            return len(self.mean)
        return len(self.plda.mean) if self.plda else None

    def process(self, raw: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        """Turn averages (N, D) of num_utts (N,) embeddings into the input of `score`.

        Raises InputError if D is not the back-end's.
        """
        if self.dim not in (None, raw.shape[1]):
            raise InputError(
                f"embeddings of {raw.shape[1]} dimensions for a back-end of {self.dim}; take the back-end that was "
                "trained with this network"
            )
        parts = range(0, len(raw), ROWS)
        return np.concatenate([self._process(raw[k : k + ROWS], num_utts[k : k + ROWS]) for k in parts])

    def _process(self, x: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        x = x if self.mean is None else x - self.mean
        x = x if self.transform is None else transform_vectors(x, self.transform)
        return self.project(x, num_utts)

    def project(self, x: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        """The last step before `score`, for x (N, d) after mean and LDA; each row depends only on its own input row."""
        raise NotImplementedError

    def score(self, enrol, num_enrol, test, num_test, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """The score of every trial t: row i[t] of enrol (E, d) against row j[t] of test (T, d), both from `process`.

        num_enrol (E,) and num_test (T,) are the numbers of utterances that the rows are averages of.
        """
        raise NotImplementedError


class Cosine(Backend):
    """x - mean, cosine."""

    FILES = ("mean.vec",)

    def project(self, x: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        """Scale to length 1."""
        return length_normalize(x, scaleup=False)

    def score(self, enrol, num_enrol, test, num_test, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Dot products."""
        return trial_dots(enrol, test, i, j)


class LdaCosine(Cosine):
    """x - mean, LDA, cosine."""

    FILES = ("mean.vec", "transform.mat")


class PldaBackend(Backend):
    """x - mean, LDA, length normalisation, PLDA."""

    FILES = BACKEND_FILES

    def project(self, x: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        """Transform into PLDA's space."""
        x = x if self.processed else length_normalize(x)
        return self.plda.transform_embedding(x, num_utts, self.normalize_length, self.simple_length_normalization)

    def score(self, enrol, num_enrol, test, num_test, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Log likelihood ratios."""
        return self.plda.log_likelihood_ratio(enrol, num_enrol, test, num_test, i, j)
