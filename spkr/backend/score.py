"""Scoring trial lists by cosine, by LDA and cosine, or by LDA and PLDA.

    cosine       x - mean, cosine
    lda_cosine   x - mean, LDA, cosine
    plda         x - mean, LDA, length normalisation, log likelihood ratio of PLDA

where x is an embedding, or the average of a model's. A trial's score depends on that trial alone: see `vectors`.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from spkr.backend.plda import Plda
from spkr.backend.vectors import average_models, length_normalize, transform_vectors, trial_dots
from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.datadir import read_map, read_spk2utt
from spkr.kaldi.objects import read_matrix, read_vector
from spkr.kaldi.table import read_object
from spkr.kaldi.trials import Trials, read_trials

logger = logging.getLogger(__name__)

BACKENDS = ("cosine", "lda_cosine", "plda")
LINES = 100_000  # scores formatted at a time


@dataclass
class Backend:
    """What stands between raw embeddings of dimension D and scores; without `plda` the score is a cosine."""

    mean: np.ndarray  # (D,)
    transform: np.ndarray | None = None  # (d, D) or (d, D + 1)
    plda: Plda | None = None  # of dimension d

    @classmethod
    def read(cls, name: str, mean: str | Path, transform: str | Path | None, plda: str | Path | None) -> "Backend":
        """Read what the back-end `name`, one of BACKENDS, needs of Kaldi's files.

        Raises InputError for an unknown name, and for files that are missing or do not fit together.
        """
        if name not in BACKENDS:
            raise InputError(f"back-end {name!r}; expected one of {', '.join(BACKENDS)}")
        if (name != "cosine" and transform is None) or (name == "plda" and plda is None):
            raise InputError(f"back-end {name!r} needs a transform" + (" and a PLDA model" if name == "plda" else ""))
        backend = cls(read_vector(mean))
        if name != "cosine":
            backend.transform = read_matrix(transform)
            if backend.transform.shape[1] - len(backend.mean) not in (0, 1):
                raise InputError(
                    f"{transform}: takes {backend.transform.shape[1]} columns; expected the {len(backend.mean)} "
                    f"dimensions of {mean}, or one more for the offset; train the back-end again"
                )
        if name == "plda":
            backend.plda = Plda.read(plda)
            if len(backend.plda.mean) != len(backend.transform):
                raise InputError(
                    f"{plda}: {len(backend.plda.mean)} dimensions; expected {len(backend.transform)}, as {transform} "
                    "gives; train the back-end again"
                )
        return backend

    def process(self, raw: np.ndarray, num_utts: np.ndarray) -> np.ndarray:
        """Bring raw averages (N, D) of num_utts (N,) embeddings to what `score` takes."""
        x = raw - self.mean
        if self.transform is not None:
            x = transform_vectors(x, self.transform)
        if self.plda is None:
            return length_normalize(x, scaleup=False)
        return self.plda.transform_embedding(length_normalize(x), num_utts)

    def score(self, vectors: np.ndarray, num_utts: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """The score of every trial of row i[t] against row j[t] of processed vectors."""
        if self.plda is None:
            return trial_dots(vectors, vectors, i, j)
        return self.plda.log_likelihood_ratio(vectors, num_utts, vectors, num_utts, i, j)


def score_trials(
    backend: str,
    trials_path: str | Path,
    xvector_scps: Iterable[str | Path],
    out_path: str | Path,
    *,
    mean: str | Path,
    transform: str | Path | None = None,
    plda: str | Path | None = None,
    models_path: str | Path | None = None,
) -> None:
    """Write the score of every trial, in the list's order, as `enrol test score`.

    Args:
        backend: one of BACKENDS
        trials_path: `enrol test [label]`; a name is a model of `models_path` or, without one, an utterance
        xvector_scps: tables that hold the utterances' raw embeddings
        mean, transform, plda: Kaldi's files of the back-end, the last two where it uses them
    Raises InputError, before any scoring, for a name without embeddings (with its line), embeddings of another
    dimension than the back-end's, and whatever is wrong with a file.
    """
    trials = read_trials(trials_path, labelled=False)
    models = read_spk2utt(models_path) if models_path else {}
    places = _places(xvector_scps)
    steps = Backend.read(backend, mean, transform, plda)

    names = list(dict.fromkeys(chain(trials.enrol, trials.test)))
    _check_names(names, trials, trials_path, models, models_path, places)
    utts = {name: models.get(name, [name]) for name in names}
    embeddings = _read_embeddings(dict.fromkeys(chain.from_iterable(utts.values())), places, len(steps.mean), mean)
    raw, num_utts = average_models(utts, embeddings)

    row = {name: k for k, name in enumerate(names)}
    i = np.fromiter(map(row.__getitem__, trials.enrol), np.intp, len(trials.enrol))
    j = np.fromiter(map(row.__getitem__, trials.test), np.intp, len(trials.test))
    write_scores(out_path, trials, steps.score(steps.process(raw, num_utts), num_utts, i, j))


def write_scores(path: str | Path, trials: Trials, scores: np.ndarray) -> None:
    """Write `enrol test score` lines as Kaldi does, float32 with seven significant digits; by rename."""
    scores = scores.astype(np.float32)
    if not np.isfinite(scores).all():
        k = int(np.argmin(np.isfinite(scores)))
        raise InputError(
            f"{path}: trial {trials.enrol[k]} {trials.test[k]} has the score {scores[k]}; look at its embeddings"
        )
    with replacing(path) as f:
        for start in range(0, len(scores), LINES):
            part = slice(start, start + LINES)
            fields = zip(trials.enrol[part], trials.test[part], scores[part].tolist(), strict=True)
            f.write("%s %s %.7g\n" * len(scores[part]) % tuple(chain.from_iterable(fields)))


def _places(xvector_scps: Iterable[str | Path]) -> dict[str, str]:
    """Where each utterance's embedding lies: utterance -> path:offset, over all tables."""
    places: dict[str, str] = {}
    for scp in xvector_scps:
        for utt, where in read_map(scp).items():
            if places.setdefault(utt, where) != where:
                raise InputError(f"{scp}: {utt} also lies at {places[utt]}; a name may have one embedding")
    return places


def _check_names(names, trials, trials_path, models, models_path, places) -> None:
    """Raise InputError for the first name without embeddings, with the line where it stands."""
    for name in names:
        if name not in models and name not in places:
            line = 1 + next(k for k, trial in enumerate(zip(trials.enrol, trials.test, strict=True)) if name in trial)
            known = f"a model of {models_path} or " if models_path else ""
            raise InputError(f"{trials_path}:{line}: {name!r} is not {known}an utterance with an embedding")
        for utt in models.get(name, ()):
            if utt not in places:
                line = 1 + list(models).index(name)
                raise InputError(f"{models_path}:{line}: {utt!r} of model {name!r} has no embedding")


def _read_embeddings(utts: Iterable[str], places: Mapping[str, str], dim: int, mean) -> dict[str, np.ndarray]:
    """utterance -> embedding (dim,)."""
    embeddings = {}
    for utt in utts:
        embeddings[utt] = read_object(places[utt], utt)
        if embeddings[utt].shape != (dim,):
            raise InputError(
                f"{places[utt]}: the embedding of {utt} has shape {embeddings[utt].shape}; {mean} has {dim} "
                "dimensions: take the back-end that was trained with this network"
            )
    return embeddings
