"""The measures in the table of results, of the scores of one back-end on one list.

A new measure is a function of target (n_t,) and nontarget (n_n,) scores, and an entry in `MEASURES`. It becomes a
column of results.tsv and results.json, with the ends of its confidence interval, and one of the printed table if it has
a heading. A measure of log-likelihood ratios is nan where scores are not calibrated, unless it can be taken of scores.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from spkr.metrics.bootstrap import SPEAKERS, Resampled, draw_speakers, ends, resample
from spkr.metrics.cllr import cllr, min_cllr
from spkr.metrics.dcf import act_dcf, c_primary, min_dcf
from spkr.metrics.eer import eer_kaldi, eer_linear, eer_rocch
from spkr.metrics.roc import Weighted

Pair = tuple[np.ndarray, np.ndarray] | tuple[Weighted, Weighted]  # target (n_t,) and nontarget (n_n,) scores


@dataclass(frozen=True)
class Measure:
    """A column of the results."""

    function: Callable[[np.ndarray, np.ndarray], float]  # of target and nontarget scores
    heading: str | None = None  # of its column in the printed table
    decimals: int = 4
    percent: bool = False  # the function returns a number from 0 to 1
    json_only: bool = False  # results.tsv leaves it out
    of_ratios: bool = False  # in place of scores
    or_scores: bool = False  # where there are no ratios

    @property
    def needs_ratios(self) -> bool:
        """Whether it is nan for scores that are not calibrated."""
        return self.of_ratios and not self.or_scores

    def of(self, scores: Pair, ratios: Pair | None) -> float:
        """The measure of target and nontarget scores or of their log-likelihood ratios; nan if it needs ratios."""
        sides = (ratios or (scores if self.or_scores else None)) if self.of_ratios else scores
        return (100 if self.percent else 1) * float(self.function(*sides)) if sides else math.nan


def _percent(function: Callable, heading: str | None = None, json_only: bool = False) -> Measure:
    return Measure(function, heading, decimals=3, percent=True, json_only=json_only)


def _min_dcf(prior: float, heading: str | None = None, json_only: bool = False) -> Measure:
    return Measure(partial(min_dcf, p_target=prior), heading, json_only=json_only)


def _act_dcf(prior: float, heading: str | None = None, json_only: bool = True) -> Measure:
    return Measure(partial(act_dcf, p_target=prior), heading, json_only=json_only, of_ratios=True)


def _lost_bits(target: np.ndarray, nontarget: np.ndarray) -> float:
    """The loss by calibration."""
    return cllr(target, nontarget) - min_cllr(target, nontarget)


MEASURES = {
    "eer": _percent(lambda target, nontarget: eer_kaldi(target, nontarget)[0], "EER %"),
    "mindcf_0.01": _min_dcf(0.01, "minDCF 0.01"),
    "mindcf_0.001": _min_dcf(0.001, "minDCF 0.001"),
    "mindcf_0.05": _min_dcf(0.05),
    "actdcf_0.01": _act_dcf(0.01, json_only=False),
    "cllr": Measure(cllr, "Cllr", of_ratios=True),
    "mincllr": Measure(min_cllr, "minCllr", of_ratios=True, or_scores=True),
    "eer_rocch": _percent(eer_rocch, json_only=True),
    "eer_linear": _percent(eer_linear, json_only=True),
    "actdcf_0.001": _act_dcf(0.001),
    "actdcf_0.05": _act_dcf(0.05),
    "c_primary": Measure(c_primary, json_only=True, of_ratios=True),
    "cllr_loss": Measure(_lost_bits, json_only=True, of_ratios=True),
}


def with_priors(priors: Iterable[float]) -> dict[str, Measure]:
    """MEASURES, and minDCF and actDCF at further priors of a target, for results.json and the printed table."""
    further = {}
    for prior in priors:
        further[f"mindcf_{prior:g}"] = _min_dcf(prior, f"minDCF {prior:g}", json_only=True)
        further[f"actdcf_{prior:g}"] = _act_dcf(prior, f"actDCF {prior:g}")
    return MEASURES | {name: measure for name, measure in further.items() if name not in MEASURES}


def bounds(names: Iterable[str]) -> list[str]:
    """The names of the ends of these measures' intervals."""
    return [f"{name}_{end}" for name in names for end in ("lo", "hi")]


def intervals(
    table: Mapping[str, Measure], target: np.ndarray, scores: np.ndarray, ratios: np.ndarray | None, speakers
) -> dict[str, float]:
    """The ends of the 95 % interval of each measure, by the names of `bounds`, rounded as they are printed.

    Args: target, bool (n,); scores and their log-likelihood ratios, if any (n,); speakers: the numbers of both speakers
    of each trial, (n,) both, from 0; None, or fewer than SPEAKERS, give nan.
    """
    found = dict.fromkeys(bounds(table), math.nan)
    if speakers is None or (n_speakers := 1 + int(max(map(np.max, speakers)))) < SPEAKERS:
        return found
    draws = draw_speakers(n_speakers, len(target))
    estimates, in_draws = values_in_draws(table, target, scores, ratios, speakers, draws)
    for name, values in in_draws.items():
        low_high = (round(end, table[name].decimals) for end in ends(values, estimates[name], n_speakers))
        found |= dict(zip(bounds([name]), low_high, strict=True))
    return found


def values_in_draws(
    table: Mapping[str, Measure], target: np.ndarray, scores: np.ndarray, ratios: np.ndarray | None, speakers, draws
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Each measure on the list and in each draw of speakers, (draws,); those that need ratios only if there are any.

    Args: as of `intervals`, and draws of `draw_speakers`.
    """
    systems = {"scores": scores} if ratios is None else {"scores": scores, "ratios": ratios}
    systems = {name: Resampled(values, target, *speakers) for name, values in systems.items()}
    taken = {name: one for name, one in table.items() if ratios is not None or not one.needs_ratios}

    def measure(scores: Pair, ratios: Pair | None = None) -> dict[str, float]:
        return {name: one.of(scores, ratios) for name, one in taken.items()}

    estimates = measure(**{name: system.sides for name, system in systems.items()})
    return estimates, resample(systems, draws, measure)
