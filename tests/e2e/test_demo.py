"""What `make demo` computes is the table that mini's page and the site's home tell people to expect."""

import re

import pytest
import tables
from results_table import Results

from tests.conftest import ROOT

PAGES = ("recipes/mini/README.md", "docs/index.md")
FAR = 4.0  # percent of EER; another processor adds in another order, and ten speakers have few trials


@pytest.fixture(scope="module")
def run(snakemake, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    snakemake(folder, "--config", "recipe=mini")
    return folder


def eers(lines: list[str]) -> dict[str, list[float]]:
    """The error rates of each row, by what is before them in it: the list, and in some tables the back-end."""
    rows = [line.replace("*", "").strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    return {
        " ".join(cell for cell in row[:2] if "(" not in cell): [
            float(found[1]) for cell in row if (found := re.match(r"([\d.]+) \(", cell))
        ]
        for row in rows
    }


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_table_of_a_page_is_what_the_demo_gives(run, page):
    ((block, mark),) = tables.tables_of(ROOT / page)
    results = {name: Results(run / folder) for name, folder in mark.runs.items()}
    made, said = eers(tables.KINDS[mark.kind](results, mark.lists, mark.flags)), eers(block["content"].splitlines())
    assert made.keys() == said.keys() and len(made) >= 2
    (machine,) = {one.machine for one in results.values()}
    far = 0 if machine in block["content"] and tables.age(mark, block["content"]) == "current" else FAR
    for row, values in made.items():
        assert values == pytest.approx(said[row], abs=far), row
