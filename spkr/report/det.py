"""DET plots: misses against false alarms on probit axes, where normally distributed scores give straight lines.

The marker of a curve is the operating point of Kaldi's EER, the number in the legend: the point of the curve whose miss
rate is the EER. It lies on the diagonal only if both rates are exactly equal at some threshold.

Martin et al., The DET curve in assessment of detection task performance, Eurospeech 1997.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from scipy.special import ndtri

from spkr.report.figures import figure_at

TICKS = np.array([0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 90, 95, 99])  # percent
# Okabe and Ito's colours, which the colour-blind can tell apart; dashes and markers are for prints in grey.
LOOKS = [
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    {"color": "#CC79A7", "linestyle": (0, (1, 1)), "marker": "D"},
    {"color": "#E69F00", "linestyle": (0, (6, 1, 1, 1, 1, 1)), "marker": "v"},
    {"color": "#56B4E9", "linestyle": (0, (8, 2)), "marker": "P"},
    {"color": "#000000", "linestyle": (0, (3, 1)), "marker": "X"},
]


def thin(p_miss: np.ndarray, p_fa: np.ndarray, step: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Leave out what a plot cannot show: keep the first and last point in each cell of `step` by `step` probits.

    Args: the error rates of a curve in order of threshold, both (n,). Returns both, shortened.
    """
    ends = ndtri(TICKS[[0, -1]] / 100)
    cells = np.stack([np.clip(ndtri(p), *ends) // step for p in (p_miss, p_fa)])
    moved = (np.diff(cells) != 0).any(axis=0)
    keep = np.append(True, moved) | np.append(moved, True)
    return p_miss[keep], p_fa[keep]


def plot_det(stem: str | Path, title: str, curves: dict[str, tuple]) -> None:
    """Write `stem`.png and `stem`.svg, by rename; the same input gives the same bytes.

    Args: curves holds (p_miss, p_fa, eer) for each back-end: error rates in order of threshold, both (n,), from
    `error_rates` and perhaps thinned by `thin`, and Kaldi's EER, all from 0 to 1.
    """
    width, side, height = 6, 5.15, 6.15 + 0.22 * ((len(curves) + 1) // 2)  # inches; the legend has two columns
    with figure_at(stem, width, height) as figure:
        axes = figure.add_axes((0.7 / width, 1 - (side + 0.35) / height, side / width, side / height))
        low, high = draw_axes(axes, title, curves)
        for i, (backend, (p_miss, p_fa, eer)) in enumerate(curves.items()):
            look = LOOKS[i % len(LOOKS)]
            x, y = (np.clip(ndtri(p), low - 1, high + 1) for p in (p_fa, p_miss))
            style = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 1.8}
            axes.plot(x, y, **style)
            point = {"marker": look["marker"], "markersize": 7, "markeredgecolor": "white", "clip_on": False}
            axes.plot(*eer_point(p_miss, p_fa, eer, low), color=look["color"], zorder=3, **point)
            axes.plot([], [], **style, **point, label=f"{backend}: EER {100 * eer:.2f} %")
        figure.legend(loc="lower center", ncols=2, handlelength=4.5, frameon=False)


def eer_point(p_miss: np.ndarray, p_fa: np.ndarray, eer: float, low: float) -> tuple[list[float], list[float]]:
    """Where Kaldi's EER lies on a curve: false alarms and misses in probits, at least `low`, as lists of one."""
    at_eer = np.interp(eer, p_miss, p_fa), eer  # of equal misses, `interp` takes the last, with the fewest alarms
    x, y = (max(float(ndtri(rate)), low) for rate in at_eer)
    return [x], [y]


def draw_axes(axes: Axes, title: str, curves: dict[str, tuple]) -> tuple[float, float]:
    """Draw what lies behind the curves; returns the ends of both axes in probits."""
    rates = np.concatenate([rate for p_miss, p_fa, _ in curves.values() for rate in (p_miss, p_fa)])
    finest = 100 * rates[rates > 0].min()  # the rate of one trial of its kind: curves show nothing below it
    eers = [100 * eer for _, _, eer in curves.values()]
    first = np.searchsorted(TICKS, np.clip(max(finest, min(eers) / 30), TICKS[0], 10), side="right") - 1
    last = np.searchsorted(TICKS, min(max(1.5 * max(eers), 40), TICKS[-1]))
    ticks = TICKS[first : last + 1]
    low, high = ndtri(ticks[0] / 100), ndtri(ticks[-1] / 100)
    axes.plot([low, high], [low, high], ":", color="#888888", linewidth=1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ndtri(ticks / 100), [f"{tick:g}" for tick in ticks])
    axes.set(xlim=(low, high), ylim=(low, high), xlabel="False alarms (%)", ylabel="Misses (%)")
    axes.grid()
    axes.set_title(title, fontsize=11, loc="left", parse_math=False)
    return low, high
