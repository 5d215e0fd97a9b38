"""The results as a plain-text table."""

import math
from collections.abc import Mapping, Sequence

from spkr.metrics.bootstrap import FEW_SPEAKERS
from spkr.report.measures import MEASURES, Measure


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
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line in cells:
        words = zip((str.ljust,) * 2 + (str.rjust,) * (len(line) - 2), line, widths, strict=True)
        lines.append("  ".join(pad(cell, width) for pad, cell, width in words).rstrip())
    lines.insert(1, "-" * len(lines[0]))
    intervals = not all(math.isnan(row["eer_lo"]) for row in rows)
    lines.append("* the primary back-end" + ("; (95 % confidence interval, resampling speakers)" if intervals else ""))
    for name, row in {row["trials"]: row for row in rows if row["n_speakers"] < FEW_SPEAKERS}.items():
        lines.append(f"{name}: {row['n_speakers']} speakers; the intervals of fewer than {FEW_SPEAKERS} are too narrow")
    for name, row in {row["trials"]: row for row in rows if row["n_silent"] > 0}.items():
        lines.append(f"{name}: {row['n_silent']} trials rest on an utterance without a voiced frame")
    for where, found in (identification or {}).items():
        answers = {"": found} if where == "valid" else found
        shares = ", ".join(f"{who} {100 * a['accuracy']:.2f} %".strip() for who, a in answers.items())
        lines.append(f"who is speaking? {where}: {shares} of {next(iter(answers.values()))['n']} right")
    return "\n".join(lines) + "\n"


def _cell(value: float, measure: Measure) -> str:
    return "-" if math.isnan(value) else f"{value:.{measure.decimals}f}"


def _eer_cell(row: Mapping) -> str:
    interval = "" if math.isnan(row["eer_lo"]) else f" ({row['eer_lo']:.1f}-{row['eer_hi']:.1f})"
    return f"{row['eer']:.2f}{interval}"
