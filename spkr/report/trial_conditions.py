"""Conditions that are tied to the label of a trial list: sex, session, microphone, length and others.

A condition is tied to the label if it differs between target and nontarget trials. A system may then tell these apart
by the condition, and its EER says little about voices. How much they differ is a number from 0 to 1: the difference of
two shares, the total variation distance of the values, or the Kolmogorov-Smirnov distance of the lengths. Guessing the
label from the condition alone then gives (1 - difference) / 2 errors at best, if both kinds are equally frequent.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from spkr.kaldi.fields import decimal
from spkr.kaldi.odd_trials import share_a_label
from spkr.kaldi.rules import Files, index_of
from spkr.kaldi.trial_speakers import Sides
from spkr.kaldi.trials import Trials

LEAST = 0.2  # difference that is worth a warning
CROSS_SEX = 0.8  # share of nontarget trials; all pairs of as many women as men have about a half
MOST_VALUES = 20  # of an attribute whose values are compared one by one
NO_CONDITION = (
    *("utt2spk", "spk2utt", "utt2dur", "utt2num_frames", "utt2num_voiced", "utt2uniq", "utt2aug"),
    "spk2num_utts",
)
TOO_LOW, TOO_HIGH = "the EER is too low", "the EER is too high"


@dataclass
class Condition:
    """A line about target and nontarget trials, and warnings if they differ."""

    fact: str
    warnings: list[str] = field(default_factory=list)


def conditions_of(trials: Trials, sides: Sides, files: Files) -> Iterator[Condition]:
    """A condition for each attribute, a file utt2<attribute> or spk2<attribute> with more than one value."""
    for name, table in sorted(files.items()):
        kind, _, attribute = name.partition("2")
        is_attribute = kind in ("utt", "spk") and index_of(name) and name not in NO_CONDITION
        if not is_attribute or len(set(table.values())) < 2:
            continue
        keys = sides.utts if kind == "utt" else tuple([[spk] for spk in side] for side in sides.speakers)
        values = tuple([{table[key] for key in of_name} for of_name in side] for side in keys)
        condition = _same_value(trials, attribute, values)
        if len(set(table.values())) <= MOST_VALUES:
            condition.warnings += _of_values(trials, attribute, values)
        yield condition


def _same_value(trials: Trials, attribute: str, values: tuple[Sequence[set[str]], ...]) -> Condition:
    """The shares of target and nontarget trials with the same value on both sides."""
    same, target = share_a_label(trials, values), trials.target
    of_target, of_nontarget = (100 * same[kind].mean() for kind in (target, ~target))
    condition = Condition(f"same {attribute}: {of_target:.1f} % of target, {of_nontarget:.1f} % of nontarget trials")
    if attribute == "gender":
        if 100 - of_nontarget > 100 * CROSS_SEX:
            condition.warnings.append(
                f"{100 - of_nontarget:.1f} % of nontarget trials are of a woman and a man, who are easy to tell apart: "
                f"{TOO_LOW}; make a list with --gender same"
            )
    elif attribute == "session" and (within := same & target).any():
        condition.warnings.append(
            f"{within.sum():,} of {target.sum():,} target trials are within one session, with the same channel: "
            f"{TOO_LOW}; first in line {trials.line(int(within.argmax()))}; make a list with --session different"
        )
    elif attribute != "session" and abs(of_target - of_nontarget) > 100 * _limit(target):
        effect = TOO_LOW if of_target > of_nontarget else TOO_HIGH
        condition.warnings.append(f"{attribute} is tied to the label: {condition.fact}: {effect}")
    return condition


def _of_values(trials: Trials, attribute: str, values: tuple[Sequence[set[str]], ...]) -> Iterator[str]:
    """A warning if a value is more frequent on the sides of target trials than on those of nontarget trials."""
    names = sorted({value for side in values for of_name in side for value in of_name})
    number = {name: k for k, name in enumerate(names)}
    enrol, test = (np.array([number[min(of)] if len(of) == 1 else len(names) for of in side]) for side in values)
    shares = []
    for kind in (trials.target, ~trials.target):
        counts = sum(
            np.bincount(n, minlength=len(names) + 1) for n in (enrol[trials.enrol[kind]], test[trials.test[kind]])
        )
        shares.append(counts / counts.sum())
    difference = np.abs(shares[0] - shares[1])
    if difference.sum() / 2 > _limit(trials.target):
        k = int(difference[:-1].argmax())
        yield (
            f"{attribute} is tied to the label: {names[k]} is on {100 * shares[0][k]:.1f} % of the sides of target and "
            f"{100 * shares[1][k]:.1f} % of those of nontarget trials"
        )


def lengths_of(trials: Trials, sides: Sides, files: Files) -> Iterator[Condition]:
    """A condition for the shorter and one for the longer side of the trials, if there is utt2dur."""
    if "utt2dur" not in files:
        return
    of_utt = {utt: decimal(seconds) for utt, seconds in files["utt2dur"].items()}
    enrol, test = (np.array([sum(map(of_utt.get, utts)) for utts in side]) for side in sides.utts)
    enrol, test = enrol[trials.enrol], test[trials.test]
    for which, seconds in (("shorter", np.minimum(enrol, test)), ("longer", np.maximum(enrol, test))):
        of_target, of_nontarget = seconds[trials.target], seconds[~trials.target]
        medians = np.median(of_target), np.median(of_nontarget)
        fact = (
            f"seconds of the {which} side: {medians[0]:.1f} in target, {medians[1]:.1f} in nontarget trials (medians)"
        )
        condition = Condition(fact)
        if _largest_gap(of_target, of_nontarget) > _limit(trials.target):
            effect = TOO_LOW if medians[0] > medians[1] else TOO_HIGH
            condition.warnings.append(f"length is tied to the label: {fact}: {effect}, as longer sides score higher")
        yield condition


def _largest_gap(a: np.ndarray, b: np.ndarray) -> float:
    """The Kolmogorov-Smirnov distance (0..1) of two samples."""
    a, b, points = np.sort(a), np.sort(b), np.concatenate([a, b])
    below = [np.searchsorted(of, points, side="right") / len(of) for of in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def _limit(target: np.ndarray) -> float:
    """The difference that is worth a warning: LEAST, and what independent trials have by chance in one list of 20."""
    n_target, n = int(target.sum()), len(target)
    return LEAST + 1.36 * math.sqrt(1 / n_target + 1 / (n - n_target))
