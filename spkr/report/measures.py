"""The measures in the table of results, of the scores of one back-end on one list.

A new measure is a function of target (n_t,) and nontarget (n_n,) scores, and an entry in `MEASURES`. It becomes a
column of results.tsv and results.json, and one of the printed table if it has a heading. A measure of log-likelihood
ratios is nan where scores are not calibrated, unless it can be taken of scores.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from spkr.metrics.cllr import cllr, min_cllr
from spkr.metrics.dcf import act_dcf, c_primary, min_dcf
from spkr.metrics.eer import eer_kaldi, eer_linear, eer_rocch


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

    def of(self, target: np.ndarray, nontarget: np.ndarray) -> float:
        """The measure, rounded as it is printed."""
        return round((100 if self.percent else 1) * float(self.function(target, nontarget)), self.decimals)


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
