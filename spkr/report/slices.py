"""Results by attribute: the error rates of the trials whose utterances or speakers have the same value of it.

An attribute is a file of the data directory. `utt2mic` gives enrol_mic and test_mic, by the utterance on that side.
`spk2gender` gives gender, for trials whose two speakers have the same. An averaged model has the value of its
utterances, or none if they differ.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.kaldi.maps import read_map
from spkr.kaldi.trial_speakers import Sides
from spkr.kaldi.trials import Trials
from spkr.report.measures import MEASURES, bounds, intervals
from spkr.tsv import write_tsv

MEASURED = {name: MEASURES[name] for name in ("eer", "mindcf_0.01")}
COLUMNS = ("trials", "backend", "attribute", "value", "n_target", "n_nontarget", *MEASURED, *bounds(MEASURED))


@dataclass(frozen=True)
class Attribute:
    """An attribute of trials that has more than one value."""

    name: str
    values: list[str]
    of_trials: np.ndarray  # (number of trials,) int32, into values; -1 for those that have none


def read_attributes(trials: Trials, sides: Sides, paths: Sequence[str | Path]) -> list[Attribute]:
    """The attributes of a list from files utt2<attribute> and spk2<attribute>, without those of a single value.

    Raises InputError if a file has another name, or no line for an utterance or a speaker of the list.
    """
    found = []
    for path in map(Path, paths):
        kind, _, name = path.name.partition("2")
        if kind not in ("utt", "spk") or not name:
            raise InputError(f"{path}: expected a file utt2<attribute> or spk2<attribute>")
        table = read_map(path)
        names = sides.utts if kind == "utt" else tuple([[spk] for spk in side] for side in sides.speakers)
        enrol, test = ([_common_value(path, table, keys) for keys in side] for side in names)
        if kind == "utt":
            found += [_attribute(f"enrol_{name}", enrol, trials.enrol), _attribute(f"test_{name}", test, trials.test)]
        else:
            values = sorted({*enrol, *test})
            a, b = (_numbers(side, values)[places] for side, places in ((enrol, trials.enrol), (test, trials.test)))
            found.append(Attribute(name, values, np.where(a == b, a, -1)))
    return [attribute for attribute in found if len(attribute.values) > 1]


def _common_value(path: Path, table: Mapping[str, str], keys: Sequence[str]) -> str | None:
    """The value that all these keys have, or None if they differ."""
    for key in keys:
        if key not in table:
            raise InputError(f"{path}: no line for {key!r}, which is in the trials; expected one for each")
    values = {table[key] for key in keys}
    return values.pop() if len(values) == 1 else None


def _attribute(name: str, of_names: list[str | None], places: np.ndarray) -> Attribute:
    values = sorted({*of_names} - {None})
    return Attribute(name, values, _numbers(of_names, values)[places])


def _numbers(found: list[str | None], values: list[str]) -> np.ndarray:
    number = {value: k for k, value in enumerate(values)}
    return np.array([number.get(value, -1) for value in found], np.int32)


def measure_slices(trials: Trials, scores: np.ndarray, attributes: Sequence[Attribute], speakers) -> list[dict]:
    """A row for each value of each attribute: its trials, EER in percent and minDCF, with their intervals.

    Error rates are nan if there is no target or no nontarget trial. Args: speakers (number of trials,), of either side.
    """
    rows = []
    for attribute in attributes:
        for k, value in enumerate(attribute.values):
            chosen = attribute.of_trials == k
            target = trials.target[chosen]
            counts = {"n_target": int(target.sum()), "n_nontarget": int((~target).sum())}
            measures = dict.fromkeys([*MEASURED, *bounds(MEASURED)], math.nan)
            if all(counts.values()):
                sides = scores[chosen & trials.target], scores[chosen & ~trials.target]
                measures |= {name: measure.of(sides, None) for name, measure in MEASURED.items()}
                measures |= intervals(MEASURED, target, scores[chosen], None, _numbered(speakers, chosen))
            rows.append({"attribute": attribute.name, "value": value} | counts | measures)
    return rows


def _numbered(speakers, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The speakers of the chosen trials on either side, numbered without gaps."""
    both = np.unique(np.stack([side[chosen] for side in speakers]), return_inverse=True)[1].reshape(2, -1)
    return both[0], both[1]


def write_slices(path: str | Path, rows: Sequence[Mapping]) -> None:
    """Write COLUMNS of rows as tab-separated text, by rename."""
    write_tsv(path, rows, dict.fromkeys(COLUMNS, ".4f") | dict.fromkeys(["eer", *bounds(["eer"])], ".3f"))
