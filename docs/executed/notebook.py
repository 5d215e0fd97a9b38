"""The tutorial as a Jupyter notebook, made from its pages: their text, their commands, and what these print."""

import json
import os
import re
from pathlib import Path

from docs.executed.cells import ROOT, cells_of, is_real, pages

NOTEBOOK = ROOT / "docs/tutorial.ipynb"
START = """\
import os
import sys
from pathlib import Path

from IPython.display import Image, display

# Commands run in the repository's root, with the programs of this Python
os.chdir(next(folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "Snakefile").exists()))
os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
"""
SHELL = "%%bash -e\n"
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
COMMENT = re.compile(r"^<!-- .*? -->\n", re.M)


def notebook() -> dict:
    """The notebook as nbformat 4 has it. Cells of pages that need real corpora have the tag `real`."""
    cells = [_code("start", START, "", [])]
    for page in pages():
        cells += _cells(page)
    language = {"name": "python", "pygments_lexer": "ipython3"}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": language},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def notebook_text() -> str:
    """The notebook as its file holds it; the same pages give the same bytes."""
    return json.dumps(notebook(), indent=1, ensure_ascii=False) + "\n"


def _cells(page: Path) -> list[dict]:
    """The cells of a page: text and commands in turn."""
    text, at, made = page.read_text(encoding="utf-8"), 0, []
    tags = ["real"] if is_real(page) else []
    for number, cell in enumerate(cells_of(page)):
        made.append(_text(f"{page.stem}-{number}-text", page, text[at : cell.start], tags))
        source = (SHELL if cell.language == "sh" else "") + cell.code
        made.append(_code(f"{page.stem}-{number}", source, cell.shown, tags))
        if cell.drawn and "plt." not in cell.code:  # figures of pyplot are shown by Jupyter itself
            made.append(_code(f"{page.stem}-{number}-picture", f"display(Image({cell.drawn!r}))", "", tags))
        at = cell.end
    made.append(_text(f"{page.stem}-end", page, text[at:], tags))
    return [cell for cell in made if cell["source"]]


def _text(name: str, page: Path, text: str, tags: list[str]) -> dict:
    """A cell of text, with links that lead from the notebook's folder to where they led from the page's."""

    def link(found: re.Match) -> str:
        before, target, after = found.groups()
        if re.match(r"\w+:", target):
            return found[0]
        return f"{before}{os.path.relpath(page.parent / target, NOTEBOOK.parent)}{after}"

    source = LINK.sub(link, COMMENT.sub("", text)).strip()
    return {
        "cell_type": "markdown",
        "id": name,
        "metadata": _metadata(tags),
        "source": source.splitlines(keepends=True),
    }


def _code(name: str, source: str, printed: str, tags: list[str]) -> dict:
    stream = {"name": "stdout", "output_type": "stream", "text": printed.splitlines(keepends=True)}
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": _metadata(tags),
        "outputs": [stream] if printed else [],
        "source": source.rstrip("\n").splitlines(keepends=True),
    }


def _metadata(tags: list[str]) -> dict:
    return {"tags": tags} if tags else {}
