"""Scoring trial lists: a score for each trial of a list, from the embeddings of its utterances."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.backend.embeddings import average_embeddings, check_models
from spkr.backend.pipeline import Backend
from spkr.backend.score_norm import METHODS, cohort_statistics, normalize_scores
from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.counts import read_counts, read_silent, report_silent, rest_on_silence, without_silent
from spkr.kaldi.odd_trials import warn_of_odd_trials
from spkr.kaldi.table import TableReader
from spkr.kaldi.trials import Trials, Utterances, look_up_utterances, read_models, read_trials

LINES = 10_000  # scores formatted at a time

logger = logging.getLogger(__name__)


@dataclass
class Cohort:
    """The embeddings of other speakers against which scores are normalised.

    A member stands for the other side of a trial and therefore counts as one utterance, even if it is an average. Where
    psi is large, PLDA's log likelihood ratio of averages of n and m utterances is a constant less |u - v|^2 /
    (2 (1/n + 1/m)). Scores against averages that count as 12 utterances would have nearly twice the scale of a trial of
    two utterances, whose own score would then count for half as much in the normalised one.
    """

    method: str  # one of score_norm.METHODS, except none
    xvectors: str | Path  # table of raw embeddings, one for each member
    models_path: str | Path | None = None  # spk2utt: the members are averages of speakers
    top_n: int | None = None  # of as-norm

    def __post_init__(self):
        if self.method not in METHODS[1:] or (self.method == "as-norm") != (self.top_n is not None):
            raise InputError(
                f"score normalisation {self.method!r} with top_n {self.top_n}; expected s-norm, or as-norm and a number"
            )

    def read(self, backend: Backend) -> tuple[np.ndarray, np.ndarray]:
        """The members, processed (number of members, d), and the numbers of utterances they count as, all 1."""
        if backend.plda:
            logger.warning(
                "%s of PLDA's scores: log likelihood ratios need no normalisation, and it often makes them worse; "
                "compare with score_norm none on dev",
                self.method,
            )
        table = TableReader(self.xvectors)
        models = read_models(self.models_path)
        check_models(self.models_path, models, models, table)
        members = list(models.values()) or [(utt,) for utt in table]
        if not 2 <= (self.top_n or len(members)) <= len(members):
            raise InputError(
                f"top_n {self.top_n} of a cohort of {len(members)} in {self.xvectors}; expected 2 to {len(members)}"
            )
        raw, num_utts = average_embeddings(members, table)
        ones = np.ones_like(num_utts)
        return backend.process(raw, ones), ones


def score_trials(
    backend: Backend,
    trials_path: str | Path,
    xvector_scps: Iterable[str | Path],
    out_path: str | Path,
    *,
    models_path: str | Path | None = None,
    num_utts_path: str | Path | None = None,
    ignore_num_utts: bool = False,
    num_voiced: Sequence[str | Path] = (),
    silent: str = "warn",
    allow_duplicates: bool = False,
    cohort: Cohort | None = None,
) -> None:
    """Write the score of every trial, in the list's order, as `enrol test score`; tables hold the embeddings.

    Args:
        trials_path: `enrol test [label]`, or VoxCeleb's form; a name is a model of `models_path` or an utterance
        num_utts_path: `name number`, of averaged embeddings, on either side; a test name not in it is one utterance
        ignore_num_utts: PLDA treats every average as one utterance, as Kaldi does without --num-utts
        num_voiced: utt2num_voiced of the sets; models leave out utterances without a voiced frame
        silent: warn of those, or refuse them
        allow_duplicates: score a repeated trial once
        cohort: normalise the scores by it
    Raises InputError, before any scoring, for a name without embeddings (with its line) or without a number of
    utterances, embeddings of another dimension than the back-end's, and for files that are wrong.
    """
    trials = read_trials(trials_path, labelled=False, allow_duplicates=allow_duplicates)
    models, table = read_models(models_path), TableReader(*xvector_scps)
    utts = look_up_utterances(trials, trials_path, table, "an utterance with an embedding", models, models_path)
    check_models(models_path, models, [*trials.enrol_names, *trials.test_names], table)
    warn_of_odd_trials(trials_path, trials, utts)
    if num_voiced:
        utts = _without_silent(trials_path, trials, utts, num_voiced, silent)
    counts = None
    if not ignore_num_utts:
        counts = _num_utts(num_utts_path, trials, trials_path, models) if num_utts_path else {}
    write_scores(out_path, trials, _scores(backend, trials, utts, table, counts, cohort))


def _scores(
    backend: Backend,
    trials: Trials,
    utts: tuple[Utterances, Utterances],
    table: TableReader,
    counts: Mapping[str, int] | None,
    cohort: Cohort | None,
) -> np.ndarray:
    """The score of every trial, (number of trials,).

    Args: utts are those of each enrolment and test name; counts are the numbers of utterances of averages on disk, by
    name, or None if PLDA treats every average as one utterance.
    """
    members = cohort.read(backend) if cohort else None
    enrol, test = (
        list(zip(*side, strict=True)) for side in zip((trials.enrol_names, trials.test_names), utts, strict=True)
    )
    row = {entry: k for k, entry in enumerate(dict.fromkeys([*enrol, *test]))}
    names = [name for name, _ in row]
    raw, num_utts = average_embeddings([of_name for _, of_name in row], table)
    if counts is None:
        num_utts[:] = 1
    elif counts:
        num_utts = np.array([counts.get(name, n) for name, n in zip(names, num_utts.tolist(), strict=True)])
    vectors = backend.process(raw, num_utts)
    i, first = trials.enrol, min(row[entry] for entry in test)  # enrolment names come first, so their numbers are rows
    j = np.array([row[entry] for entry in test])[trials.test]
    last = len(enrol)
    scores = backend.score(vectors[:last], num_utts[:last], vectors[first:], num_utts[first:], i, j - first)
    if cohort:
        mean, std = _cohort_statistics(backend, names, vectors, num_utts, *members, cohort.top_n)
        scores = normalize_scores(scores, mean, std, i, j)
    return scores


def _without_silent(trials_path, trials: Trials, utts, num_voiced, action: str):
    """The utterances of each name that are not silent; reports how many trials rest on silent ones."""
    used = dict.fromkeys(utt for side in utts for of_name in side for utt in of_name)
    silent = read_silent(num_voiced, used)
    count = int(rest_on_silence(trials, utts, silent).sum())
    report_silent(trials_path, silent, f"{count} of {len(trials)} trials rest on silence", action)
    return tuple(without_silent(side, silent) for side in utts)


def _num_utts(path: str | Path, trials: Trials, trials_path: str | Path, models) -> dict[str, int]:
    """name -> number of utterances; InputError, with its line, for an enrolment name without a number."""
    counts = read_counts([path], "utterances", least=1)
    for k, name in enumerate(trials.enrol_names):
        if name not in counts and name not in models:
            line = trials.line(int(np.argmax(trials.enrol == k)))
            raise InputError(
                f"{path}: no line for {name!r}, the enrolment of {trials_path}:{line}; expected its number of "
                "utterances"
            )
    return counts


def _cohort_statistics(backend: Backend, names, vectors, num_utts, members, num_members, top_n):
    def score(i, j):
        first, last = i[0], i[-1] + 1  # the rows of one call are consecutive
        return backend.score(vectors[first:last], num_utts[first:last], members, num_members, i - first, j)

    return cohort_statistics(names, len(members), score, top_n)


def write_scores(path: str | Path, trials: Trials, scores: np.ndarray) -> None:
    """Write `enrol test score` lines as Kaldi does, float32 with seven significant digits; by rename.

    Raises InputError unless there is one finite score for each trial.
    """
    if scores.shape != trials.enrol.shape:
        raise InputError(f"{path}: {len(scores)} scores for {len(trials)} trials; expected one for each")
    scores = scores.astype(np.float32)
    if not np.isfinite(scores).all():
        k = int(np.argmin(np.isfinite(scores)))
        enrol, test = trials.pair(k)
        raise InputError(f"{path}: trial {enrol} {test} has the score {scores[k]}; check its embeddings")
    enrol, test = (np.array(side, object) for side in (trials.enrol_names, trials.test_names))
    with replacing(path) as f:
        for start in range(0, len(scores), LINES):
            part = slice(start, start + LINES)
            columns = enrol[trials.enrol[part]], test[trials.test[part]], scores[part].astype(object)
            f.write("%s %s %.7g\n" * len(columns[0]) % tuple(np.stack(columns, axis=1).ravel()))
