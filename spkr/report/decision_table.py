"""Thresholds chosen on one list, and how often they err there and on another list: thresholds.tsv.

    eer             Kaldi's EER of the list
    false_alarms    the lowest threshold with at most this false-alarm rate
    mindcf          the lowest detection cost at this prior of a target
    llr             Bayes' threshold for log-likelihood ratios at this prior, which needs no list; with a calibration
                    that is a map of one score, the score at which the ratio is there

A trial is accepted if its score is at least the threshold; P_miss and P_fa are from 0 to 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from spkr.backend.calibration_file import Calibration
from spkr.metrics import thresholds
from spkr.metrics.dcf import bayes_threshold
from spkr.metrics.roc import rates_at
from spkr.report.measures import Measure, bounds
from spkr.tsv import write_tsv

FALSE_ALARMS = (0.01, 0.001)
PRIORS = (0.05, 0.01, 0.001)
RATES = ("p_miss", "p_fa")
OF_A_LIST = ("p_miss", "p_fa", *bounds(RATES))
COLUMNS = {
    **dict.fromkeys(("trials", "backend", "dev", "criterion"), ""), "value": ".6g", "threshold": ".9g", "llr": ".6g",
    **dict.fromkeys([f"dev_{name}" for name in OF_A_LIST], ".5f"), **dict.fromkeys(OF_A_LIST, ".5f"),
    "in_words": "", "note": "",
}  # fmt: skip


@dataclass(frozen=True)
class Threshold:
    """A threshold, and the rates of errors of both lists."""

    criterion: str
    value: float  # of the criterion; nan if it has none
    score: float  # nan where no score is known
    llr: float = math.nan  # of log-likelihood ratios
    note: str = "-"


@dataclass(frozen=True)
class Criteria:
    """What thresholds are chosen by, beside the EER."""

    priors: Sequence[float] = PRIORS  # of a target, above 0 and below 1
    false_alarms: Sequence[float] = FALSE_ALARMS  # rates, likewise


def choose(
    target: np.ndarray, scores: np.ndarray, criteria: Criteria, calibration: Calibration | None = None
) -> list[Threshold]:
    """The thresholds of a back-end on a list, by all criteria; `llr` needs a calibration.

    Args: target, bool (n,); scores (n,).
    """
    sides = scores[target], scores[~target]
    found = [Threshold("eer", math.nan, thresholds.of_eer(*sides))]
    for rate in criteria.false_alarms:
        theta = thresholds.of_false_alarms(rate, *sides)
        needed = math.ceil(thresholds.FALSE_ALARMS / rate)
        few = f"{len(sides[1])} nontarget trials; a rate of {rate:g} needs {needed}" if math.isnan(theta) else "-"
        found.append(Threshold("false_alarms", rate, theta, note=few))
    found += [Threshold("mindcf", prior, thresholds.of_min_dcf(prior, *sides)) for prior in criteria.priors]
    extreme = {math.inf: "rejects every trial", -math.inf: "accepts every trial"}
    found = [replace(one, note=extreme.get(one.score, one.note)) for one in found]
    return found + [_of_ratio(prior, calibration) for prior in criteria.priors if calibration]


def _of_ratio(prior: float, calibration: Calibration) -> Threshold:
    llr, of_score = bayes_threshold(prior), len(calibration.weights) == 1 and calibration.weights[0] > 0
    if not of_score:
        return Threshold("llr", prior, math.nan, llr, "of ratios only: no score stands for this ratio")
    return Threshold("llr", prior, (llr - calibration.offset) / calibration.weights[0], llr)


def as_measures(found: Sequence[Threshold]) -> dict[str, Measure]:
    """P_miss and P_fa of each threshold, as measures of a list; `of_list` finds them in what was measured."""
    return {
        f"{k}_{rate}": Measure(partial(_rate, one, rate), decimals=5, of_ratios=_is_of_ratios(one))
        for k, one in enumerate(found)
        for rate in RATES
    }


def _is_of_ratios(one: Threshold) -> bool:
    return math.isnan(one.score) and not math.isnan(one.llr)


def _rate(one: Threshold, rate: str, target, nontarget) -> float:
    theta = one.llr if _is_of_ratios(one) else one.score
    return math.nan if math.isnan(theta) else rates_at(theta, target, nontarget)[RATES.index(rate)]


def rows_of(found: Sequence[Threshold], on_dev: Mapping[str, float], on_test: Mapping[str, float]) -> list[dict]:
    """The rows of a back-end; on_dev and on_test have the values of `as_measures` on both lists, with their ends."""
    return [
        {"criterion": one.criterion, "value": one.value, "threshold": one.score, "llr": one.llr}
        | {f"dev_{name}": on_dev[f"{k}_{name}"] for name in OF_A_LIST}
        | {name: on_test[f"{k}_{name}"] for name in OF_A_LIST}
        | {"in_words": in_words(*(on_test[f"{k}_{rate}"] for rate in RATES)), "note": one.note}
        for k, one in enumerate(found)
    ]


def in_words(p_miss: float, p_fa: float) -> str:
    """What these rates (0..1) mean: of 100 genuine trials 4 are rejected, of 1,000 impostors 2 are accepted."""
    if math.isnan(p_miss):
        return "-"
    parts = []
    for rate, who, verb in ((p_miss, "genuine trials", "rejected"), (p_fa, "impostors", "accepted")):
        of = next((n for n in (100, 1_000, 10_000) if rate * n >= 0.95), 1_000_000 if rate else 100)
        count = round(rate * of)
        parts.append(f"of {of:,} {who} {count:,} {'is' if count == 1 else 'are'} {verb}")
    return ", ".join(parts)


def write_thresholds(path: str | Path, rows: Sequence[Mapping]) -> None:
    """Write COLUMNS of rows as tab-separated text, by rename."""
    write_tsv(path, rows, COLUMNS)
