"""Networks and heads under the same conditions, as a table in a recipe's README; it goes on where it stopped.

    python benchmarks/grid.py --list                            # what there is, and what has run
    python benchmarks/grid.py --cores 2                         # all rows that have not run
    python benchmarks/grid.py --only campplus-aam seed2
    python benchmarks/grid.py --whole                           # every network with every head, for a GPU

The recipe's default with three seeds; then one network alone where the default is an ensemble of several, each other
network with the default's head, and each other head on the default's network, with seed 1 and as many steps. A row is
a run of the recipe, exp/<recipe>/<row>, by a config that is written to exp/<recipe>/grid/<row>.yaml; one that has a
results.tsv of its network is not run again (delete its folder for that, as after a change of other settings). The table
has only what ran, and stands between the lines `<!-- grid -->` and `<!-- /grid -->` of the README.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from spkr.config import network_name
from spkr.files import replacing

ROOT = Path(__file__).parents[1]
SEEDS, HEADS = (1, 2, 3), ("softmax", "am", "aam", "subcentre")
NARROW = ("_mini", "_small")  # presets that are another one cut down for a small corpus
LISTS = ("dev_trials_pairs", "trials_pairs", "trials_enrol3")
MARKS = ("<!-- grid -->", "<!-- /grid -->")


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


def measured(row: Row, exp: Path) -> dict[str, dict] | None:
    """The primary back-end's line of each list, as results.tsv has it; None where the row's network has not run."""
    try:
        with (exp / row.name / "results/results.tsv").open(encoding="utf-8") as f:
            lines = [line for line in csv.DictReader(f, delimiter="\t") if line["primary"] == "yes"]
    except FileNotFoundError:
        return None
    network = network_name({"preset": row.preset, "ensemble": row.ensemble})
    return {line["trials"]: line for line in lines} if all(line["model"] == network for line in lines) else None


def table(rows: list[Row], exp: Path) -> str:
    """The rows that ran, and the mean of the default's seeds once all of them have."""
    lines = ["| networks | preset | head | seed | back-end | " + " | ".join(f"`{name}`" for name in LISTS) + " |"]
    lines.append("|---" * (5 + len(LISTS)) + "|")
    ran = [(row, found) for row in rows if (found := measured(row, exp))]
    for row, found in ran:
        eers = (_eer(found[name]) for name in LISTS)
        lines.append(_line(row.ensemble, row.preset, row.head, row.seed, found[LISTS[0]]["backend"], *eers))
    of_seeds = [found for row, found in ran if not row.model]
    if len(of_seeds) == len(SEEDS):
        eers = (f"**{statistics.mean(float(found[name]['eer']) for found in of_seeds):.2f}**" for name in LISTS)
        backend = of_seeds[0][LISTS[0]]["backend"]
        lines.insert(2 + len(SEEDS), _line(rows[0].ensemble, rows[0].preset, rows[0].head, "mean", backend, *eers))
    return "\n".join(lines)


def _eer(line: dict) -> str:
    """Percent, with the interval where there are speakers enough for one."""
    interval = "" if line["eer_lo"] == "nan" else f" ({float(line['eer_lo']):.1f}-{float(line['eer_hi']):.1f})"
    return f"{float(line['eer']):.2f}{interval}"


def _line(*cells) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def fill(readme: Path, content: str) -> None:
    """Put a table between the marks of a README."""
    before, begin, rest = readme.read_text(encoding="utf-8").partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not end:
        sys.exit(f"{readme}: no lines {MARKS[0]} and {MARKS[1]}; the table belongs between them:\n\n{content}")
    with replacing(readme) as f:
        f.write(f"{before}{begin}\n{content}\n{end}{after}")


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
    fill(readme, table(rows, exp))
    for row in rows:
        if row.name in (args.only or [row.name]) and not measured(row, exp):
            failed += [] if run(row, exp, args) else [row.name]
            fill(readme, table(rows, exp))
    if failed:
        sys.exit(f"did not come to an end: {' '.join(failed)}; the same command goes on with them")


if __name__ == "__main__":
    main()
