"""How the network was trained, a panel for each measure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from spkr.report.html.drawing import LOOKS, MUTED, Picture, picture
from spkr.report.training import PANELS, read_log


def training_pictures(paths: Sequence[str | Path]) -> list[Picture]:
    """Panels over the epochs of train_log.tsv of trainings, one after the other; a panel without values is left out."""
    logs = [read_log(path) for path in paths]
    starts = np.cumsum([0, *(len(log["loss"]) for log in logs)])
    found = []
    for k, (title, percent, columns) in enumerate(PANELS):
        values = {column: np.concatenate([log[column] for log in logs]) * (100 if percent else 1) for column in columns}
        values = {column: y for column, y in values.items() if not np.isnan(y).all()}
        if values:
            found.append(_panel(f"training-{k}", title, {columns[column]: y for column, y in values.items()}, starts))
    return found


def _panel(name: str, title: str, lines: dict[str, np.ndarray], starts: np.ndarray) -> Picture:
    alt = "by epoch: " + ", ".join(f"{label} from {y[0]:.3g} to {y[-1]:.3g}" for label, y in lines.items())
    with picture(name, title, alt, height=3.0) as drawn:
        axes = drawn.figure.add_subplot()
        for look, (label, y) in zip(LOOKS, lines.items(), strict=False):
            epochs = 1 + np.arange(len(y))
            style = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 1.8}
            axes.plot(epochs, y, **style, marker="o" if len(y) < 40 else None, markersize=4, label=label)
            known = ~np.isnan(y)
            drawn.label(
                axes,
                epochs[known],
                y[known],
                [f"epoch {e}: {label} {v:.4g}" for e, v in zip(epochs[known], y[known], strict=True)],
            )
        for start in starts[1:-1]:
            axes.axvline(start + 0.5, color=MUTED, linestyle=":")
        axes.set(xlabel="Epoch", xlim=(0.5, starts[-1] + 0.5))
        axes.set_ylim(0, 1.08 * axes.get_ylim()[1])
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        axes.grid()
        if len(lines) > 1:
            axes.legend()
    return drawn
