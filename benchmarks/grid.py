"""Networks and heads under the same conditions, as a table in a recipe's README; it continues where it stopped.

    python benchmarks/grid.py --list                            # what there is, and what has run
    python benchmarks/grid.py --cores 2                         # all rows that have not run
    python benchmarks/grid.py --only campplus-aam seed2
    python benchmarks/grid.py --whole                           # every network with every head, for a GPU

The rows are the recipe's default with three seeds, then single networks with seed 1 and as many steps: the default's
network with each head, and each other network with the default's head. A row is a run of the recipe,
exp/<recipe>/<row>; its config is written to exp/<recipe>/grid/<row>.yaml. A row that has results of its network is not
run again: delete its folder for that, for instance after a change of other settings. The table stands between the marks
`<!-- table: grid ... -->` and `<!-- /table -->` of the README (benchmarks/tables.py). Rows that have not run here stay
as they are, with their date.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from results_table import Results, eer, header, line, measured_on
from tables import recipe_digest, tables_of, write

from spkr.errors import InputError
from spkr.files import replacing

ROOT = Path(__file__).parents[1]
SEEDS, HEADS = (1, 2, 3), ("softmax", "am", "aam", "subcentre")
NARROW = ("_mini", "_small")  # presets that are another one cut down for a small corpus
LISTS = ("dev_trials_pairs", "trials_pairs", "trials_enrol3")
OLD_ROW = re.compile(r"^((\| \d+ (?:\| \S+ ){3}\|).*)$", re.M)  # the line, and its first four cells
OLD_NOTE = re.compile(r"^(Rows of (\S+);.*)$", re.M)


@dataclass(frozen=True)
class Row:
    """One run; `model` is what differs from the recipe's section."""

    name: str
    ensemble: int
    preset: str
    head: str
    seed: int
    model: dict

    @property
    def config(self) -> dict:
        """What its config file holds."""
        return {"run": self.name, "seed": self.seed, "model": self.model}


def all_rows(recipe: str, whole: bool) -> list[Row]:
    """The grid of a recipe, its default first."""
    default = _read(f"recipes/{recipe}/config.yaml")["model"]
    preset, size = default["preset"], default.get("ensemble", 1)
    head = {"margin_growth": [0.0, 0.0]} | _read(f"conf/model/{preset}.yaml")["model"]["head"]
    rows = [Row("main" if seed == 1 else f"seed{seed}", size, preset, head["type"], seed, {}) for seed in SEEDS]
    presets = sorted(path.stem for path in (ROOT / "conf/model").glob("*.yaml"))
    for other in [preset, *(name for name in presets if name != preset and not name.endswith(NARROW))]:
        for kind in HEADS:
            other_than_default = size > 1 or (other, kind) != (preset, head["type"])
            if other_than_default and (whole or other == preset or kind == head["type"]):
                model = {"preset": other, "ensemble": 1, "head": head | {"type": kind}}
                rows.append(Row(f"{other}-{kind}", 1, other, kind, 1, model))
    return rows


def _read(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def run(row: Row, exp: Path, args: argparse.Namespace) -> bool:
    """Run a row by Snakemake; whether it came to its end."""
    config = exp / f"grid/{row.name}.yaml"
    with replacing(config) as f:
        json.dump(row.config, f)  # which is YAML, too
    command = [sys.executable, "-m", "snakemake", "--cores", str(args.cores), "-s", str(ROOT / "Snakefile")]
    command += ["--directory", str(args.directory), "--configfile", *args.configfile, str(config.resolve())]
    return subprocess.run([*command, "--config", f"recipe={args.recipe}"]).returncode == 0


def measured(row: Row, exp: Path) -> Results | None:
    """The results of a row; None where its network has not run."""
    if not (exp / row.name / "results/results.json").exists():
        return None
    results = Results(exp / row.name)
    return results if results.model == row.preset + (f"-x{row.ensemble}" if row.ensemble > 1 else "") else None


def table(rows: list[Row], exp: Path, old: str, recipe: str) -> str:
    """The rows that ran, and those of the table `old` that did not; below, where the rows of each date come from.

    `recipe` is the digest of the recipe's config.
    """
    ran = [(row, found) for row in rows if (found := measured(row, exp))]
    lines = {_key(row): line_of(row, found) for row, found in ran}
    of_seeds = [found for row, found in ran if not row.model]
    if len(of_seeds) == len(SEEDS):
        lines[_key(rows[0], "mean")] = line_of_mean(rows[0], of_seeds)
    kept = {key: text for text, key in OLD_ROW.findall(old) if key not in lines}
    lines |= kept
    days = {found.date for _, found in ran}
    notes = {f"Rows of {measured_on([found for _, found in ran if found.date == day], recipe)}" for day in days}
    notes |= {note for note, day in OLD_NOTE.findall(old) if any(row.endswith(f"| {day} |") for row in kept.values())}
    keys = [_key(row) for row in rows]
    order = [*keys[: len(SEEDS)], _key(rows[0], "mean"), *keys[len(SEEDS) :], *lines]
    head = header("networks", "preset", "head", "seed", "back-end", *(f"`{name}`" for name in LISTS), "date")
    table = [*head, *(lines[key] for key in dict.fromkeys(order) if key in lines)]
    return "\n\n".join(["\n".join(table), *sorted(notes)])


def _key(row: Row, seed: str | None = None) -> str:
    """The cells by which a row is found again."""
    return line(row.ensemble, row.preset, row.head, seed or row.seed)


def line_of(row: Row, found: Results) -> str:
    """The primary back-end's EERs of one run."""
    eers = (eer(found.rows[name, found.primary]) for name in LISTS)
    return line(row.ensemble, row.preset, row.head, row.seed, found.primary, *eers, found.date)


def line_of_mean(row: Row, of_seeds: list[Results]) -> str:
    """The means of the default's seeds."""
    means = (statistics.mean(found.rows[name, found.primary]["eer"] for found in of_seeds) for name in LISTS)
    eers = (f"**{value:.2f}**" for value in means)
    day = max(found.date for found in of_seeds)
    return line(row.ensemble, row.preset, row.head, "mean", of_seeds[0].primary, *eers, day)


def fill(readme: Path, rows: list[Row], exp: Path) -> None:
    """Write the grid's table between its marks; InputError where the README has none."""
    for block, mark in tables_of(readme):
        if mark.kind == "grid":
            content = table(rows, exp, block["content"], recipe_digest(mark.config))
            text = readme.read_text(encoding="utf-8")
            write(readme, text.replace(block[0], f"{block['begin']}{content}\n{block['end']}"))
            return
    raise InputError(f"{readme}: no marks <!-- table: grid ... --> and <!-- /table --> between which the table belongs")


def main() -> None:
    """Run what is missing and fill the table after each row."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recipe", default="an4", help="default: %(default)s")
    parser.add_argument("--cores", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="of these rows, those that have not run")
    parser.add_argument("--whole", action="store_true", help="every network with every head")
    parser.add_argument("--list", action="store_true", help="show the rows and which have run; run nothing")
    parser.add_argument("--configfile", nargs="*", default=[], help="for all rows, before their own")
    parser.add_argument("--directory", type=Path, default=ROOT, help="of exp/ (default: the repository)")
    parser.add_argument("--readme", type=Path, help="default: the recipe's")
    args = parser.parse_args()
    rows, exp = all_rows(args.recipe, args.whole), args.directory / "exp" / args.recipe
    if unknown := sorted({*(args.only or [])} - {row.name for row in rows}):
        parser.error(f"--only {unknown[0]}: no such row; --list shows them")
    if args.list:
        for row in rows:
            print(f"{row.name:28} {'has run' if measured(row, exp) else 'missing'}")
        return
    readme, failed = args.readme or ROOT / f"recipes/{args.recipe}/README.md", []
    try:
        fill(readme, rows, exp)
        for row in rows:
            if row.name in (args.only or [row.name]) and not measured(row, exp):
                failed += [] if run(row, exp, args) else [row.name]
                fill(readme, rows, exp)
    except InputError as e:
        sys.exit(f"grid.py: error: {e}")
    if failed:
        sys.exit(f"failed: {' '.join(failed)}; the same command starts them again")


if __name__ == "__main__":
    main()
