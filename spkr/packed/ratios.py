"""Scores and log-likelihood ratios of voices, by the back-end of a packed model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pkgutil import resolve_name

import numpy as np

from spkr.backend import SCORERS
from spkr.backend.calibration_file import Calibration
from spkr.backend.chain import Chain, parse_chain
from spkr.backend.pipeline import Backend, Part, Scorer
from spkr.backend.plda import Plda
from spkr.backend.score_norm import cohort_statistics, normalize_scores
from spkr.backend.transforms import average_models
from spkr.errors import InputError
from spkr.packed.about import About
from spkr.packed.container import WRITE_AGAIN, Container
from spkr.packed.heard import Heard

PART = "backend.safetensors"
PLDA = ("plda.mean", "plda.transform", "plda.psi")
COHORT = "cohort"  # (members, dim) raw embeddings, or averages of them


@dataclass(frozen=True)
class Voices:
    """One side of trials: each voice is the average of its recordings' embeddings."""

    averages: np.ndarray  # (N, dim) float32
    num_utts: np.ndarray  # (N,) recordings of each
    seconds: np.ndarray  # (N,) of all recordings of each

    @classmethod
    def of(cls, recordings: Sequence[Sequence[Heard]]) -> "Voices":
        """The voices that have these recordings; each has at least one."""
        every = [one for of_voice in recordings for one in of_voice]
        ends = np.cumsum([len(of_voice) for of_voice in recordings])
        rows = [tuple(range(end - len(of_voice), end)) for of_voice, end in zip(recordings, ends, strict=True)]
        vectors = np.stack([one.embedding for one in every])
        averages, num_utts = average_models(rows, dict(enumerate(range(len(every)))), vectors)
        return cls(averages, num_utts, np.array([sum(one.seconds for one in of_voice) for of_voice in recordings]))

    def __len__(self) -> int:
        return len(self.averages)


class Ratios:
    """A chain of steps with its arrays, its cohort and its calibration."""

    def __init__(self, container: Container, about: About):
        self.chain = parse_chain(about.backend.chain)
        self.ignore_num_utts, self.calibration = about.backend.ignore_num_utts, about.calibration
        arrays = container.arrays(PART)
        try:
            self.backend = _backend(self.chain, arrays)
            self.cohort = self._prepared(arrays[COHORT], np.ones(len(arrays[COHORT]), int)) if self.chain.norm else None
        except KeyError as e:
            raise InputError(f"{container.path}: {PART} lacks {e.args[0]}; {WRITE_AGAIN}") from None
        self.backend.check(about.dim)
        self.top_n = self.chain.norm and (self.chain.norm.number or about.backend.top_n)

    def of_pairs(self, enrol: Voices, test: Voices) -> tuple[np.ndarray, np.ndarray | None]:
        """Scores (E, T) of each voice of `enrol` (E) against each of `test` (T), and natural log-likelihood ratios.

        The ratios are None without a calibration.
        """
        shape = len(enrol), len(test)
        i, j = (side.ravel() for side in np.indices(shape))
        counts = [np.ones_like(one.num_utts) if self.ignore_num_utts else one.num_utts for one in (enrol, test)]
        sides = [self._prepared(one.averages, n) for one, n in zip((enrol, test), counts, strict=True)]
        scores = self.backend.scorer.score(sides[0], counts[0], sides[1], counts[1], i, j)
        means = None
        if self.chain.norm:
            vectors, numbers = np.concatenate(sides), np.concatenate(counts)
            mean, std = cohort_statistics(
                [f"recording {k + 1}" for k in range(len(vectors))],
                lambda part: self.backend.scorer.against(vectors[part], numbers[part], self.cohort), self.top_n,
            )  # fmt: skip
            scores = normalize_scores(scores, mean, std, i, j + len(enrol))
            means = mean[: len(enrol)], mean[len(enrol) :]
        scores = scores.astype(np.float32).astype(float)  # as in a score file
        if self.calibration is None:
            return scores.reshape(shape), None
        columns = [scores, *_quality(self.calibration, enrol, test, means, i, j)]
        return scores.reshape(shape), self.calibration.ratios(np.stack(columns, axis=1)).reshape(shape)

    def _prepared(self, averages: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        return self.backend.process(averages, num_utts)


def _backend(chain: Chain, arrays: dict[str, np.ndarray]) -> Backend:
    """The back-end of these arrays; without its mean, none is subtracted."""
    parts = [
        Part(step.name, arrays[file] if file else None, file)
        for step, file in chain.parts
        if not (step.name == "mean" and file not in arrays)
    ]
    return Backend(chain, parts, _scorer(chain, arrays), None)


def _scorer(chain: Chain, arrays: dict[str, np.ndarray]) -> Scorer:
    kind = resolve_name(SCORERS[chain.scorer])
    return kind(Plda(*(arrays[name] for name in PLDA))) if chain.scorer == "plda" else kind()


def _quality(calibration: Calibration, enrol: Voices, test: Voices, means, i: np.ndarray, j: np.ndarray):
    """The columns of a calibration's quality measures, (E * T,) each, as in spkr.backend.quality."""
    measures = {
        "duration": lambda: (np.log(enrol.seconds), np.log(test.seconds)),
        "num_utts": lambda: (np.log(enrol.num_utts), np.log(test.num_utts)),
        "cohort": lambda: means,
    }
    for name in calibration.quality:
        of_enrol, of_test = measures[name]()
        both = of_enrol[i], of_test[j]
        yield np.minimum(*both)
        yield np.maximum(*both)
