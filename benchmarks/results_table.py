"""The results of runs as tables in Markdown, each with a line that says where its numbers come from."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import mean

from spkr.errors import InputError


class Results:
    """The results of one run: its rows by list and back-end, and where they come from."""

    def __init__(self, run: Path):
        """Read `run`/results; InputError where results.json does not say on which machine and by which code."""
        path = run / "results/results.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        if "made_by" not in content:
            raise InputError(f"{path}: does not say which code made it; run `snakemake -R report` again")
        self.rows = {(row["trials"], row["backend"]): row for row in content["results"]}
        self.lists = list(dict.fromkeys(trials for trials, _ in self.rows))
        self.backends = list(dict.fromkeys(backend for _, backend in self.rows))
        self.primary = next(row["backend"] for row in content["results"] if row["primary"] == "yes")
        self.model, self.seed = (content["results"][0][key] for key in ("model", "seed"))
        self.date = date.fromtimestamp((run / "results/results.tsv").stat().st_mtime).isoformat()
        self.machine, self.code = content["made_by"]["machine"], content["made_by"]["code"]
        table = (run / "results/table.txt").read_text(encoding="utf-8").splitlines()
        self.identification = [sentence for sentence in table if sentence.startswith("who is speaking?")]

    def shown(self, lists: Sequence[str], primary_only: bool) -> list[tuple[str, str]]:
        """The rows to show, by list and back-end; no `lists`: all. InputError where one is missing."""
        for name in lists:
            if name not in self.lists:
                raise InputError(f"no results of the list {name}, only of {', '.join(self.lists)}")
        backends = [self.primary] if primary_only else self.backends
        return [(name, backend) for name in lists or self.lists for backend in backends]


def of_results(runs: dict[str, Results], lists: Sequence[str], flags: frozenset[str]) -> list[str]:
    """A row for each list and back-end, the primary one in bold, and who was identified."""
    (of_run,) = runs.values()
    lines = header("trials", "back-end", "EER % (95 % interval)", "minDCF 0.01", "minDCF 0.001")
    for name, backend in of_run.shown(lists, "primary" in flags):
        row, bold = of_run.rows[name, backend], backend == of_run.primary
        costs = (f"{row[f'mindcf_{prior}']:.4f}" for prior in ("0.01", "0.001"))
        lines.append(line(f"`{name}`", f"**{backend}**" if bold else backend, eer(row, bold), *costs))
    said = "; ".join(sentence.removeprefix("who is speaking? ") for sentence in of_run.identification)
    return [*lines, *(["", f"Who is speaking? {said}."] if said else [])]


def of_backends(runs: dict[str, Results], lists: Sequence[str], flags: frozenset[str]) -> list[str]:
    """A row for each list, a column for each back-end."""
    (of_run,) = runs.values()
    lines = header("trials", *of_run.backends, f"minDCF 0.01, {of_run.primary}")
    for name, backend in of_run.shown(lists, primary_only=True):
        eers = (eer(of_run.rows[name, other], other == backend) for other in of_run.backends)
        lines.append(line(f"`{name}`", *eers, f"{of_run.rows[name, backend]['mindcf_0.01']:.4f}"))
    return lines


def of_runs(runs: dict[str, Results], lists: Sequence[str], flags: frozenset[str]) -> list[str]:
    """A row for each list and back-end, a column for each run, and the mean of the runs."""
    first, with_mean, primary_only = next(iter(runs.values())), "mean" in flags, "primary" in flags
    lines = header("trials", "back-end", *runs, *["mean"] * with_mean)
    for key in first.shown(lists, primary_only):
        name, backend = key
        kinds = [of_run.primary if primary_only else backend for of_run in runs.values()]
        if missing := [
            kind for kind, of_run in zip(kinds, runs.values(), strict=True) if (name, kind) not in of_run.rows
        ]:
            raise InputError(f"not every run has results of {name} {missing[0]}")
        rows = [of_run.rows[name, kind] for kind, of_run in zip(kinds, runs.values(), strict=True)]
        bold = backend == first.primary and not primary_only
        eers = [eer(row, bold) for row in rows] + [f"{mean(row['eer'] for row in rows):.2f}"] * with_mean
        shown = ", ".join(dict.fromkeys(kinds))
        lines.append(line(f"`{name}`", f"**{shown}**" if bold else shown, *eers))
    return lines


def of_grid(content: dict, lists: Sequence[str]) -> list[str]:
    """A row for each of a grid's: mean EER over seeds on each list, the chosen one in bold, and the first's difference.

    `content` is what `spkr grid` writes as JSON.
    """
    shown, first, notes = list(lists or content["rows"][0]["lists"]), content["compared_with"], content["notes"]
    lines = header("row", "network", "back-end", *(f"`{name}`" for name in shown), f"less {first}'s", "p")
    for row in content["rows"]:
        eers = [_over_seeds(row["lists"][name]["eer"]) for name in shown]
        name, compared = f"**{row['row']}**" if row["chosen"] else row["row"], row["compared"] or {}
        ends = [compared.get(key) for key in ("difference", "lo", "hi")]
        difference = "" if None in ends else "{:.2f} ({:.2f} to {:.2f})".format(*ends)
        p = "" if compared.get("p_holm") is None else f"{compared['p_holm']:.2g}"
        lines.append(line(name, row["model"], row["backend"], *eers, difference, p))
    return [*lines, "", *(f"- {note}" for note in ["bold: " + notes[0], *notes[1:]])]


def _over_seeds(eer: dict) -> str:
    """Mean, standard deviation and range."""
    spread = "" if eer["sd"] is None else f" ± {eer['sd']:.2f} ({eer['lowest']:.2f}-{eer['highest']:.2f})"
    return f"{eer['mean']:.2f}{spread}"


def header(*cells: str) -> list[str]:
    """The first two lines of a table."""
    return [line(*cells), "|---" * len(cells) + "|"]


def line(*cells) -> str:
    """One line of a table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def eer(row: dict, bold: bool = False) -> str:
    """Percent, with the interval where there are speakers enough for one; `row` is of results.json."""
    value = f"**{row['eer']:.2f}**" if bold else f"{row['eer']:.2f}"
    return value if row["eer_lo"] is None else f"{value} ({row['eer_lo']:.1f}-{row['eer_hi']:.1f})"


def measured_on(results: Sequence[Results], recipe: str) -> str:
    """Date, machine, seeds and code of some results; `recipe` is the digest of their config."""
    dates, machines, codes = (
        " and ".join(sorted({getattr(of_run, name) for of_run in results})) for name in ("date", "machine", "code")
    )
    seeds = list(dict.fromkeys(str(of_run.seed) for of_run in results))
    return f"{dates}; {machines}; seed{'s' * (len(seeds) > 1)} {' '.join(seeds)}; code {codes}, recipe {recipe}."
