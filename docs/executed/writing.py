"""Write into pages what their commands printed and drew."""

import io
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from docs.executed.cells import Cell
from docs.executed.outputs import same, shorten
from spkr.files import replacing

WIDTH = 900  # pixels of a stored picture
COLOURS = 64  # of its palette, which makes it a third as large
MOST_BYTES = 60_000


def write_page(page: Path, printed: Iterable[tuple[Cell, str]]) -> None:
    """Put what its commands printed into a page. Where only times differ, the page keeps what it has."""
    text = page.read_text(encoding="utf-8")
    for cell, output in reversed(list(printed)):
        new = shorten(output, cell.how)
        if not same(cell.shown, new):
            text = text[: cell.start] + _with_output(text[cell.start : cell.end], cell, new) + text[cell.end :]
    with replacing(page) as f:
        f.write(text)


def _with_output(block: str, cell: Cell, new: str) -> str:
    """The text of a cell with another output, which gets a mark if it has none."""
    code = f"```{cell.language}\n{cell.code}```\n"
    if "\n<!-- output" not in block:
        return block.replace(code, f"{code}\n<!-- output -->\n```text\n{new}```\n", 1)
    before, _, after = block.partition("\n```text\n")
    return f"{before}\n```text\n{new}{after[len(cell.shown) :]}"


def store_picture(cell: Cell, folder: Path) -> None:
    """Store the small copy of a command's picture that its page shows."""
    with Image.open(folder / cell.drawn) as picture:
        small = picture.convert("RGB")
    if small.width > WIDTH:
        small = small.resize((WIDTH, round(small.height * WIDTH / small.width)), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    small.quantize(COLOURS).save(data, "PNG", optimize=True)
    cell.stored.parent.mkdir(exist_ok=True)
    with replacing(cell.stored, "wb") as f:
        f.write(data.getvalue())
