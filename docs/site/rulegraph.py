"""A picture of the rules of a recipe, drawn from what Snakemake says of them:

python -m docs.site.rulegraph rules.svg --config recipe=mini        # then Snakemake's options; any ending of a picture
"""

import re
import subprocess
import sys
from pathlib import Path

import matplotlib.style
import networkx
from matplotlib.figure import Figure

from docs.site.pages import ROOT

WIDTH, HEIGHT = 1.55, 0.62  # inches of a rule, with the space around it
ASIDE = 1.6  # the same for arrows that pass by a rule


def rule_graph(*options: str) -> networkx.DiGraph:
    """The rules of a recipe, with an edge from each rule to those that need its files."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "dot", "-s", str(ROOT / "Snakefile"), "--cores", "1"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"rulegraph: error: snakemake {' '.join(options)}:\n{done.stderr}")
    names = dict(re.findall(r'^\s*(\d+)\[label = "([^"\\]+)', done.stdout, re.M))
    graph = networkx.DiGraph((names[a], names[b]) for a, b in re.findall(r"^\s*(\d+) -> (\d+)", done.stdout, re.M))
    graph.remove_nodes_from(["all"])
    return graph


def rows_of(graph: networkx.DiGraph) -> list[list[str]]:
    """The rules in rows, each below what it needs, and about below these within its row."""
    rows = [sorted(row) for row in networkx.topological_generations(graph)]
    place: dict[str, float] = {}
    for row in rows:
        above = {rule: [place[before] for before in graph.predecessors(rule)] for rule in row}
        row.sort(key=lambda rule: sum(above[rule]) / max(len(above[rule]), 1))
        place |= {rule: k - (len(row) - 1) / 2 for k, rule in enumerate(row)}
    return rows


def draw(graph: networkx.DiGraph, path: Path) -> None:
    """Write the picture of a graph."""
    rows = rows_of(graph)
    widest = max(map(len, rows))
    at = {rule: (k - (len(row) - 1) / 2, -y) for y, row in enumerate(rows) for k, rule in enumerate(row)}
    with matplotlib.style.context(["default", {"svg.hashsalt": "spkr", "font.size": 9}]):
        figure = Figure(figsize=(WIDTH * (widest + 2 * ASIDE), HEIGHT * len(rows)))
        axes = figure.add_axes(
            (0, 0, 1, 1), xlim=(-widest / 2 - ASIDE, widest / 2 + ASIDE), ylim=(0.5 - len(rows), 0.5)
        )
        axes.axis("off")
        direct = networkx.transitive_reduction(graph).edges
        for k, (before, after) in enumerate(graph.edges):
            is_direct = (before, after) in direct
            arrow = {"arrowstyle": "-|>", "color": "#444444" if is_direct else "#a0a0a0", "shrinkA": 11, "shrinkB": 11}
            bend = 0 if is_direct else (0.45, -0.45)[k % 2]
            axes.annotate("", at[after], at[before], arrowprops=arrow | {"connectionstyle": f"arc3,rad={bend}"})
        for rule, (x, y) in at.items():
            box = {"boxstyle": "round,pad=0.45", "facecolor": "#e8f0fb", "edgecolor": "#3367a8"}
            axes.text(x, y, rule, ha="center", va="center", bbox=box)
        figure.savefig(path, metadata={"Date": None, "Creator": None} if path.suffix == ".svg" else None)


if __name__ == "__main__":
    draw(rule_graph(*sys.argv[2:]), Path(sys.argv[1]))
