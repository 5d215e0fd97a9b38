"""Deciding whether two voices are the same, and saying by what."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spkr.errors import InputError
from spkr.metrics.dcf import bayes_threshold
from spkr.packed.about import About, Threshold


@dataclass(frozen=True)
class Rule:
    """The rule of a decision: same if `value` of a comparison, its ratio or its score, is at least `threshold`."""

    threshold: float
    on_ratios: bool  # or on scores
    why: str  # where the threshold comes from, in words
    prior: float | None = None  # of the same voice, for the probability; None without a calibration


@dataclass(frozen=True)
class Comparison:
    """What comparing two voices gives."""

    score: float  # of the back-end
    llr: float | None  # natural log-likelihood ratio; None without a calibration
    probability: float | None  # that the voices are the same, at the rule's prior; None without a calibration
    same: bool  # the decision
    rule: Rule


def make_rule(
    about: About,
    prior: float | None = None,
    threshold: float | None = None,
    false_alarms: float | None = None,
) -> Rule:
    """The rule for a packed model.

    Args:
        prior: of the same voice; default: that of the calibration
        threshold: on ratios, or on scores if the model is not calibrated; default: Bayes' threshold at the prior
        false_alarms: take the threshold that was chosen on dev for this rate of false alarms (0..1) in its place
    Raises InputError if the model is not calibrated and neither `threshold` nor `false_alarms` is given, if it has no
    threshold for that rate, and for a prior without calibration.
    """
    if about.calibration is None and prior is not None:
        raise InputError(f"prior {prior:g}: the model has no calibration; it decides by a threshold on scores")
    if prior is not None and not 0 < prior < 1:
        raise InputError(f"prior {prior:g}; expected a number above 0 and below 1")
    if threshold is not None and not math.isfinite(threshold):
        raise InputError(f"threshold {threshold:g}; expected a finite number")
    if threshold is not None and false_alarms is not None:
        raise InputError("a threshold and a rate of false alarms; expected one of them")
    given = None if about.calibration is None else prior or about.calibration.prior
    if false_alarms is not None:
        chosen = _of_false_alarms(about.thresholds, false_alarms)
        return Rule(chosen, False, f"{100 * false_alarms:g} % false alarms on dev of {about.trials}", given)
    if threshold is not None:
        return Rule(threshold, given is not None, "as given", given)
    if given is None:
        raise InputError(
            "the model has no calibration, as its run had no list of dev; give a threshold on its scores "
            "(--threshold), which `spkr thresholds` finds on a list of yours"
        )
    return Rule(bayes_threshold(given), True, f"Bayes' threshold at a prior of {given:g}", given)


def _of_false_alarms(known: Sequence[Threshold], rate: float) -> float:
    rates = {one.value: one for one in known if one.criterion == "false_alarms"}
    found = rates.get(rate)
    if found is None or found.threshold is None:
        has = ", ".join(f"{value:g}" for value, one in rates.items() if one.threshold is not None) or "none"
        note = f" ({found.note})" if found else ""
        raise InputError(f"no threshold for a rate of false alarms of {rate:g}{note}; the model has: {has}")
    return found.threshold


def decide(score: float, llr: float | None, rule: Rule) -> Comparison:
    """The comparison that has this score and natural log-likelihood ratio, and its decision by a rule."""
    value = llr if rule.on_ratios else score
    probability = None if llr is None else posterior(llr, rule.prior)
    return Comparison(score, llr, probability, value >= rule.threshold, rule)


def posterior(llr: float, prior: float) -> float:
    """The probability of the same voice: the logistic function of llr + logit(prior)."""
    odds = llr + math.log(prior) - math.log1p(-prior)
    return 1 / (1 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1 + math.exp(odds))
