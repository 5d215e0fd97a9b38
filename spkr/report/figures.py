"""What the report's figures share: their style, and files whose bytes depend only on the input."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.style
from matplotlib.figure import Figure

from spkr.files import replacing

STYLE = {
    "svg.hashsalt": "spkr",  # otherwise, the ids in the file are random
    "axes.edgecolor": "#666666",
    "axes.labelcolor": "#222222",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "font.size": 10,
}


@contextmanager
def figure_at(stem: str | Path, width: float, height: float) -> Iterator[Figure]:
    """A figure to draw on, in inches, written to `stem`.png and `stem`.svg at the end of the block, by rename."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(width, height))
        yield figure
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            with replacing(f"{stem}.{kind}", "wb") as f:
                figure.savefig(f, format=kind, dpi=160, metadata=metadata)
