"""Tables of measured numbers in READMEs: which are older than the code (`make numbers`), and filling them from results.

    python benchmarks/tables.py                                  # list the tables, and whether their code has changed
    python benchmarks/tables.py --fill recipes/an4/README.md     # write those whose runs are in exp/

A table stands between two marks. The first one says what it shows:

    <!-- table: results exp/an4/main config=recipes/an4/config.yaml -->
    <!-- /table -->

    results RUN               a row for each trial list and back-end
    backends RUN              a row for each list, a column for each back-end
    runs NAME=RUN...          a row for each list and back-end, a column for each run; with `mean`, their mean, too
    grid TABLE                a row for each of a grid (exp/an4/grid/main), the chosen one in bold
    scale                     benchmarks/scale.py writes it
    wavlm                     benchmarks/wavlm.py writes it

    config=FILE,FILE          the config files of the runs; a change of their values, too, makes the table old
    lists=LIST,LIST           these lists only; `primary`: the primary back-end only

The date is that of results.tsv; results.json has the machine and the code.
"""

import argparse
import hashlib
import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml
from results_table import Results, measured_on, of_backends, of_grid, of_results, of_runs

from spkr.code import code_digest
from spkr.errors import InputError
from spkr.files import replacing
from spkr.report.origin import origin

ROOT = Path(__file__).parents[1]
KINDS = {"results": of_results, "backends": of_backends, "runs": of_runs}
GRID = "grid"
PAGES = {  # beside the READMEs
    "scale": ROOT / "docs/explanation/scale.md",
    "wavlm": ROOT / "docs/explanation/performance.md",
    "backends": ROOT / "docs/index.md",
}
FLAGS = {"mean", "primary"}
BLOCK = re.compile(r"(?P<begin><!-- table: (?P<words>.*?) -->\n)(?P<content>.*?)(?P<end><!-- /table -->)", re.S)


@dataclass(frozen=True)
class Mark:
    """What the first mark of a table says."""

    kind: str
    runs: dict[str, str]  # name -> folder of the run
    config: tuple[str, ...]
    lists: tuple[str, ...]  # none: all
    flags: frozenset[str]

    @classmethod
    def read(cls, words: str) -> "Mark":
        """The mark with these words behind `table:`; InputError where they are not a mark's."""
        kind, *words_of_kind = shlex.split(words)
        flags = FLAGS.intersection(words_of_kind)
        named = {}
        for word in words_of_kind:
            name, _, value = word.rpartition("=")
            named |= {} if word in flags else {name or word: value}
        config, lists = (tuple(filter(None, named.pop(key, "").split(","))) for key in ("config", "lists"))
        wanted = kind in (*KINDS, GRID) and (len(named) == 1 or kind == "runs" and named)
        wanted = not named if kind in ("scale", "wavlm") else wanted
        if not wanted or not config:
            raise InputError(
                f"table: {words}: expected {', '.join(KINDS)} with runs, grid TABLE, scale or wavlm, and config=FILE"
            )
        return cls(kind, named, config, lists, frozenset(flags))


def tables_of(readme: Path) -> Iterator[tuple[re.Match, Mark]]:
    """The tables of a README; InputError, naming file and line, where a mark is wrong."""
    text = readme.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        try:
            yield block, Mark.read(block["words"])
        except InputError as e:
            raise InputError(f"{readme}:{text[: block.start()].count(chr(10)) + 1}: {e}") from None


def fill(readme: Path, directory: Path) -> None:
    """Write the tables whose runs are all in `directory`; the others stay as they are."""
    text = readme.read_text(encoding="utf-8")
    for block, mark in tables_of(readme):
        found = _grid(directory, mark) if mark.kind == GRID else _runs(directory, mark)
        if found:
            lines, results = found
            lines += ["", "Measured on " + measured_on(results, recipe_digest(mark.config))]
            text = text.replace(block[0], block["begin"] + "\n".join(lines) + "\n" + block["end"])
    write(readme, text)


def _runs(directory: Path, mark: Mark) -> tuple[list[str], list[Results]] | None:
    """The lines of a table of runs, and these runs; None where one is missing."""
    runs = {name: directory / run for name, run in mark.runs.items()}
    if not runs or not all((run / "results/results.json").exists() for run in runs.values()):
        return None
    results = {name: Results(run) for name, run in runs.items()}
    return KINDS[mark.kind](results, mark.lists, mark.flags), [*results.values()]


def _grid(directory: Path, mark: Mark) -> tuple[list[str], list[Results]] | None:
    """The lines of a grid's table, and its runs; None where it is missing."""
    (table,) = (directory / f"{path}.json" for path in mark.runs.values())
    if not table.exists():
        return None
    content = json.loads(table.read_text(encoding="utf-8"))
    results = [Results(directory / run) for row in content["rows"] for run in row["runs"]]
    return of_grid(content, mark.lists), results


def write(readme: Path, text: str) -> None:
    """Replace a README if its text is another one."""
    if text != readme.read_text(encoding="utf-8"):
        with replacing(readme) as f:
            f.write(text)


def fill_page(page: Path, table: list[str]) -> None:
    """Write the lines of a benchmark's own table to its page, the only one there, with date, machine and digests."""
    ((block, mark),) = tables_of(page)
    machine, code, recipe = origin()["machine"], origin()["code"], recipe_digest(mark.config)
    content = "\n".join([*table, "", f"Measured on {date.today()}; {machine}; code {code}, recipe {recipe}."])
    write(page, page.read_text(encoding="utf-8").replace(block[0], f"{block['begin']}{content}\n{block['end']}"))


def recipe_digest(files: tuple[str, ...]) -> str:
    """A digest of the values of config files, of the presets that they name, and of the corpus' modules."""
    contents = {name: _read_yaml(name) for name in ("conf/default.yaml", *files)}
    scripts = set()
    for content in list(contents.values()):
        for section, options in content.items():
            if isinstance(options, dict) and options.get("preset"):
                name = f"conf/{section}/{options['preset']}.yaml"
                contents[name] = _read_yaml(name)
        if script := (content.get("corpus") or {}).get("script"):
            scripts |= {*ROOT.glob(f"{script.removesuffix('.py')}*.py")}
    values = json.dumps(contents, sort_keys=True) + (code_digest(*scripts) if scripts else "")
    return hashlib.sha256(values.encode()).hexdigest()[:12]


def _read_yaml(name: str) -> dict:
    try:
        return yaml.safe_load((ROOT / name).read_text(encoding="utf-8")) or {}
    except OSError as e:
        raise InputError(f"{name}: cannot be read ({e.strerror})") from None


def age(mark: Mark, content: str) -> str:
    """Whether today's code and recipe made the numbers of a table."""
    made_by = re.findall(r"; code ([0-9a-f]{12}(?: and [0-9a-f]{12})*), recipe ([0-9a-f]{12})\.", content)
    if not made_by or "; code not recorded" in content:
        return "does not say which code made it"
    changed = ["code"] * any(codes != origin()["code"] for codes, _ in made_by)
    changed += ["recipe"] * any(recipe != recipe_digest(mark.config) for _, recipe in made_by)
    return f"{' and '.join(changed)} changed since" if changed else "current"


def main() -> None:
    """List the tables of the READMEs, or fill them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "readmes",
        nargs="*",
        type=Path,
        help="default: the README, those of the recipes, docs/index.md, docs/explanation/scale.md and performance.md",
    )
    parser.add_argument("--fill", action="store_true", help="write the tables whose runs are there")
    parser.add_argument("--directory", type=Path, default=ROOT, help="of exp/ (default: the repository)")
    args = parser.parse_args()
    try:
        for readme in args.readmes or [ROOT / "README.md", *sorted(ROOT.glob("recipes/*/README.md")), *PAGES.values()]:
            if args.fill:
                fill(readme, args.directory)
            for block, mark in tables_of(readme):
                print(f"{readme}: {block['words']}: {age(mark, block['content'])}")
    except InputError as e:
        sys.exit(f"tables.py: error: {e}")


if __name__ == "__main__":
    main()
