"""The steps from raw embeddings to scores.

    cosine       x - mean, cosine
    lda_cosine   x - mean, LDA, cosine
    plda         x - mean, LDA, length normalisation, log likelihood ratio of PLDA

where x is an embedding, or the average of a model's. A trial's score depends on that trial alone: see `vectors`.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.backend.plda import Plda
from spkr.backend.vectors import length_normalize, transform_vectors, trial_dots
from spkr.errors import InputError
from spkr.kaldi.objects import read_matrix, read_vector

BACKENDS = ("cosine", "lda_cosine", "plda")
ROWS = 1024  # embeddings processed at a time: few enough to stay in the processor's cache


@dataclass
class Backend:
    """The steps from embeddings of dimension D to scores; a step that is None is skipped.

    Without `plda` the score is a cosine. PLDA and the cosine take `processed` embeddings as they are.
    """

    mean: np.ndarray | None = None  # (D,)
    transform: np.ndarray | None = None  # (d, D) or (d, D + 1)
    plda: Plda | None = None  # of dimension d
    processed: bool = False
    normalize_length: bool = True  # these two as in `Plda.transform_embedding`
    simple_length_normalization: bool = False

    @classmethod
    def read(
        cls,
        name: str,
        folder: str | Path | None,
        *,
        processed: bool = False,
        smoothing: float = 0.0,
        normalize_length: bool = True,
        simple_length_normalization: bool = False,
    ) -> "Backend":
        """Read what the back-end `name`, one of BACKENDS, needs of mean.vec, transform.mat and plda in a folder.

        Args:
            folder: none is needed for the cosine of processed embeddings
            processed: mean, transform and length normalisation were applied before, and are skipped
            smoothing, normalize_length, simple_length_normalization: of PLDA, as in Kaldi
        Raises InputError for an unknown name, and for files that are missing or do not fit together.
        """
        if name not in BACKENDS:
            raise InputError(f"back-end {name!r}; expected one of {', '.join(BACKENDS)}")
        if not 0 <= smoothing < math.inf:
            raise InputError(f"smoothing {smoothing}; expected 0 or more")
        backend = cls(
            processed=processed,
            normalize_length=normalize_length,
            simple_length_normalization=simple_length_normalization,
        )
        if processed and name != "plda":
            return backend
        if folder is None:
            raise InputError(f"back-end {name} without a folder; expected --backend-dir, with its files")
        folder = Path(folder)
        if not processed:
            backend.mean = read_vector(folder / "mean.vec").astype(np.float32)
            if name != "cosine":
                backend.transform = read_matrix(folder / "transform.mat").astype(np.float32)
        if name == "plda":
            backend.plda = Plda.read(folder / "plda").smooth(smoothing)
        backend._check(folder)
        return backend

    def _check(self, folder: Path) -> None:
        """Raise InputError where the parts have dimensions that do not fit."""
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
        """D, where the back-end's files say."""
        if self.mean is not None:
            return len(self.mean)
        return len(self.plda.mean) if self.plda else None

    def process(self, raw: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        """Bring averages (N, D) of num_utts (N,) embeddings to what `score` takes.

        Raises InputError where D is not the back-end's.
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
        if self.plda is None:
            return length_normalize(x, scaleup=False)
        x = x if self.processed else length_normalize(x)
        return self.plda.transform_embedding(x, num_utts, self.normalize_length, self.simple_length_normalization)

    def score(self, enrol, num_enrol, test, num_test, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """The score of every trial of row i[t] of enrol against row j[t] of test, both processed."""
        if self.plda is None:
            return trial_dots(enrol, test, i, j)
        return self.plda.log_likelihood_ratio(enrol, num_enrol, test, num_test, i, j)
