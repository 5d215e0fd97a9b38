"""A plot of how a network was trained, from the trainer's train_log.tsv."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spkr.errors import InputError
from spkr.report.figures import figure_at
from spkr.tsv import read_tsv

# For each panel, its title, whether it is in percent, and its columns with their labels.
PANELS = (
    ("Loss", False, {"loss": "training"}),
    ("EER of dev (%)", True, {"dev_eer": "dev"}),
    ("Accuracy (%)", True, {"train_accuracy": "training", "valid_accuracy": "valid"}),
    ("Learning rate", False, {"lr": "rate"}),
)
LOOKS = ({"color": "#0072B2", "linestyle": "-"}, {"color": "#D55E00", "linestyle": "--"})


def read_log(path: str | Path) -> dict[str, np.ndarray]:
    """The columns of a train_log.tsv, each (epochs,); InputError if a column of PANELS is missing."""
    log = read_tsv(path)
    if missing := sorted({name for _, _, columns in PANELS for name in columns} - set(log)):
        raise InputError(f"{path}:1: no column {missing[0]!r}; expected the train_log.tsv of a training")
    if log.empty:
        raise InputError(f"{path}: no epoch; expected a line for each")
    return {name: log[name].to_numpy() for name in log}


def plot_training(stem: str | Path, trainings: Sequence[dict[str, np.ndarray]]) -> None:
    """Write `stem`.png and `stem`.svg: loss, EER of dev, accuracy and learning rate over the epochs.

    Args: trainings are logs from `read_log`, of trainings one after the other; a vertical line separates them.
    """
    epochs = np.cumsum([0, *(len(log["loss"]) for log in trainings)])
    with figure_at(stem, 8, 5.2) as figure:
        for axes, (title, percent, columns) in zip(figure.subplots(2, 2, sharex=True).flat, PANELS, strict=True):
            for column, look in zip(columns, LOOKS, strict=False):
                for log, start in zip(trainings, epochs[:-1], strict=True):
                    values = log[column] * (100 if percent else 1)
                    label = columns[column] if start == 0 else None
                    axes.plot(start + 1 + np.arange(len(values)), values, **look, marker=".", label=label)
            _finish(axes, title, len(columns) > 1, epochs)
        for axes in figure.axes[2:]:
            axes.set_xlabel("Epoch")
        figure.tight_layout()


def _finish(axes: Axes, title: str, legend: bool, epochs: np.ndarray) -> None:
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlim(0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if all(np.isnan(line.get_ydata()).all() for line in axes.lines):
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center")
    axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
    axes.grid()
    for start in epochs[1:-1]:
        axes.axvline(start + 0.5, color="#888888", linestyle=":", linewidth=1)
    if legend:
        axes.legend(frameon=False)
