"""Tables of the page: the error rates, by condition, of trials, speakers and stages, and whatever else was measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from spkr.report.html.job_costs import StageCost, duration
from spkr.report.html.run_results import RunResults
from spkr.report.measures import MEASURES, with_priors

HEADINGS = {"mindcf_0.05": "minDCF 0.05", "actdcf_0.01": "actDCF 0.01"}  # beside those of the printed table
MAIN = ("eer", "mindcf_0.01", "mindcf_0.001", "actdcf_0.01", "cllr", "mincllr")
PLACES = ("List", "Back-end")  # what leads to the numbers of a further section
OF_RUN = (
    *("name", "run", "model", "seed", "trials", "backend", "primary", "n_target", "n_nontarget", "trials_sha256"),
    *("front_end", "n_parameters", "n_silent", "n_speakers"),
)


@dataclass(frozen=True)
class Cell:
    """A cell: its text, what it is sorted by, and a second, smaller line."""

    text: str
    value: float | str | None = None
    below: str = ""


@dataclass
class Table:
    """A table that is sorted by a click on the head of a column."""

    caption: str
    columns: list[tuple[str, bool]]  # heading, and whether its cells are numbers
    rows: list[list[Cell]] = field(default_factory=list)
    about: list[tuple[str, str]] = field(default_factory=list)  # of each row: list and back-end; empty for all


def number(value: object, decimals: int | None = None) -> Cell:
    """A number with so many decimals, with commas if it is whole; a dash if it is not known."""
    if not isinstance(value, int | float) or value != value:
        return Cell("–" if value is None or value != value else str(value), None if value is None else str(value))
    if decimals is None:
        return Cell(f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}", value)
    return Cell(f"{value:.{decimals}f}", value)


def results_table(run: RunResults) -> Table:
    """The main measures of each list and back-end, with their intervals."""
    shown = [name for name in _measures(run) if name in MAIN or name not in MEASURES]
    head = [("List", False), ("Back-end", False), *((_heading(name), True) for name in shown)]
    counts = {"n_target": "Target trials", "n_nontarget": "Nontarget trials", "n_speakers": "Speakers"}
    table = Table("Error rates of each list and back-end", head + [(heading, True) for heading in counts.values()])
    for row in run.rows:
        star = " ★" if row["primary"] == "yes" else ""
        cells = [Cell(row["trials"]), Cell(row["backend"] + star), *(_measured(row, name) for name in shown)]
        table.rows.append(cells + [number(row.get(name)) for name in counts])
    return table


def measures_tables(run: RunResults) -> list[Table]:
    """Everything that was measured of each list, a row for each measure."""
    tables = []
    for name in run.lists:
        rows = [row for row in run.rows if row["trials"] == name]
        table = Table(f"{name}: all measures", [("Measure", False), *((row["backend"], True) for row in rows)])
        for measure in _measures(run):
            table.rows.append([Cell(_heading(measure)), *(_measured(row, measure) for row in rows)])
            table.about.append((name, ""))
        tables.append(table)
    return tables


def _measures(run: RunResults) -> list[str]:
    """The columns that are measures and that some row has."""
    known = [name for name, value in run.rows[0].items() if name not in OF_RUN and not isinstance(value, str)]
    known = [name for name in known if any(row.get(name) is not None for row in run.rows)]
    ends = {f"{name}_{end}" for name in known for end in ("lo", "hi")}
    return [name for name in known if name not in ends]


def _heading(name: str) -> str:
    prior = name.rpartition("_")[2]
    measures = with_priors([float(prior)]) if prior.replace(".", "").isdecimal() else MEASURES
    found = measures.get(name)
    return HEADINGS.get(name) or (found.heading if found and found.heading else name)


def _measured(row: Mapping, name: str) -> Cell:
    found = MEASURES.get(name)
    decimals = (2 if found.percent else found.decimals) if found else None
    cell, low, high = number(row.get(name), decimals), row.get(f"{name}_lo"), row.get(f"{name}_hi")
    if low is None or high is None or low != low:
        return cell
    ends = decimals if decimals is not None else 3
    return Cell(cell.text, cell.value, f"{low:.{min(ends, 3)}f}–{high:.{min(ends, 3)}f}")


def further_tables(run: RunResults) -> list[Table]:
    """A table of each other section of results.json, whatever keys it has; an interval stands below its number."""
    return [_table_of(section, entries) for section, of in run.further.items() if (entries := list(_flat(of)))]


def _table_of(section: str, entries: list[tuple[tuple[str, ...], dict]]) -> Table:
    """A row for each entry; one that names its list and back-end is shown with these."""
    depth = max(len(path) for path, _ in entries)
    keys = list(dict.fromkeys(key for _, values in entries for key in values))
    ends = {f"{key}_{end}" for key in keys for end in ("lo", "hi")}
    keys = [key for key in keys if key not in ends]
    numeric = {key: all(isinstance(v.get(key, 0), int | float | None) for _, v in entries) for key in keys}
    head = [(name, False) for name in (*PLACES, *[""] * depth)[:depth]]
    table = Table(section.capitalize(), head + [(key.replace("_", " "), numeric[key]) for key in keys])
    for path, values in entries:
        names = [Cell(name) for name in (*path, *[""] * (depth - len(path)))]
        table.rows.append(names + [_with_ends(values, key) for key in keys])
        table.about.append((str(values.get("trials", "")), str(values.get("backend", ""))))
    return table


def _with_ends(values: Mapping, key: str) -> Cell:
    cell, ends = number(values.get(key)), [values.get(f"{key}_{end}") for end in ("lo", "hi")]
    return Cell(cell.text, cell.value, "" if None in ends else "–".join(number(end).text for end in ends))


def _flat(content: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict]]:
    """The innermost dictionaries, with the keys that lead to them."""
    if isinstance(content, list):
        for entry in content:
            yield from _flat(entry, path)
    elif isinstance(content, dict):
        plain = {key: value for key, value in content.items() if not isinstance(value, dict | list)}
        if plain:
            yield path, plain
        for key, value in content.items():
            if isinstance(value, dict | list):
                yield from _flat(value, (*path, str(key)))


def slices_table(name: str, slices: Mapping[str, Sequence[Mapping]]) -> Table:
    """The results by condition of one list, of each back-end."""
    has_ends = any("eer_lo" in row for rows in slices.values() for row in rows)
    head = [("Condition", False), ("Value", False), ("Target trials", True), ("Nontarget trials", True)]
    table = Table(f"{name}: results by condition", [*head, ("EER %", True), ("minDCF 0.01", True)])
    for backend, rows in slices.items():
        for row in rows:
            counts = [number(row["n_target"]), number(row["n_nontarget"])]
            values = [_measured(row, "eer") if has_ends else number(row["eer"], 2), number(row["mindcf_0.01"], 4)]
            table.rows.append([Cell(row["attribute"].replace("_", " ")), Cell(str(row["value"])), *counts, *values])
            table.about.append((name, backend))
    return table


def speakers_table(name: str, speakers: Sequence) -> Table:
    """The speakers of a list, the hardest first. Args: of `hard_speakers`."""
    head = [("Speaker", False), ("Sex", False), ("Target trials", True), ("Rejected", True), ("%", True)]
    table = Table(
        f"{name}: errors of each speaker", [*head, ("Nontarget trials", True), ("Accepted", True), ("%", True)]
    )
    for of in speakers:
        shares = [number(None if p is None else 100 * p, 1) for p in (of.p_miss, of.p_fa)]
        target = [number(of.n_target), number(of.rejected), shares[0]]
        nontarget = [number(of.n_nontarget), number(of.accepted), shares[1]]
        table.rows.append([Cell(of.name), Cell(of.sex or "–"), *target, *nontarget])
        table.about.append((name, ""))
    return table


def costs_table(costs: Sequence[StageCost]) -> Table:
    """Time and memory of each stage."""
    head = [("Stage", False), ("Jobs", True), ("Time", True), ("Processor time", True), ("Largest memory, MB", True)]
    table = Table("Time and memory of each stage", head)
    for cost in costs:
        times = [Cell(duration(s), s) for s in (cost.seconds, cost.cpu_seconds)]
        table.rows.append([Cell(cost.stage), number(cost.jobs), *times, number(cost.max_mb, 0)])
    return table
