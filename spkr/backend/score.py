"""Scoring trial lists: a score for each trial of a list, from the embeddings of its utterances."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from spkr.backend.cohort import Cohort, write_statistics
from spkr.backend.embeddings import average_embeddings, check_models
from spkr.backend.pipeline import Backend
from spkr.backend.score_norm import cohort_statistics, normalize_scores
from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.counts import read_counts, read_silent, report_silent, rest_on_silence, without_silent
from spkr.kaldi.odd_trials import warn_of_odd_trials
from spkr.kaldi.table import TableReader
from spkr.kaldi.trials import Trials, Utterances, look_up_utterances, read_models, read_trials

LINES = 10_000  # scores formatted at a time

logger = logging.getLogger(__name__)


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
    statistics_path: str | Path | None = None,
) -> None:
    """Write the score of every trial, in the list's order, as `enrol test score`; tables hold the embeddings.

    Args:
        trials_path: `enrol test [label]`, or VoxCeleb's form; a name is a model of `models_path` or an utterance
        num_utts_path: `name number`, of averaged embeddings, on either side; a test name not in it is one utterance
        ignore_num_utts: PLDA treats every average as one utterance, as Kaldi does without --num-utts
        num_voiced: utt2num_voiced of the sets; models leave out utterances without a voiced frame
        silent: warn of those, or refuse them
        allow_duplicates: score a repeated trial once
        cohort: of a chain that normalises
        statistics_path: write the mean and deviation of each name's cohort scores there
    Raises InputError, before any scoring, for a name without embeddings (with its line) or without a number of
    utterances, embeddings of another dimension than the back-end's, a cohort with a speaker of the list, and for files
    that are wrong.
    """
    trials = read_trials(trials_path, labelled=False, allow_duplicates=allow_duplicates)
    models, table = read_models(models_path), TableReader(*xvector_scps)
    utts = look_up_utterances(trials, trials_path, table, "an utterance with an embedding", models, models_path)
    check_models(models_path, models, [*trials.enrol_names, *trials.test_names], table)
    warn_of_odd_trials(trials_path, trials, utts)
    if num_voiced:
        utts = _without_silent(trials_path, trials, utts, num_voiced, silent)
    if cohort:
        cohort.check_speakers(trials_path, utts)
    counts = None
    if not ignore_num_utts:
        counts = _num_utts(num_utts_path, trials, trials_path, models) if num_utts_path else {}
    write_scores(out_path, trials, _scores(backend, trials, utts, table, counts, cohort, statistics_path))


def _scores(
    backend: Backend,
    trials: Trials,
    utts: tuple[Utterances, Utterances],
    table: TableReader,
    counts: Mapping[str, int] | None,
    cohort: Cohort | None,
    statistics_path: str | Path | None,
) -> np.ndarray:
    """The score of every trial, (number of trials,).

    Args: utts are those of each enrolment and test name; counts are the numbers of utterances of averages on disk, by
    name, or None if PLDA treats every average as one utterance.
    """
    members = cohort.processed(backend) if cohort else None
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
    scores = backend.scorer.score(vectors[:last], num_utts[:last], vectors[first:], num_utts[first:], i, j - first)
    if cohort:
        mean, std = cohort_statistics(
            names, lambda part: backend.scorer.against(vectors[part], num_utts[part], members), cohort.top_n
        )
        scores = normalize_scores(scores, mean, std, i, j)
        if statistics_path:
            rows = [row[entry] for entry in (*enrol, *test)]
            write_statistics(statistics_path, trials, mean[rows], std[rows])
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
