"""A back-end that is ready to score: the transforms of its chain, then its scorer.

    cosine   the cosine of two embeddings
    plda     the log likelihood ratio of PLDA

An embedding may be the average of a model's embeddings. A trial's score does not depend on other trials: see
`transforms`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

import numpy as np

from spkr.backend import SCORERS
from spkr.backend.chain import Chain
from spkr.backend.plda import Plda
from spkr.backend.transforms import length_normalize, transform_vectors, trial_dots
from spkr.errors import InputError

ROWS = 1024  # embeddings processed at a time: few enough to stay in the processor's cache


class Scorer:
    """The end of a chain: the score of two sides, from what `prepare` makes of them.

    Each row that `prepare` and `against` return depends only on its own row of the input, to the last bit.
    """

    @classmethod
    def read(cls, folder: Path | None, **of_plda) -> "Scorer":
        """The scorer of a folder; `of_plda` are the options of PLDA."""
        return cls()

    def check(self, dim: int, folder: Path | None) -> None:
        """Raise InputError if it cannot score vectors of `dim` dimensions."""

    def prepare(self, x: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        """What `score` takes, for x (N, d) after the transforms, averages of num_utts (N,) embeddings."""
        return x

    def score(self, enrol, num_enrol, test, num_test, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """The score of every trial t: row i[t] of enrol (E, d) against row j[t] of test (T, d), both from `prepare`.

        num_enrol (E,) and num_test (T,) are the numbers of utterances that the rows are averages of.
        """
        raise NotImplementedError

    def against(self, x: np.ndarray, num_utts: np.ndarray, cohort: np.ndarray) -> np.ndarray:
        """The scores (N, M) of each x (N, d) against each member of a cohort (M, d), which counts as one utterance."""
        shape = len(x), len(cohort)
        i, j = (side.ravel() for side in np.indices(shape))
        return self.score(x, num_utts, cohort, np.ones(len(cohort), int), i, j).reshape(shape)


class Cosine(Scorer):
    """The cosine."""

    def prepare(self, x: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        """Scale to length 1."""
        return length_normalize(x, scaleup=False)

    def score(self, enrol, num_enrol, test, num_test, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Dot products."""
        return trial_dots(enrol, test, i, j)

    def against(self, x: np.ndarray, num_utts: np.ndarray, cohort: np.ndarray) -> np.ndarray:
        """Dot products, as matrix products."""
        return transform_vectors(x, cohort)


@dataclass
class PldaScorer(Scorer):
    """The log likelihood ratio of PLDA."""

    plda: Plda
    normalize_length: bool = True  # these two as in `Plda.transform_embedding`
    simple_length_normalization: bool = False

    @classmethod
    def read(cls, folder: Path | None, smoothing: float = 0.0, **of_plda) -> "PldaScorer":
        """Read PLDA, smoothed as in Kaldi."""
        if not 0 <= smoothing < math.inf:
            raise InputError(f"smoothing {smoothing}; expected 0 or more")
        return cls(Plda.read(folder / "plda").smooth(smoothing), **of_plda)

    def check(self, dim: int, folder: Path | None) -> None:
        """Raise InputError for vectors of another dimension than the model's."""
        if (own := len(self.plda.mean)) != dim:
            raise InputError(
                f"{folder}/plda: {own} dimensions; expected {dim}, as the steps before it give; train the back-end "
                "again"
            )

    def prepare(self, x: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        """Transform into PLDA's space."""
        return self.plda.transform_embedding(x, num_utts, self.normalize_length, self.simple_length_normalization)

    def score(self, enrol, num_enrol, test, num_test, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Log likelihood ratios."""
        return self.plda.log_likelihood_ratio(enrol, num_enrol, test, num_test, i, j)

    def against(self, x: np.ndarray, num_utts: np.ndarray, cohort: np.ndarray) -> np.ndarray:
        """Log likelihood ratios, as matrix products."""
        return self.plda.ratios_to_utterances(x, num_utts, cohort)


@dataclass
class Part:
    """A transform of a chain, with its array and the file that this is from; both None for length-norm."""

    name: str
    array: np.ndarray | None = None  # mean (D,), or LDA (d, D) or (d, D + 1), float32 as on disk
    path: Path | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """x (N, D) after it, (N, d)."""
        return APPLY[self.name](x, self.array)

    def dim_after(self, dim: int) -> int:
        """d for D; InputError if D does not fit."""
        if self.name == "mean" and len(self.array) != dim:
            raise InputError(
                f"{self.path}: embeddings of {dim} dimensions for a back-end of {len(self.array)}; take the "
                "back-end that was trained with this network"
            )
        if self.name != "lda":
            return dim
        rows, columns = self.array.shape
        if columns - dim not in (0, 1):
            raise InputError(
                f"{self.path}: takes {columns} columns; expected the {dim} dimensions that the steps before it give, "
                "or one more for the offset; train the back-end again"
            )
        return rows


APPLY: dict[str, Callable] = {
    "mean": lambda x, mean: x - mean,
    "lda": transform_vectors,
    "length-norm": lambda x, _: length_normalize(x),
}
READ = {"mean": "spkr.kaldi.objects:read_vector", "lda": "spkr.kaldi.objects:read_matrix"}


@dataclass
class Backend:
    """The transforms of a chain, in order, and its scorer."""

    chain: Chain
    parts: list[Part]
    scorer: Scorer
    folder: Path | None

    @staticmethod
    def read(chain: Chain, folder: str | Path | None, *, processed: bool = False, **of_plda) -> "Backend":
        """Read a chain's files.

        Args:
            folder: of these files; may be None if mean.vec is the only one, and then no mean is subtracted
            processed: the transforms were applied before, and are skipped
            of_plda: smoothing, normalize_length, simple_length_normalization, as in Kaldi; no other scorer uses them
        Raises InputError for files that are missing or wrong.
        """
        needed = set(chain.files) - ({file for _, file in chain.parts} if processed else set())
        if folder is None and needed - {"mean.vec"}:
            raise InputError(f"back-end {chain} without a folder; expected --backend-dir, with its files")
        folder = None if folder is None else Path(folder)
        parts = [_read_part(step, folder, file) for step, file in chain.parts if not processed and (folder or not file)]
        return Backend(chain, parts, resolve_name(SCORERS[chain.scorer]).read(folder, **of_plda), folder)

    def check(self, dim: int) -> None:
        """Raise InputError if it does not take embeddings of `dim` dimensions, or if its files do not fit together."""
        for part in self.parts:
            dim = part.dim_after(dim)
        self.scorer.check(dim, self.folder)

    def process(self, raw: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        """Turn averages (N, D) of num_utts (N,) embeddings into the input of the scorer; raises as `check` does."""
        self.check(raw.shape[1])
        parts = range(0, len(raw), ROWS)
        return np.concatenate([self._process(raw[k : k + ROWS], num_utts[k : k + ROWS]) for k in parts])

    def _process(self, x: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        for part in self.parts:
            x = part(x)
        return self.scorer.prepare(x, num_utts)


def _read_part(step, folder: Path | None, file: str | None) -> Part:
    if not file:
        return Part(step.name)
    array = resolve_name(READ[step.name])(folder / file).astype(np.float32)
    if step.number and len(array) > step.number:
        raise InputError(f"{folder / file}: {len(array)} dimensions; expected at most {step.number}, as `{step}` says")
    return Part(step.name, array, folder / file)
