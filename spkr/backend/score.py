"""Scoring trial lists: embeddings and a list in, a score for each of its trials out."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.backend.embeddings import average_embeddings, check_models
from spkr.backend.score_norm import METHODS, cohort_statistics, normalize_scores
from spkr.backend.steps import Backend
from spkr.errors import InputError
from spkr.files import note, replacing
from spkr.kaldi.datadir import read_map, read_spk2utt
from spkr.kaldi.table import TableReader
from spkr.kaldi.trials import Trials, read_trials

LINES = 10_000  # scores formatted at a time


@dataclass
class Cohort:
    """The other speakers by whose scores the scores of trials are normalised."""

    method: str  # one of score_norm.METHODS, but none
    xvectors: str | Path  # table of raw embeddings, one a member
    models_path: str | Path | None = None  # spk2utt: average the embeddings of each speaker to one member
    top_n: int | None = None  # of as-norm

    def __post_init__(self):
        if self.method not in METHODS[1:] or (self.method == "as-norm") != (self.top_n is not None):
            raise InputError(
                f"score normalisation {self.method!r} with top_n {self.top_n}; expected s-norm, or as-norm and a number"
            )

    def read(self, backend: Backend) -> tuple[np.ndarray, np.ndarray]:
        """The members, processed (number of members, d), and their numbers of utterances."""
        table = TableReader(self.xvectors)
        models = read_spk2utt(self.models_path) if self.models_path else {}
        check_models(self.models_path, models, models, table)
        size = len(models or table)
        if not 2 <= (self.top_n or size) <= size:
            raise InputError(f"top_n {self.top_n} of a cohort of {size} in {self.xvectors}; expected 2 to {size}")
        raw, num_utts = average_embeddings(models or table, models, table)
        return backend.process(raw, num_utts), num_utts


def score_trials(
    backend: Backend,
    trials_path: str | Path,
    xvector_scps: Iterable[str | Path],
    out_path: str | Path,
    *,
    models_path: str | Path | None = None,
    num_utts_path: str | Path | None = None,
    ignore_num_utts: bool = False,
    cohort: Cohort | None = None,
) -> None:
    """Write the score of every trial, in the list's order, as `enrol test score`.

    Args:
        trials_path: `enrol test [label]`; a name is a model of `models_path` or, without one, an utterance
        xvector_scps: tables that hold the utterances' embeddings
        num_utts_path: `name number`, where embeddings are averages already; PLDA takes others for one utterance
        ignore_num_utts: PLDA takes every average for one utterance, as Kaldi does without --num-utts
        cohort: normalise the scores by it
    Raises InputError, before any scoring, for a name without embeddings (with its line), embeddings of another
    dimension than the back-end's, and whatever is wrong with a file.
    """
    trials = read_trials(trials_path, labelled=False)
    models = read_spk2utt(models_path) if models_path else {}
    table = TableReader(*xvector_scps)
    names = list(dict.fromkeys([*trials.enrol_names, *trials.test_names]))
    _check_names(names, trials, trials_path, models, models_path, table)
    check_models(models_path, models, names, table)
    known = _num_utts(num_utts_path) if num_utts_path else {}
    members = cohort.read(backend) if cohort else None

    raw, num_utts = average_embeddings(names, models, table)
    num_utts = np.array([known.get(name, n) for name, n in zip(names, num_utts.tolist(), strict=True)])
    if ignore_num_utts:
        num_utts[:] = 1
    vectors = backend.process(raw, num_utts)
    row = {name: k for k, name in enumerate(names)}
    i = np.array([row[name] for name in trials.enrol_names])[trials.enrol]
    j = np.array([row[name] for name in trials.test_names])[trials.test]
    last, first = i.max() + 1, j.min()  # names of the left side come first
    scores = backend.score(vectors[:last], num_utts[:last], vectors[first:], num_utts[first:], i, j - first)
    if cohort:
        mean, std = _cohort_statistics(backend, names, vectors, num_utts, *members, cohort.top_n)
        scores = normalize_scores(scores, mean, std, i, j)
    write_scores(out_path, trials, scores)


def _cohort_statistics(backend: Backend, names, vectors, num_utts, members, num_members, top_n):
    def score(i, j):
        first, last = i[0], i[-1] + 1  # the rows of one call stand together
        return backend.score(vectors[first:last], num_utts[first:last], members, num_members, i - first, j)

    return cohort_statistics(names, len(members), score, top_n)


def write_scores(path: str | Path, trials: Trials, scores: np.ndarray) -> None:
    """Write `enrol test score` lines as Kaldi does, float32 with seven significant digits; by rename.

    Raises InputError where there is not one finite score for each trial.
    """
    if scores.shape != trials.enrol.shape:
        raise InputError(f"{path}: {len(scores)} scores for {len(trials)} trials; expected one for each")
    scores = scores.astype(np.float32)
    if not np.isfinite(scores).all():
        k = int(np.argmin(np.isfinite(scores)))
        enrol, test = trials.pair(k)
        raise InputError(f"{path}: trial {enrol} {test} has the score {scores[k]}; look at its embeddings")
    # Lines are put together as fields of fixed width, filled with zero bytes that are left out in the end: %s of two
    # names a line takes as long again as all the rest.
    enrol, test = (np.array([f"{name} ".encode() for name in side]) for side in (trials.enrol_names, trials.test_names))
    with replacing(path, "wb") as f:
        for start in range(0, len(scores), LINES):
            part = slice(start, start + LINES)
            number = "%-13.7g\n" * len(scores[part]) % tuple(scores[part].tolist())  # at most -1.234567e-38
            lines = np.zeros(len(scores[part]), [("enrol", enrol.dtype), ("test", test.dtype), ("score", "S14")])
            lines["enrol"], lines["test"] = enrol[trials.enrol[part]], test[trials.test[part]]
            lines["score"] = np.frombuffer(number.replace(" ", "\0").encode(), "S14")
            text = lines.view(np.uint8)
            f.write(text[text != 0].tobytes())
    note(path, lines=len(scores))


def _check_names(names, trials: Trials, trials_path, models, models_path, table) -> None:
    """Raise InputError for the first name without embeddings, with the line where it stands."""
    for name in names:
        if name not in models and name not in table:
            sides = ((trials.enrol_names, trials.enrol), (trials.test_names, trials.test))
            lines = [1 + int(np.argmax(side == known.index(name))) for known, side in sides if name in known]
            known = f"a model of {models_path} or " if models_path else ""
            raise InputError(f"{trials_path}:{min(lines)}: {name!r} is not {known}an utterance with an embedding")


def _num_utts(path: str | Path) -> dict[str, int]:
    """name -> number of utterances, from a file like Kaldi's num_utts.ark in text."""
    counts = read_map(path)
    for name, number in counts.items():
        if not number.isdecimal() or not int(number):
            raise InputError(f"{path}: {name} has {number!r}; expected a number of utterances, 1 or more")
    return {name: int(number) for name, number in counts.items()}
