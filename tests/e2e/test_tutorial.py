"""The tutorial: all its commands run, and print what its pages show; the same in its notebook.

The pages train the recipe mini as it is. The run that tests/e2e/test_mini.py makes is cut small, so its numbers are not
those of the pages: they run mini anew, and are slow.
"""

import os
from dataclasses import replace

import pytest

from docs.executed.cells import TUTORIAL, cells_of, is_real, pages
from docs.executed.notebook import NOTEBOOK
from docs.executed.outputs import differences, shorten
from docs.executed.running import environment, make_folder, run_all


def check(chosen, folder, real):
    """Run pages one after the other, and compare what each command prints with what its page shows."""
    wrong = []
    for page in chosen:
        for cell, printed in run_all(cells_of(page), folder, real):
            if found := differences(cell.shown, shorten(printed, cell.how), cell.how):
                wrong.append(f"{cell.place}:\n{found}")
    assert not wrong, "run `python -m docs.executed`, or mend:\n" + "\n".join(wrong)


@pytest.mark.slow
def test_the_pages_show_what_their_commands_print(tmp_path):
    chosen = [page for page in pages() if not is_real(page)]
    assert len(chosen) >= 7
    check(chosen, make_folder(tmp_path), real=False)


@pytest.mark.long
@pytest.mark.real
@pytest.mark.parametrize("page", ["himia", "pretrained"])
def test_the_pages_on_real_corpora_show_what_their_commands_print(page, corpora, tmp_path):
    if not (corpora / "himia-standin").is_dir():
        pytest.skip("SPKR_CORPORA has no folder himia-standin")
    if page == "pretrained" and not os.environ.get("SPKR_MODELS"):
        pytest.skip("SPKR_MODELS is not set")
    check([TUTORIAL / f"{page}.md"], make_folder(tmp_path), real=True)


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
