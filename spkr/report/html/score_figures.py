"""Figures of scores: DET curves, histograms, and how well log-likelihood ratios are calibrated.

Sources: N. Brümmer and E. de Villiers, "The BOSARIS Toolkit User Guide", 2011, for the PAV plot and the normalised
Bayes error-rate plot; A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997.
"""

from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy.optimize import isotonic_regression
from scipy.special import expit, ndtri

from spkr.metrics.dcf import dcf
from spkr.metrics.eer import eer_kaldi
from spkr.metrics.roc import error_rates, sorted_sides
from spkr.report.det import draw_axes, eer_point, thin
from spkr.report.html.det_bands import det_band
from spkr.report.html.drawing import LOOKS, MUTED, Picture, picture
from spkr.report.html.run_results import ListScores

PRIOR = 0.01  # of the DCF whose best threshold is marked
BINS = 60
NOTE = f"Filled markers: EER. Hollow markers: minDCF at a prior of {PRIOR}; on the frame if they lie beyond it."
BANDS = " Bands: 95 %, from resampling speakers."
SHOWN = (0.0005, 0.9995)  # quantiles between which a histogram lies
LOG_ODDS = np.linspace(-8, 8, 81)  # of a target
TARGET, NONTARGET = LOOKS[0]["color"], LOOKS[1]["color"]


def det_picture(one: ListScores, order: list[str], run: str) -> Picture:
    """DET curves of all back-ends of a list, in this order. Args: run names the corpus, run and network."""
    curves = {}
    for backend in order:
        p_miss, p_fa = thin(*error_rates(*one.both(one.scores[backend])))
        curves[backend] = p_miss, p_fa, eer_kaldi(*one.both(one.scores[backend]))[0]
    alt = "DET curves, " + "; ".join(f"{b} with an EER of {100 * eer:.2f} %" for b, (_, _, eer) in curves.items())
    with picture(f"det-{one.name}", f"{one.name}: {run}", alt, height=4.9, trials=one.name) as drawn:
        axes = drawn.figure.add_subplot(aspect="equal")
        low, high = draw_axes(axes, "", curves)
        for look, (backend, curve) in zip(cycle(LOOKS), curves.items(), strict=False):
            if band := det_band(one, backend):
                axes.fill(*(np.clip(side, low - 1, high + 1) for side in band), color=look["color"], alpha=0.13, lw=0)
            _curve(drawn, axes, backend, curve, look)
        drawn.figure.legend(loc="outside lower center", ncols=2, handlelength=3.2)
        drawn.note = NOTE + BANDS * bool(band)
    return drawn


def _curve(drawn: Picture, axes: Axes, backend: str, curve: tuple, look: dict) -> None:
    """Draw one curve with its two operating points, which lie on the frame if they are beyond it."""
    p_miss, p_fa, eer = curve
    low, high = axes.get_xlim()
    x, y = (np.clip(ndtri(p), low - 1, high + 1) for p in (p_fa, p_miss))
    line = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 1.8}
    axes.plot(x, y, **line)
    k = int(dcf(p_miss, p_fa, PRIOR).argmin())
    filled = {"marker": look["marker"], "markersize": 7, "markeredgecolor": "white"}
    for (across, up), style in (
        (eer_point(p_miss, p_fa, eer, low), filled),
        (([x[k]], [y[k]]), {"marker": look["marker"], "markersize": 7, "fillstyle": "none"}),
    ):
        place = np.clip(across, low, high), np.clip(up, low, high)
        axes.plot(*place, color=look["color"], linestyle="none", clip_on=False, zorder=3, **style)
    axes.plot([], [], **line, **filled, label=f"{backend}: EER {100 * eer:.2f} %")
    inside = (x >= low) & (y >= low) & (x <= high) & (y <= high)
    labels = [
        f"{backend}: misses {100 * m:.3g} %, false alarms {100 * f:.3g} %"
        for m, f in zip(p_miss[inside], p_fa[inside], strict=True)
    ]
    drawn.label(axes, x[inside], y[inside], labels)


def histogram_picture(one: ListScores, backend: str, prior: float) -> Picture:
    """Histograms of the scores of one back-end and, if it is calibrated, of their log-likelihood ratios.

    Args: prior of a target, at whose threshold log((1 - P) / P) calibrated trials are decided.
    """
    scores, ratios = one.scores[backend], one.ratios.get(backend)
    panels = [("Scores", scores, eer_kaldi(*one.both(scores))[1], "EER")]
    if ratios is not None:
        panels.append(("Log-likelihood ratios", ratios, float(np.log((1 - prior) / prior)), f"prior {prior:g}"))
    when = "without calibration" if ratios is None else "before and after calibration"
    alt = f"histograms of target and nontarget trials by {backend}, {when}"
    about = {"trials": one.name, "backend": backend}
    title = f"{one.name} by {backend}: scores"
    with picture(f"hist-{one.name}:{backend}", title, alt, height=1.85 * len(panels) + 0.3, **about) as drawn:
        for axes, (label, values, threshold, which) in zip(
            drawn.figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True
        ):
            _histogram(axes, one, values)
            _mark(axes, threshold, f"threshold ({which})")
            axes.set(xlabel=label, ylabel="Trials (%)")
        drawn.figure.legend(*drawn.figure.axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return drawn


def _histogram(axes: Axes, one: ListScores, values: np.ndarray) -> None:
    """Draw the shares of target and nontarget trials in each bin."""
    sides = one.both(values)
    low = min(np.quantile(side, SHOWN[0]) for side in sides)
    high = max(np.quantile(side, SHOWN[1]) for side in sides)
    edges = np.linspace(low, high if high > low else low + 1, min(BINS, 5 + int(np.sqrt(len(values)))) + 1)
    kinds = (("nontarget", NONTARGET, "--"), ("target", TARGET, "-"))
    for (kind, color, line), side in zip(kinds, sides[::-1], strict=True):
        share = 100 * np.histogram(np.clip(side, edges[0], edges[-1]), edges)[0] / len(side)
        axes.stairs(share, edges, fill=True, color=color, alpha=0.25)
        axes.stairs(share, edges, color=color, linestyle=line, linewidth=1.5, label=kind)
    axes.set_ylim(0, 1.18 * axes.get_ylim()[1])
    axes.grid(axis="y")


def _mark(axes: Axes, threshold: float, text: str) -> None:
    """Draw a threshold, with its name on the side where there is more room."""
    axes.axvline(threshold, color=MUTED, linestyle="--", linewidth=1)
    (left, right), top = axes.get_xlim(), axes.get_ylim()[1]
    side, shift = ("left", 4) if threshold - left < right - threshold else ("right", -4)
    note = axes.annotate(text, (threshold, top), (shift, -1), textcoords="offset points", va="top", ha=side)
    note.set_in_layout(False)


def pav_picture(one: ListScores, backend: str) -> Picture:
    """The log-likelihood ratios of a back-end against the best monotonic map of them, which PAV finds."""
    x, y = _pav(*one.both(one.ratios[backend]))
    alt = f"log-likelihood ratios by {backend} against those that pool-adjacent-violators finds; equal on the diagonal"
    about = {"trials": one.name, "backend": backend}
    with picture(f"pav-{one.name}:{backend}", f"{one.name} by {backend}: PAV", alt, **about) as drawn:
        axes = drawn.figure.add_subplot()
        low, high = np.quantile(one.ratios[backend], SHOWN)
        ends = min(low, -1), max(high, 1)
        limit = 1.15 * max(map(abs, ends))
        axes.plot(ends, ends, ":", color=MUTED, linewidth=1.2, label="perfect calibration")
        axes.plot(x, np.clip(y, -2 * limit, 2 * limit), color=TARGET, linewidth=1.8, label=backend)
        axes.set(xlim=ends, ylim=(-limit, limit), xlabel="Log-likelihood ratio", ylabel="After PAV")
        axes.grid()
        axes.xaxis.set_major_locator(MaxNLocator(7))
        axes.legend(loc="upper left")
    return drawn


def _pav(target: np.ndarray, nontarget: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best monotonic map of ratios: the corners of its steps, x and y (2 blocks,); y may be infinite."""
    t, s = sorted_sides(target, nontarget)
    values = np.union1d(t, s)
    a, b = (np.diff(np.searchsorted(side, values), append=len(side)) for side in (t, s))
    blocks = isotonic_regression(a / (a + b), weights=a + b).blocks
    first, last = blocks[:-1], blocks[1:] - 1
    with np.errstate(divide="ignore"):
        steps = np.log(np.add.reduceat(a, first) / len(t)) - np.log(np.add.reduceat(b, first) / len(s))
    return np.stack([values[first], values[last]], axis=1).ravel(), np.repeat(steps, 2)


def bayes_picture(one: ListScores, backend: str) -> Picture:
    """The normalised Bayes error-rate of a back-end over the prior: of Bayes' decisions, and of the best threshold."""
    sides = sorted_sides(*one.both(one.ratios[backend]))
    rates = error_rates(*sides)
    priors = expit(LOG_ODDS)
    least = [dcf(*rates, prior).min() for prior in priors]
    p_miss = np.searchsorted(sides[0], -LOG_ODDS) / len(sides[0])
    p_fa = 1 - np.searchsorted(sides[1], -LOG_ODDS) / len(sides[1])
    actual = [float(dcf(m, f, prior)) for m, f, prior in zip(p_miss, p_fa, priors, strict=True)]
    alt = f"cost of the decisions of {backend} for each prior of a target, beside that of the best threshold"
    about = {"trials": one.name, "backend": backend}
    with picture(f"nber-{one.name}:{backend}", f"{one.name} by {backend}: Bayes error-rate", alt, **about) as drawn:
        axes = drawn.figure.add_subplot()
        axes.axhline(1, color=MUTED, linestyle=":", linewidth=1.2)
        axes.plot(LOG_ODDS, actual, color=TARGET, linewidth=1.8, label="actual")
        axes.plot(LOG_ODDS, least, color=NONTARGET, linestyle="--", linewidth=1.8, label="minimum")
        axes.set(xlim=LOG_ODDS[[0, -1]], ylim=(0, 1.3), xlabel="Prior log odds of a target")
        axes.set_ylabel("Normalised DCF")
        axes.grid()
        axes.legend(loc="lower center", ncols=2)
        drawn.label(axes, LOG_ODDS, np.minimum(actual, 1.3), [
            f"prior {prior:.3g}: actual {a:.3f}, minimum {b:.3f}"
            for prior, a, b in zip(priors, actual, least, strict=True)
        ])  # fmt: skip
    return drawn
