"""The table over runs as text, Markdown, LaTeX and CSV."""

import csv
import io
from collections.abc import Callable
from itertools import product

from spkr.metrics.paired import SIGNIFICANT
from spkr.report.measures import Measure
from spkr.report.printed_table import aligned
from spkr.report.runs_table import RunsTable
from spkr.report.seeds import Seeds

LABELS = {"name": "name", "run": "run", "model": "model", "backend": "back-end", "seed": "seed"}
LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
}
BEST = f"better than each other one in its column: p < {SIGNIFICANT} in paired draws, after Holm's correction over them"
INTERVAL = "(): 95 % interval from draws of speakers"
SPREAD = "±: mean and standard deviation over seeds"


def _head(table: RunsTable) -> list[tuple[str, str]]:
    """The list and the measure above each column; labels have no list."""
    measures = [measure.heading or name for name, measure in table.measures.items()]
    return [*(("", label) for label in LABELS.values()), *product(table.lists, measures)]


def _cells(table: RunsTable, escape: Callable[[str], str], bold: Callable[[str], str]) -> list[list[str]]:
    """The rows; the best of a column is bold."""
    columns = list(product(table.lists, table.measures))
    lines = []
    for k, row in enumerate(table.rows):
        cells = [escape(row.label(column)) for column in LABELS]
        for column in columns:
            cell = escape(_cell(row, *column, table.measures[column[1]]))
            cells.append(bold(cell) if table.best.get(column) == k else cell)
        lines.append(cells)
    return lines


def _cell(row: Seeds, trials: str, name: str, measure: Measure) -> str:
    """A value with its spread over seeds or, of the EER, its interval."""
    mean, spread, decimals = (
        row.mean(trials, name),
        row.spread(trials, name),
        2 if measure.percent else measure.decimals,
    )
    if mean is None:
        return "-"
    if spread is not None:
        return f"{mean:.{decimals}f} ± {spread:.{decimals}f}"
    low, high = (row.row(trials).get(f"{name}_{end}") for end in ("lo", "hi"))
    return f"{mean:.{decimals}f}" + (f" ({low:.1f}-{high:.1f})" if measure.percent and low is not None else "")


def _notes(table: RunsTable, marked: str) -> list[str]:
    notes = [f"{marked}: {BEST}"] if table.best else []
    several = {len(row.runs) > 1 for row in table.rows}
    return [*notes, *[INTERVAL] * (False in several), *[SPREAD] * (True in several), *table.notes]


def as_text(table: RunsTable) -> str:
    """A table to read in a terminal; `*` marks the best."""
    lines = [*map(list, zip(*_head(table), strict=True)), *_cells(table, str, "{}*".format)]
    return "\n".join([*aligned(lines, len(LABELS), n_head=2), *_notes(table, "*")]) + "\n"


def as_markdown(table: RunsTable) -> str:
    """A table of GitHub's Markdown, with the best in bold."""
    head = [" ".join(filter(None, of_column)) for of_column in _head(table)]
    rows = _cells(table, lambda cell: cell.replace("|", r"\|").replace("*", r"\*"), "**{}**".format)
    rule = ["---"] * len(LABELS) + ["---:"] * (len(head) - len(LABELS))
    lines = [f"| {' | '.join(line)} |" for line in (head, rule, *rows)]
    return "\n".join([*lines, "", *(f"- {note}" for note in _notes(table, "bold"))]) + "\n"


def as_latex(table: RunsTable) -> str:
    r"""A tabular with the rules of booktabs, and the best in \textbf; what is below a table stands in comments."""
    n, k = len(LABELS), len(table.measures)
    over = [rf"\multicolumn{{{k}}}{{c}}{{{_latex(trials)}}}" for trials in table.lists]
    rules = [rf"\cmidrule(lr){{{n + 1 + i * k}-{n + (i + 1) * k}}}" for i in range(len(table.lists))]
    head = [_latex(of_column[1]) for of_column in _head(table)]
    lines = [[""] * n + over, head, *_cells(table, _latex, r"\textbf{{{}}}".format)]
    lists, measures, *rows = (" & ".join(line) + r" \\" for line in lines)
    top = [
        rf"\begin{{tabular}}{{{'l' * n}{'r' * (k * len(table.lists))}}}",
        r"\toprule",
        lists,
        "".join(rules),
        measures,
    ]
    body = [*top, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]
    notes = [f"% {note}" for note in ("needs \\usepackage{booktabs}", *_notes(table, "bold"))]
    return "\n".join([*notes, *body]) + "\n"


def _latex(text: str) -> str:
    return "".join(LATEX.get(c, c) for c in text)


def as_csv(table: RunsTable) -> str:
    """A row for each run and list with the numbers of results.json: EER in percent, spread over seeds, best or not.

    Ends of intervals are left empty for joined seeds, and spreads for single ones.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    of_measures = [f"{name}{end}" for name in table.measures for end in ("", "_lo", "_hi", "_sd", "_best")]
    writer.writerow([*LABELS, "n_seeds", "trials", "trials_sha256", "n_speakers", *of_measures])
    for k, row in enumerate(table.rows):
        for trials in table.lists:
            if found := row.row(trials):
                labels = [*map(row.label, LABELS), len(row.runs), trials]
                facts = [found["trials_sha256"], found.get("n_speakers")]
                writer.writerow([*labels, *facts, *_numbers(table, row, trials, k)])
    return out.getvalue()


def _numbers(table: RunsTable, row: Seeds, trials: str, k: int) -> list:
    cells = []
    for name in table.measures:
        ends = (None, None) if len(row.runs) > 1 else (row.row(trials).get(f"{name}_{end}") for end in ("lo", "hi"))
        best = "yes" if table.best.get((trials, name)) == k else "no"
        cells += [row.mean(trials, name), *ends, row.spread(trials, name), best]
    return cells
