"""Comparisons as sentences, and as tab-separated rows."""

import math
from collections.abc import Mapping, Sequence

from spkr.metrics.bootstrap import FEW_SPEAKERS, SPEAKERS
from spkr.metrics.paired import SIGNIFICANT
from spkr.report.comparison import Difference, Measured
from spkr.report.measures import Measure

COLUMNS = ("trials", "measure", "a", "b", "value_a", "value_b", "difference", "lo", "hi", "p", "p_holm", "better")
ALL_COLUMNS = (*COLUMNS, "n_speakers", "draws")


def as_text(of_lists: Sequence[tuple[Measured, Sequence[Difference]]], table: Mapping[str, Measure]) -> str:
    """The comparisons of each list under a line about the list; ends in a newline."""
    lines = []
    for measured, found in of_lists:
        counts = f"{measured.n_target:,} target and {measured.n_nontarget:,} nontarget trials"
        lines.append(f"{found[0].trials}: {counts} of {measured.n_speakers} speakers")
        headings = [table[one.measure].heading or one.measure for one in found]
        width = max(map(len, headings))
        for heading, one in zip(headings, found, strict=True):
            lines.append(f"  {heading:{width}}  {sentence(one, table[one.measure], measured.n_speakers)}")
        lines.append("")
    return "\n".join([*lines, _explained([one for _, found in of_lists for one in found])]) + "\n"


def sentence(one: Difference, measure: Measure, n_speakers: int) -> str:
    """What a comparison says, the better system first; percent and cost as the table of results has them."""
    first = one.better or 0
    (a, b), values = (both[::-1] if first else both for both in (one.systems, one.values))
    low, high = sorted(-end if first else end for end in one.interval)
    *two, difference, low, high = (shown(x, measure) for x in (*values, values[0] - values[1], low, high))
    numbers = f"{' and '.join(two)}, difference {difference}"
    if math.isnan(one.p):
        return f"{a} and {b} are not compared, as {n_speakers} speakers are fewer than {SPEAKERS}: {numbers}"
    few = f", too narrow with {n_speakers} speakers" if n_speakers < FEW_SPEAKERS else ""
    numbers += f" ({low} to {high}{few}), p = {one.p_holm:.2g}"
    if one.better is None:
        return f"{a} and {b} cannot be told apart: {numbers}"
    return f"{a} is better than {b}: {numbers}"


def shown(value: float, measure: Measure) -> str:
    """Percent with two decimals, another measure with its own; never -0.00."""
    decimals = 2 if measure.percent else measure.decimals
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def _explained(found: Sequence[Difference]) -> str:
    draws = sorted({one.draws for one in found if one.draws})
    if not draws:
        return f"Intervals need {SPEAKERS} speakers."
    pairs = len({one.systems for one in found})
    corrected = f", corrected by Holm's method over the {pairs} pairs of a list and measure" if pairs > 1 else ""
    return (
        f"difference: the first less the second, with its 95 % interval from {' or '.join(map('{:,}'.format, draws))} "
        f"draws of speakers, the same for both;\np: two-sided, from the same draws{corrected}; "
        f"better: p < {SIGNIFICANT}"
    )


def as_tsv(of_lists: Sequence[tuple[Measured, Sequence[Difference]]]) -> str:
    """A header line, and a row for each comparison with six digits: EER in percent; `better` is a name or -."""
    lines = ["\t".join(ALL_COLUMNS)]
    for measured, found in of_lists:
        for one in found:
            numbers = (*one.values, one.value, *one.interval, one.p, one.p_holm)
            better = "-" if one.better is None else one.systems[one.better]
            cells = (one.trials, one.measure, *one.systems, *(f"{x:.6g}" for x in numbers), better)
            lines.append("\t".join(map(str, (*cells, measured.n_speakers, one.draws))))
    return "\n".join(lines) + "\n"
