"""The results of one trial list: error rates of each back-end, of slices of the list, and curves for the plot."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from spkr.files import sha256
from spkr.kaldi.counts import read_silent, report_silent, rest_on_silence
from spkr.kaldi.odd_trials import warn_of_odd_trials
from spkr.kaldi.trial_speakers import read_sides, speakers_of_trials
from spkr.kaldi.trials import Trials
from spkr.metrics.eer import eer_kaldi
from spkr.metrics.identification import identification_accuracy
from spkr.metrics.roc import error_rates, sorted_sides
from spkr.metrics.scores import read_both_kinds, read_scores
from spkr.report.det import thin
from spkr.report.lists import ScoredList
from spkr.report.measures import Measure, intervals
from spkr.report.slices import measure_slices, read_attributes


def evaluate(
    name: str,
    scored: ScoredList,
    table: Mapping[str, Measure],
    by: Sequence[str] = (),
    allow_duplicates: bool = False,
) -> tuple[list[dict], list[dict], dict, dict]:
    """Measure one list: its rows, its slices and, by back-end, curves for `plot_det` and identification accuracies."""
    trials = read_both_kinds(scored.trials, allow_duplicates)
    utts = [(name,) for name in trials.enrol_names], [(name,) for name in trials.test_names]
    speakers, attributes = None, []
    if scored.utt2spk:
        sides = read_sides(trials, scored.trials, scored.utt2spk, scored.models)
        utts = sides.utts
        speakers = speakers_of_trials(trials, scored.trials, sides)
        attributes = read_attributes(trials, sides, [Path(scored.utt2spk).parent / name for name in by])
    warn_of_odd_trials(scored.trials, trials, utts)
    of_list = {"trials": name, "trials_sha256": sha256(scored.trials)}
    of_list["n_speakers"] = 1 + int(max(map(np.max, speakers))) if speakers else math.nan
    of_list["n_silent"] = _count_silent(scored, trials, utts) if scored.num_voiced else math.nan
    rows, slices, curves, answers = [], [], {}, {}
    for backend, path in scored.scores.items():
        scores = read_scores(path, trials, allow_duplicates)
        ratios = read_scores(scored.llrs[backend], trials, allow_duplicates) if backend in scored.llrs else None
        measures, curves[backend] = measure(trials.target, scores, ratios, table)
        measures |= intervals(table, trials.target, scores, ratios, speakers)
        rows.append(of_list | {"backend": backend} | measures)
        of_backend = {"trials": name, "backend": backend}
        slices += [of_backend | row for row in measure_slices(trials, scores, attributes, speakers)]
        if scored.models:
            accuracy, n = identification_accuracy(trials, scores)
            answers[backend] = {"accuracy": round(accuracy, 4), "n": n}
    return rows, slices, curves, answers


def _count_silent(scored: ScoredList, trials: Trials, utts) -> int:
    """How many trials rest on utterances without a voiced frame; the log names one."""
    silent = read_silent([scored.num_voiced], {utt for side in utts for of_name in side for utt in of_name})
    count = int(rest_on_silence(trials, utts, silent).sum())
    report_silent(scored.trials, silent, f"{count} of {len(trials)} trials rest on silence")
    return count


def measure(
    target: np.ndarray, scores: np.ndarray, ratios: np.ndarray | None, table: Mapping[str, Measure]
) -> tuple[dict, tuple]:
    """The measures of one back-end on one list, rounded as they are printed, and its curve for `plot_det`.

    Args: target, bool (n,); scores (n,), and their log-likelihood ratios if they are calibrated; the measures to take.
    """
    sides = sorted_sides(scores[target], scores[~target])
    of_ratios = None if ratios is None else sorted_sides(ratios[target], ratios[~target])
    found = dict(zip(("n_target", "n_nontarget"), map(len, sides), strict=True))
    found |= {name: round(one.of(sides, of_ratios), one.decimals) for name, one in table.items()}
    return found, (*thin(*error_rates(*sides)), eer_kaldi(*sides)[0])
