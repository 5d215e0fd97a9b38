"""The 95 % band of a DET curve, from the same draws of speakers as the intervals of the measures.

On probit axes, let d be how far a point lies above the diagonal of equal rates and s how far along it,

    d = probit(P_miss) - probit(P_fa)        s = probit(P_miss) + probit(P_fa)

As the threshold rises, d rises, so that each curve has one s at each d. At each d, the band ends where the
interval of s does (spkr.metrics.bootstrap). At d = 0 this is an interval of the EER.

Source: S. Macskassy and F. Provost, "Confidence bands for ROC curves: methods and an empirical study", ROCAI 2004, for
bands from quantiles of resampled curves.
"""

import numpy as np
from scipy.special import ndtri

from spkr.metrics.bootstrap import FEWEST, SPEAKERS, Resampled, draw_speakers, ends, resample
from spkr.metrics.roc import error_rates
from spkr.report.html.run_results import ListScores

FURTHEST = 4.5  # probits of an error rate; 3 in a million
OFF_DIAGONAL = np.linspace(-7, 7, 113)
MOST_CORNERS = 4_000  # of a curve
WORK = 200_000_000  # trials in all draws: five times fewer than for the measures of a long list


def det_band(one: ListScores, backend: str) -> tuple[np.ndarray, np.ndarray] | None:
    """A band as an outline in probits: false alarms and misses, (2 n,) both; None with fewer than SPEAKERS speakers."""
    if one.speakers is None or len(one.names) < SPEAKERS:
        return None
    n = len(one.trials)
    draws = draw_speakers(len(one.names), n)[: max(WORK // n, FEWEST)]
    system = Resampled(one.scores[backend], one.trials.target, *one.speakers)

    def along(side: tuple) -> dict[int, float]:
        return dict(enumerate(_along(*error_rates(*side)).tolist()))

    found = resample({"side": system}, draws, along)
    own = _along(*error_rates(*system.sides))
    low, high = np.array([ends(found[k], s, len(one.names)) for k, s in enumerate(own.tolist())]).T
    # Each edge is made a curve: as d rises, false alarms fall and misses rise. Where it was not, the band is wider.
    x, y = ((low - OFF_DIAGONAL) / 2, (high - OFF_DIAGONAL) / 2), ((low + OFF_DIAGONAL) / 2, (high + OFF_DIAGONAL) / 2)
    x = np.minimum.accumulate(x[0]), np.maximum.accumulate(x[1][::-1])
    y = np.minimum.accumulate(y[0][::-1])[::-1], np.maximum.accumulate(y[1])[::-1]
    return np.concatenate(x), np.concatenate(y)


def _along(p_miss: np.ndarray, p_fa: np.ndarray) -> np.ndarray:
    """s at each d of OFF_DIAGONAL, of a curve in order of threshold."""
    some = np.unique(np.linspace(0, len(p_miss) - 1, MOST_CORNERS).astype(int))
    y, x = (np.clip(ndtri(p[some]), -FURTHEST, FURTHEST) for p in (p_miss, p_fa))
    return np.interp(OFF_DIAGONAL, y - x, y + x)
