"""Figures for a page: SVG inside HTML, in the page's colours, with points that show a label where the mouse is.

matplotlib draws in fixed colours. In the page they become variables of its style sheet, so that a figure follows light
and dark mode. Text stays text, in the page's font.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import matplotlib.style
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spkr.report import det
from spkr.report.figures import STYLE

WIDTH = 5.0  # inches of 72 units; a phone shows it at about its own size
INK, AXIS, GRID, MUTED, PAPER = "#222222", "#666666", "#e4e4e4", "#888888", "#ffffff"
BLACK = "#000000"  # SVG leaves it out where it is the default, so that no style sheet could replace it
LOOKS = [look | {"color": INK if look["color"] == BLACK else look["color"].lower()} for look in det.LOOKS]
VARIABLES = {
    **{look["color"]: f"var(--c{k})" for k, look in enumerate(LOOKS, 1)},
    **{"#444444": "var(--ink)", INK: "var(--ink)", AXIS: "var(--axis)", GRID: "var(--grid)"},
    **{MUTED: "var(--muted)", PAPER: "var(--paper)"},
}
PAGE_STYLE = STYLE | {
    "svg.fonttype": "none",
    "text.parse_math": False,  # names may hold a dollar
    "text.color": INK,
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 11.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
OF_PAGES = (  # what a file of its own needs
    r"^.*?(?=<svg)",
    r"<metadata>.*?</metadata>",
    r"<style type=.text/css.>.*?</style>",
    r'\sxmlns(:xlink)?="[^"]*"',
    r'(?<=<svg)\s(height|width)="[^"]*"|(?<=pt")\s(height|width)="[^"]*"',
    r"<!--.*?-->",
)
COLOUR = re.compile(r"#[0-9a-f]{6}\b")
REFERENCE = re.compile(r'(?:url\(|href=")#([\w-]+)')


@dataclass
class Picture:
    """A figure of the page, and what is said about it."""

    name: str  # unique in the page: letters, digits and -
    title: str
    alt: str  # what it shows, for those who do not see it
    trials: str | None = None  # the list that it is about, of those that the page can show
    backend: str | None = None
    note: str = ""
    figure: Figure | None = None
    svg: Markup = Markup()
    labelled: list[tuple[Axes, Sequence, Sequence, Sequence[str]]] = field(default_factory=list)
    points: list[list] = field(default_factory=list)  # [x, y, label], in units of the SVG

    def label(self, axes: Axes, x: Sequence, y: Sequence, labels: Sequence[str]) -> None:
        """Show a label at each of these points of the axes when the mouse is near."""
        self.labelled.append((axes, x, y, labels))


@contextmanager
def picture(name: str, title: str, alt: str, height: float = 4.0, **about: str | None) -> Iterator[Picture]:
    """A picture whose `figure` the block draws on; its SVG is there at the end. Args: height in inches."""
    with matplotlib.style.context(["default", PAGE_STYLE | {"svg.hashsalt": name}]):
        drawn = Picture(name, title, alt, **about)
        drawn.figure = Figure(figsize=(WIDTH, height), layout="constrained")
        yield drawn
        drawn.svg = _inline(drawn)
        tall = drawn.figure.bbox.height
        scale = 72 / drawn.figure.dpi
        for axes, x, y, labels in drawn.labelled:
            places = axes.transData.transform(list(zip(x, y, strict=True)))
            for (across, up), text in zip(places, labels, strict=True):
                drawn.points.append([round(float(across) * scale, 1), round(float(tall - up) * scale, 1), text])
        drawn.figure, drawn.labelled = None, []


def _inline(drawn: Picture) -> Markup:
    """The figure as SVG that can stand in a page beside others."""
    file = io.StringIO()
    drawn.figure.savefig(file, format="svg", metadata=NO_METADATA)
    svg = file.getvalue()
    for pattern in OF_PAGES:
        svg = re.sub(pattern, "", svg, flags=re.DOTALL)
    used = set(REFERENCE.findall(svg))
    svg = re.sub(r'\sid="([^"]*)"', lambda m: f' id="{drawn.name}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{drawn.name}-", svg)
    svg = COLOUR.sub(lambda m: VARIABLES.get(m[0], m[0]), svg)
    svg = re.sub(r"\n\s*", "\n", svg)
    label = Markup("{}: {}").format(drawn.title, drawn.alt)
    return Markup(svg.replace("<svg", f'<svg id="{drawn.name}" role="img" aria-label="{label}"', 1))
