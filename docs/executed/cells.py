"""The commands of a page, what it shows that they print, and the picture that they draw.

A command stands in a block `sh` or `python`. What it prints is the block `text` behind it, below a mark; without that
block it prints nothing. A second mark names a picture that the command wrote, and the link below it the small copy that
the page shows:

    ```sh
    wc -l exp/mini/data/train/spk2utt
    ```

    <!-- output -->
    ```text
    22 exp/mini/data/train/spk2utt
    ```

    <!-- drawn: exp/mini/main/results/training.png -->
    ![loss by epoch](pictures/training.png)

The mark of an output may say what of it is shown, and how well numbers agree on every machine
(`docs.executed.outputs.How`).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from docs.executed.outputs import How
from spkr.errors import InputError

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs/tutorial"
FIRST = "index.md"  # its links to the other pages are their order
REAL = "<!-- real -->\n"  # stands in a page that needs SPKR_CORPORA and SPKR_MODELS
CELL = re.compile(
    r"^```(?P<language>sh|python)\n(?P<code>.*?)^```\n"
    r"(?:\n<!-- output(?P<how>.*?) -->\n```text\n(?P<shown>.*?)^```\n)?"
    r"(?:\n<!-- drawn: (?P<drawn>\S+) -->\n!\[[^\]]*\]\((?P<stored>\S+)\)\n)?",
    re.M | re.S,
)
MARK = re.compile(r"^<!-- (output|drawn)", re.M)


@dataclass(frozen=True)
class Cell:
    """A command of a page."""

    page: Path
    line: int  # of the block
    language: str  # sh or python
    code: str
    how: How
    shown: str  # what it prints, as the page shows it
    drawn: str | None  # the picture's path where commands run
    stored: Path | None  # of the page's copy of it
    start: int  # of the cell in the page's text, in characters
    end: int

    @property
    def place(self) -> str:
        """`file:line`, for messages."""
        return f"{self.page}:{self.line}"


def cells_of(page: Path) -> list[Cell]:
    """The commands of a page in their order.

    Raises InputError, naming file and line, where a mark belongs to no command or is wrong.
    """
    text = page.read_text(encoding="utf-8")
    cells = []
    for found in CELL.finditer(text):
        place = f"{page}:{line_of(text, found.start())}"
        stored = page.parent / found["stored"] if found["stored"] else None
        how = How.read((found["how"] or "").removeprefix(":"), place)
        shown = found["shown"] or ""
        at = (line_of(text, found.start()), found["language"], found["code"])
        cells.append(Cell(page, *at, how, shown, found["drawn"], stored, found.start(), found.end()))
    for mark in MARK.finditer(text):
        if not any(cell.start < mark.start() < cell.end for cell in cells):
            raise InputError(
                f"{page}:{line_of(text, mark.start())}: no command before this mark, or no block or link after it"
            )
    return cells


def line_of(text: str, position: int) -> int:
    """The line, from 1, of a position in a text."""
    return text.count("\n", 0, position) + 1


def pages(folder: Path = TUTORIAL) -> list[Path]:
    """The pages of a tutorial in their order; InputError if the first one does not link to all others."""
    first = folder / FIRST
    linked = dict.fromkeys(re.findall(r"\]\(([\w-]+\.md)\)", first.read_text(encoding="utf-8")))
    found = {path.name for path in folder.glob("*.md")} - {FIRST}
    if found != set(linked):
        raise InputError(f"{first}: links to {sorted(linked)}; the folder has {sorted(found)}")
    return [first, *(folder / name for name in linked)]


def is_real(page: Path) -> bool:
    """Whether a page needs real corpora and a pretrained network."""
    return REAL in page.read_text(encoding="utf-8")
