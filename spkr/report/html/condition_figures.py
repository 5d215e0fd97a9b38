"""Results by condition: a panel for each attribute, with a point and its interval for each value."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import numpy as np
from matplotlib.ticker import MaxNLocator

from spkr.kaldi.fields import decimal
from spkr.kaldi.maps import read_map
from spkr.kaldi.odd_trials import share_a_label
from spkr.report.html.drawing import LOOKS, Picture, picture
from spkr.report.html.run_results import ListScores
from spkr.report.slices import Attribute, measure_slices

MOST_VALUES = 20  # in a panel; the table has all of them
PARTS = 4  # of the trials by length, equally large


def more_attributes(one: ListScores) -> list[Attribute]:
    """What can be told of trials beside the attributes of slices.tsv: their length, and whether sessions differ."""
    found = []
    if path := one.beside("utt2dur"):
        seconds = {utt: decimal(value) for utt, value in read_map(path).items()}
        enrol, test = (np.array([sum(seconds[utt] for utt in utts) for utts in side]) for side in one.sides.utts)
        found.append(_by_length(np.minimum(enrol[one.trials.enrol], test[one.trials.test])))
    if path := one.beside("utt2session"):
        session = read_map(path)
        values = tuple([{session[utt] for utt in utts} for utts in side] for side in one.sides.utts)
        same = share_a_label(one.trials, values)
        found.append(Attribute("session", ["different", "same"], same.astype(np.int32)))
    return [attribute for attribute in found if len(attribute.values) > 1]


def _by_length(seconds: np.ndarray) -> Attribute:
    """The trials in PARTS equal parts by the seconds of their shorter side."""
    edges = np.unique(np.quantile(seconds, np.linspace(0, 1, PARTS + 1)[1:-1]).round(1))
    edges = edges[(edges > seconds.min()) & (edges <= seconds.max())]
    ends = ["", *(f"{edge:g}" for edge in edges), ""]
    values = [
        f"{low}-{high} s" if low and high else f"{low} s or more" if low else f"below {high} s"
        for low, high in zip(ends, ends[1:], strict=False)
    ]
    return Attribute("seconds of the shorter side", values, np.searchsorted(edges, seconds, "right").astype(np.int32))


def slices_of(one: ListScores, backend: str, rows: Iterable[Mapping[str, str]]) -> list[dict]:
    """The results by condition of a list and back-end: those of slices.tsv, then those of `more_attributes`.

    Error rates are in percent, nan where they are not known.
    """
    own = [row for row in rows if (row["trials"], row["backend"]) == (one.name, backend)]
    found = [{key: _number(value) for key, value in row.items()} for row in own]
    more = measure_slices(one.trials, one.scores[backend], more_attributes(one), one.speakers) if one.sides else []
    return found + [{"trials": one.name, "backend": backend} | row for row in more]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def condition_pictures(one: ListScores, backend: str, rows: Sequence[Mapping]) -> list[Picture]:
    """A panel for each attribute, all on one scale. Args: rows of `slices_of`."""
    measured = [row for row in rows if not math.isnan(row["eer"])]
    top = max((_end(row, "eer_hi") for row in measured), default=0)
    found = []
    for k, (attribute, group) in enumerate(groupby(measured, key=lambda row: row["attribute"])):
        values = list(group)
        if 1 < len(values) <= MOST_VALUES:
            found.append(_panel(f"by-{one.name}:{backend}:{k}", one.name, backend, attribute, values, top))
    return found


def _end(row: Mapping, end: str) -> float:
    """An end of the interval; the EER itself if it has none."""
    value = row.get(end, math.nan)
    return row["eer"] if math.isnan(value) else value


def _panel(name: str, trials: str, backend: str, attribute: str, rows: list[Mapping], top: float) -> Picture:
    title = f"{trials} by {backend}: {attribute.replace('_', ' ')}"
    alt = f"EER of {trials} by {backend}: " + ", ".join(f"{row['value']} {row['eer']:.1f} %" for row in rows)
    height = 0.75 + 0.34 * len(rows)
    with picture(name, title, alt, height=height, trials=trials, backend=backend) as drawn:
        axes = drawn.figure.add_subplot()
        eers, places = np.array([row["eer"] for row in rows]), np.arange(len(rows))
        ends = np.array([[_end(row, "eer_lo"), _end(row, "eer_hi")] for row in rows]).T
        color = LOOKS[0]["color"]
        axes.errorbar(eers, places, xerr=np.abs(ends - eers), fmt="o", color=color, capsize=3, elinewidth=1.5)
        axes.set_yticks(places, [str(row["value"]) for row in rows])
        axes.set(xlim=(0, 1.06 * top or 1), ylim=(len(rows) - 0.4, -0.6), xlabel="EER (%)")
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.grid(axis="x")
        drawn.label(axes, eers, places, [
            f"{row['value']}: EER {row['eer']:.2f} % ({_end(row, 'eer_lo'):.1f}-{_end(row, 'eer_hi'):.1f}), "
            f"{row['n_target']:,.0f} target and {row['n_nontarget']:,.0f} nontarget trials" for row in rows
        ])  # fmt: skip
    return drawn
