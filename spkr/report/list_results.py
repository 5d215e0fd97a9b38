"""The results of one trial list: error rates of each back-end, of slices of the list, and curves for the plot."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from spkr.backend.calibration_file import Calibration, read_calibration
from spkr.errors import InputError
from spkr.files import sha256
from spkr.kaldi.counts import read_silent, report_silent, rest_on_silence
from spkr.kaldi.odd_trials import warn_of_odd_trials
from spkr.kaldi.trial_speakers import read_sides, speakers_of_trials
from spkr.kaldi.trials import Trials, Utterances
from spkr.metrics.eer import eer_kaldi
from spkr.metrics.roc import error_rates, sorted_sides
from spkr.metrics.scores import check_differ, read_both_kinds, read_scores
from spkr.report.decision_table import Criteria, Threshold, as_measures, choose
from spkr.report.det import thin
from spkr.report.lists import ScoredList
from spkr.report.measures import Measure, intervals
from spkr.report.slices import Attribute, measure_slices, read_attributes
from spkr.report.who_is_speaking import answer


@dataclass
class Evaluated:
    """What was measured on one list; dictionaries are by back-end."""

    rows: list[dict] = field(default_factory=list)  # of results.tsv, with the rates of thresholds (`as_measures`)
    slices: list[dict] = field(default_factory=list)
    curves: dict[str, tuple] = field(default_factory=dict)  # for `plot_det`
    answers: dict[str, dict] = field(default_factory=dict)  # of identification
    confusions: list[dict] = field(default_factory=list)
    thresholds: dict[str, list[Threshold]] = field(default_factory=dict)
    speakers: frozenset[str] | None = None


@dataclass(frozen=True)
class _List:
    """A trial list, and what is known of its speakers."""

    trials: Trials
    utts: tuple[Utterances, Utterances]  # of the names on either side
    speakers: tuple[np.ndarray, np.ndarray] | None  # of each trial, numbers
    names: Sequence[str]  # of the speakers by number, or of the models
    attributes: Sequence[Attribute]


def evaluate(
    name: str,
    scored: ScoredList,
    table: Mapping[str, Measure],
    by: Sequence[str] = (),
    allow_duplicates: bool = False,
    thresholds: Mapping[str, list[Threshold]] = MappingProxyType({}),
    criteria: Criteria | None = None,
) -> Evaluated:
    """Measure one list.

    Args: thresholds: chosen on another list, by back-end; criteria: choose thresholds on this list by them.
    """
    one = _read(scored, by, allow_duplicates)
    of_list = {"trials": name, "trials_sha256": sha256(scored.trials)}
    of_list["n_speakers"] = 1 + int(max(map(np.max, one.speakers))) if one.speakers else math.nan
    of_list["n_silent"] = _count_silent(scored, one) if scored.num_voiced else math.nan
    found = Evaluated(thresholds=dict(thresholds), speakers=frozenset(one.names) if one.speakers else None)
    for backend, path in scored.scores.items():
        of_backend, target = {"trials": name, "backend": backend}, one.trials.target
        scores = read_scores(path, one.trials, allow_duplicates)
        check_differ(path, scores)
        ratios = read_scores(scored.llrs[backend], one.trials, allow_duplicates) if backend in scored.llrs else None
        if criteria:
            calibration = _calibration(scored, backend, one) if backend in scored.calibrations else None
            found.thresholds[backend] = choose(target, scores, criteria, calibration)
        with_rates = {**table, **as_measures(found.thresholds.get(backend, ()))}
        measures, found.curves[backend] = measure(target, scores, ratios, with_rates)
        measures |= intervals(with_rates, target, scores, ratios, one.speakers)
        found.rows.append(of_list | of_backend | measures)
        found.slices += [of_backend | row for row in measure_slices(one.trials, scores, one.attributes, one.speakers)]
        if scored.models:
            found.answers[backend], confused = answer(one.trials, scores, one.speakers, one.names)
            found.confusions += [of_backend | row for row in confused]
    return found


def _calibration(scored: ScoredList, backend: str, one: _List) -> Calibration:
    """The calibration of a back-end that was trained on this list; InputError if it was trained on another."""
    path, n_target = scored.calibrations[backend], int(one.trials.target.sum())
    calibration = read_calibration(path)
    counts = n_target, len(one.trials) - n_target
    known = calibration.speakers is not None and one.speakers is not None
    if (calibration.n_target, calibration.n_nontarget) != counts or known and calibration.speakers != tuple(one.names):
        raise InputError(
            f"{path}: trained on {calibration.trials} ({calibration.n_target} target and {calibration.n_nontarget} "
            f"nontarget trials), which is another list than {scored.trials} ({counts[0]} and {counts[1]}); name the "
            "calibration of this list"
        )
    return calibration


def check_other_speakers(dev: str, of_dev: Evaluated, name: str, found: Evaluated) -> None:
    """Raise InputError if a list shares a speaker with that of dev; without their speakers it is not known."""
    if shared := sorted((of_dev.speakers or frozenset()) & (found.speakers or frozenset())):
        raise InputError(
            f"{name}: {len(shared)} of {len(found.speakers)} speakers, first {shared[0]!r}, are also in {dev}, "
            "on which its thresholds are chosen; choose them on other speakers"
        )


def _read(scored: ScoredList, by: Sequence[str], allow_duplicates: bool) -> _List:
    trials = read_both_kinds(scored.trials, allow_duplicates)
    utts = [(name,) for name in trials.enrol_names], [(name,) for name in trials.test_names]
    speakers, names, attributes = None, trials.enrol_names, []
    if scored.utt2spk:
        sides = read_sides(trials, scored.trials, scored.utt2spk, scored.models)
        utts, names = sides.utts, sorted({*sides.speakers[0], *sides.speakers[1]})
        speakers = speakers_of_trials(trials, scored.trials, sides)
        attributes = read_attributes(trials, sides, [Path(scored.utt2spk).parent / name for name in by])
    warn_of_odd_trials(scored.trials, trials, utts)
    return _List(trials, utts, speakers, names, attributes)


def _count_silent(scored: ScoredList, one: _List) -> int:
    """How many trials rest on utterances without a voiced frame; the log names one."""
    silent = read_silent([scored.num_voiced], {utt for side in one.utts for of_name in side for utt in of_name})
    count = int(rest_on_silence(one.trials, one.utts, silent).sum())
    report_silent(scored.trials, silent, f"{count} of {len(one.trials)} trials rest on silence")
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
