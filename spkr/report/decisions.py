"""Thresholds of a score file as a plain-text table: `spkr thresholds`."""

import math
from collections.abc import Mapping, Sequence

from spkr.report.decision_table import RATES, Criteria, rows_of
from spkr.report.list_results import check_other_speakers, evaluate
from spkr.report.lists import ScoredList
from spkr.report.printed_table import aligned

SYSTEM = "scores"  # the name of the only back-end


def threshold_table(
    dev: ScoredList, test: ScoredList | None, criteria: Criteria, allow_duplicates: bool = False
) -> str:
    """Choose thresholds on a list, and measure them there and on another list; ends in a newline.

    Args: dev and test have the scores of `SYSTEM` alone; without test the rates are those of dev.
    Raises InputError if a file is wrong, or both lists have a speaker in common.
    """
    on_dev = on_test = evaluate(dev.trials, dev, {}, (), allow_duplicates, criteria=criteria)
    if test:
        on_test = evaluate(test.trials, test, {}, (), allow_duplicates, on_dev.thresholds)
        check_other_speakers(dev.trials, on_dev, test.trials, on_test)
    rows = rows_of(on_dev.thresholds[SYSTEM], on_dev.rows[0], on_test.rows[0])
    lines = _as_lines(rows, {"dev_": "dev", "": "test"} if test else {"dev_": "dev"})
    lines += [f"dev: {dev.trials}", *([f"test: {test.trials}"] if test else [])]
    for row in rows:
        notes = [text for text in (row["in_words"], row["note"]) if text != "-"]
        lines.append(f"{_name(row)}: {'; '.join(notes)}")
    return "\n".join(lines) + "\n"


def _as_lines(rows: Sequence[Mapping], lists: Mapping[str, str]) -> list[str]:
    """The rates of each list, by the prefix of its columns, with its heading."""
    with_ratios = not all(math.isnan(row["llr"]) for row in rows)
    headings = [f"{heading} {rate} %" for heading in lists.values() for rate in ("P_miss", "P_fa")]
    cells = [["criterion", "threshold", *["LLR"] * with_ratios, *headings]]
    for row in rows:
        rates = [_percent(row, f"{prefix}{rate}") for prefix in lists for rate in RATES]
        cells.append([_name(row), _number(row["threshold"]), *[_number(row["llr"])] * with_ratios, *rates])
    return aligned(cells, 1)


def _name(row: Mapping) -> str:
    return row["criterion"] + ("" if math.isnan(row["value"]) else f" {row['value']:g}")


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.6g}"


def _percent(row: Mapping, name: str) -> str:
    if math.isnan(row[name]):
        return "-"
    low, high = 100 * row[f"{name}_lo"], 100 * row[f"{name}_hi"]
    return f"{100 * row[name]:.2f}" + ("" if math.isnan(low) else f" ({low:.2f}-{high:.2f})")
