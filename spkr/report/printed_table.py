"""The results as a plain-text table."""

import math
from collections.abc import Mapping, Sequence

from spkr.metrics.bootstrap import FEW_SPEAKERS
from spkr.report.measures import MEASURES, Measure
from spkr.report.who_is_speaking import in_words

SHORT = {"c_primary": "C_primary", "cllr": "Cllr", "mindcf_0.01": "minDCF 0.01", "mincllr": "minCllr"}


def format_table(
    rows: Sequence[Mapping],
    identification: Mapping[str, Mapping] | None = None,
    measures: Mapping[str, Measure] = MEASURES,
) -> str:
    """The rows as a short plain-text table, with the identification accuracies below; ends in a newline.

    A measure that no row has is left out.
    """
    printed = {
        name: measure.heading
        for name, measure in measures.items()
        if measure.heading and not all(math.isnan(row[name]) for row in rows)
    }
    cells = [("trials", "backend", "targets", "nontargets", *printed.values())]
    for row in rows:
        star = "*" if row["primary"] == "yes" else ""
        counts = (f"{row['n_target']:,}", f"{row['n_nontarget']:,}")
        measured = (_eer_cell(row) if name == "eer" else _cell(row[name], measures[name]) for name in printed)
        cells.append((row["trials"], row["backend"] + star, *counts, *measured))
    lines = aligned(cells, 2)
    intervals = not all(math.isnan(row["eer_lo"]) for row in rows)
    lines.append("* the primary back-end" + ("; (95 % confidence interval, resampling speakers)" if intervals else ""))
    if few := {
        row["trials"]: f"{row['trials']} {row['n_speakers']}" for row in rows if row["n_speakers"] < FEW_SPEAKERS
    }:
        lines.append(f"intervals of fewer than {FEW_SPEAKERS} speakers are too narrow: {', '.join(few.values())}")
    for name, row in {row["trials"]: row for row in rows if row["n_silent"] > 0}.items():
        lines.append(f"{name}: {row['n_silent']} trials rest on an utterance without a voiced frame")
    primary = next(row["backend"] for row in rows if row["primary"] == "yes")
    for where, found in (identification or {}).items():
        if where == "valid":
            lines.append(f"who is speaking? valid: {100 * found['accuracy']:.2f} % of {found['n']} right")
        else:
            lines.append(in_words(where, found, primary))
    return "\n".join(lines) + "\n"


def aligned(cells: Sequence[Sequence[str]], n_left: int, n_head: int = 1) -> list[str]:
    """Lines of a table, with a rule below its head: the first `n_left` columns are aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line in cells:
        words = zip((str.ljust,) * n_left + (str.rjust,) * (len(line) - n_left), line, widths, strict=True)
        lines.append("  ".join(pad(cell, width) for pad, cell, width in words).rstrip())
    return [*lines[:n_head], "-" * max(map(len, lines)), *lines[n_head:]]


def summarise(rows: Sequence[Mapping]) -> str:
    """A line to paste for the primary back-end on each list that is not one of dev (dev_<list>); ends in a newline."""
    lines = []
    for row in rows:
        if row["primary"] == "yes" and not row["trials"].startswith("dev_"):
            shown = ("c_primary", "cllr") if not math.isnan(row["cllr"]) else ("mindcf_0.01", "mincllr")
            measured = [f"EER {row['eer']:.2f} %{_interval(row, 'eer', 1)}"]
            measured += [f"{SHORT[name]} {row[name]:.3f}{_interval(row, name, 2)}" for name in shown]
            speakers = "" if math.isnan(row["n_speakers"]) else f"{row['n_speakers']:,} speakers, "
            of = f"{row['n_target'] + row['n_nontarget']:,} trials, {speakers}sha256 {row['trials_sha256'][:8]}"
            who = f"{row['name']}/{row['run']} {row['model']} {row['backend']}"
            lines.append(f"{who}, {row['trials']} ({of}): {', '.join(measured)}\n")
    return "".join(lines)


def _interval(row: Mapping, name: str, decimals: int) -> str:
    low, high = row[f"{name}_lo"], row[f"{name}_hi"]
    return "" if math.isnan(low) else f" ({low:.{decimals}f}-{high:.{decimals}f})"


def _cell(value: float, measure: Measure) -> str:
    return "-" if math.isnan(value) else f"{value:.{measure.decimals}f}"


def _eer_cell(row: Mapping) -> str:
    return f"{row['eer']:.2f}{_interval(row, 'eer', 1)}"
