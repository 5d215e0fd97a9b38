"""The tutorial: all its commands run, and print what its pages show; the same in its notebook.

The pages train the recipe mini as it is, as `make demo` does; mini's page and the site's home tell people to expect its
table. The run that tests/e2e/test_mini.py makes is cut small, so its numbers are not those of the pages: they run mini
anew, and are slow.
"""

import os
import re
from dataclasses import replace

import pytest
import tables
from results_table import Results

from docs.executed.cells import TUTORIAL, cells_of, is_real, pages
from docs.executed.notebook import NOTEBOOK
from docs.executed.outputs import differences, shorten
from docs.executed.running import environment, make_folder, run_all
from tests.conftest import ROOT

PAGES = ("recipes/mini/README.md", "docs/index.md")
MEND = "run `python -m docs.executed`, or mend:\n"
FAR = 4.0  # percent of EER; another processor adds in another order, and ten speakers have few trials


def wrong_in(chosen, folder, real) -> list[str]:
    """Run pages one after the other; where what a command prints is not what its page shows."""
    wrong = []
    for page in chosen:
        for cell, printed in run_all(cells_of(page), folder, real):
            if found := differences(cell.shown, shorten(printed, cell.how), cell.how):
                wrong.append(f"{cell.place}:\n{found}")
    return wrong


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder in which the pages were run that need no real corpora, and where they differ."""
    folder = make_folder(tmp_path_factory.mktemp("tutorial"))
    chosen = [page for page in pages() if not is_real(page)]
    assert len(chosen) >= 7
    return folder, wrong_in(chosen, folder, real=False)


@pytest.mark.slow
def test_the_pages_show_what_their_commands_print(run):
    assert not run[1], MEND + "\n".join(run[1])


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
    results = {name: Results(run[0] / folder) for name, folder in mark.runs.items()}
    made, said = eers(tables.KINDS[mark.kind](results, mark.lists, mark.flags)), eers(block["content"].splitlines())
    assert made.keys() == said.keys() and len(made) >= 2
    (machine,) = {one.machine for one in results.values()}
    far = 0 if machine in block["content"] and tables.age(mark, block["content"]) == "current" else FAR
    for row, values in made.items():
        assert values == pytest.approx(said[row], abs=far), row


@pytest.mark.long
@pytest.mark.real
@pytest.mark.parametrize("page", ["himia", "pretrained"])
def test_the_pages_on_real_corpora_show_what_their_commands_print(page, corpora, tmp_path):
    if not (corpora / "himia-standin").is_dir():
        pytest.skip("SPKR_CORPORA has no folder himia-standin")
    if page == "pretrained" and not os.environ.get("SPKR_MODELS"):
        pytest.skip("SPKR_MODELS is not set")
    wrong = wrong_in([TUTORIAL / f"{page}.md"], make_folder(tmp_path), real=True)
    assert not wrong, MEND + "\n".join(wrong)


@pytest.mark.long
def test_the_notebook_runs_and_prints_what_its_pages_show(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(NOTEBOOK, as_version=4)
    book.cells = [cell for cell in book.cells if "real" not in cell.metadata.get("tags", ())]
    for name, value in environment(False).items():
        monkeypatch.setenv(name, value)
    for name in ("SPKR_CORPORA", "SPKR_MODELS", "MPLBACKEND"):  # without the last one, Jupyter shows figures itself
        monkeypatch.delenv(name, raising=False)
    ran = NotebookClient(book, timeout=900, resources={"metadata": {"path": str(make_folder(tmp_path))}}).execute()
    printed = {cell.id: text_of(cell) for cell in ran.cells if cell.cell_type == "code"}
    for page in pages():
        if not is_real(page):
            for number, cell in enumerate(cells_of(page)):
                found = shorten(printed[f"{page.stem}-{number}"], cell.how)
                assert not differences(cell.shown, found, replace(cell.how, unordered=True)), cell.place
    shown = [output for cell in ran.cells for output in cell.get("outputs", ()) if output.output_type == "display_data"]
    assert len(shown) == sum(1 for page in pages() if not is_real(page) for cell in cells_of(page) if cell.drawn)


def text_of(cell) -> str:
    """What a cell printed: its log first. A page has the lines of both as they came, which Jupyter does not tell."""
    streams = {name: "".join(o.text for o in cell.outputs if o.get("name") == name) for name in ("stderr", "stdout")}
    return streams["stderr"] + streams["stdout"]
