"""The table of a grid as text, as tab-separated rows, and as JSON."""

import csv
import io
import json
import math
from itertools import product

from spkr.metrics.bootstrap import SPEAKERS
from spkr.metrics.paired import SIGNIFICANT
from spkr.report.comparison import Difference
from spkr.report.comparison_text import shown
from spkr.report.grid_table import CHOOSES, GridTable
from spkr.report.measures import Measure
from spkr.report.printed_table import aligned

OF_MEASURE = ("mean", "sd", "lowest", "highest")  # over seeds


def as_text(table: GridTable) -> str:
    """A table to read, list by list; `*` marks the chosen row, and what is below says how sure the choice is."""
    headings = [measure.heading or name for name, measure in table.measures.items()]
    lines = [["trials", "row", "back-end", *headings, f"EER less {table.first}'s", "p"]]
    for trials, (name, row) in product(table.lists, table.rows.items()):
        compared = table.compared.get(name) if trials == table.lists[0] else None
        cells = [trials if name == table.first else "", name + "*" * (name == table.chosen), row.backend]
        cells += [_cell(_spread(table, name, trials, key), of) for key, of in table.measures.items()]
        lines.append(cells + _compared(compared, table.measures[CHOOSES]))
    return "\n".join([*aligned(lines, 3), "* " + _notes(table)[0], *_notes(table)[1:]]) + "\n"


def _spread(table: GridTable, name: str, trials: str, measure: str) -> dict[str, float | None]:
    """Mean, standard deviation and range of a measure over the seeds of a row."""
    row = table.rows[name]
    values = row.values(trials, measure)
    numbers = (row.mean(trials, measure), row.spread(trials, measure), min(values), max(values))
    return dict(zip(OF_MEASURE, numbers, strict=True))


def _cell(of: dict[str, float | None], measure: Measure) -> str:
    mean, sd, low, high = (None if of[key] is None else shown(of[key], measure) for key in OF_MEASURE)
    return mean if sd is None else f"{mean} ± {sd} ({low}-{high})"


def _compared(one: Difference | None, measure: Measure) -> list[str]:
    if one is None:
        return ["", ""]
    value, low, high = (shown(number, measure) for number in (one.value, *one.interval))
    return [value, "-"] if math.isnan(one.p) else [f"{value} ({low} to {high})", f"{one.p_holm:.2g}"]


def _notes(table: GridTable) -> list[str]:
    choosing, first, compared = table.lists[0], table.first, list(table.compared.values())
    notes = [f"chosen: the lowest mean EER on {choosing}, a list of dev; nothing is chosen on test"]
    if table.resolved is not None:
        verb = "is better than" if table.resolved else "cannot be told apart from"
        notes.append(f"{table.chosen} {verb} {first} on {choosing}" + ("" if table.resolved else _why(table)))
    seeds = table.rows[first].label("seed")
    if len(table.rows[first].runs) == 1:
        notes.append(f"seed {seeds} alone: another may turn the order round")
    else:
        notes.append(f"means over the seeds {seeds}; ±: standard deviation over them; (): the lowest and the highest")
    if compared and compared[0].draws:
        corrected = f", corrected by Holm's method over {len(compared)} rows" if len(compared) > 1 else ""
        notes.append(
            f"difference: with its 95 % interval from {compared[0].draws:,} draws of speakers and of seeds, the same "
            f"for both rows; p: two-sided, from the same draws{corrected}"
        )
    return [*notes, *table.notes]


def _why(table: GridTable) -> str:
    """Why the chosen row is not better than the first one by more than chance."""
    one = table.compared[table.chosen]
    if math.isnan(one.p):
        return f": intervals need {SPEAKERS} speakers"
    low, high = one.interval
    holds_zero = low <= 0 <= high
    return ": the interval of the difference includes 0" if holds_zero else f": p is not below {SIGNIFICANT}"


def as_tsv(table: GridTable) -> str:
    """A header line, and a row for each row of the grid and list; numbers as in results.json, empty where unknown."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    of_measures = [f"{name}_{of}" for name in table.measures for of in OF_MEASURE]
    of_difference = [f"{CHOOSES}_difference", "lo", "hi", "p", "p_holm"]
    writer.writerow(["row", "chosen", "seeds", "backend", "trials", *of_measures, *of_difference])
    for (name, row), trials in product(table.rows.items(), table.lists):
        numbers = [x for measure in table.measures for x in _spread(table, name, trials, measure).values()]
        one = table.compared.get(name) if trials == table.lists[0] else None
        compared = [*_difference(one).values()] if one else [None] * len(of_difference)
        chosen = "yes" if name == table.chosen else "no"
        cells = ["" if x is None else f"{x:.6g}" for x in (*numbers, *compared)]
        writer.writerow([name, chosen, row.label("seed"), row.backend, trials, *cells])
    return out.getvalue()


def _difference(one: Difference) -> dict[str, float | None]:
    numbers = {"difference": one.value, "lo": one.interval[0], "hi": one.interval[1], "p": one.p, "p_holm": one.p_holm}
    return {key: None if math.isnan(value) else value for key, value in numbers.items()}


def as_json(table: GridTable) -> str:
    """All of it: what was chosen by what, and of each row its runs, its values by list and seed, and its difference."""
    rows = []
    for name, row in table.rows.items():
        one = table.compared.get(name)
        lists = {
            trials: {
                measure: _spread(table, name, trials, measure) | {"values": row.values(trials, measure)}
                for measure in table.measures
            }
            for trials in table.lists
        }
        of_row = {"row": name, "chosen": name == table.chosen, "backend": row.backend, "model": row.label("model")}
        runs = {run.name: next(iter(run.rows.values()))["seed"] for run in row.runs}
        rows.append(of_row | {"runs": runs, "lists": lists, "compared": _difference(one) if one else None})
    head = {"choose_by": table.lists[0], "chosen": table.chosen, "compared_with": table.first}
    content = head | {"resolved": table.resolved, "rows": rows, "notes": _notes(table)}
    return json.dumps(content, indent=1) + "\n"
