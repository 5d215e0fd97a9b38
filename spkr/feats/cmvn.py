"""Cepstral mean and variance normalisation, by the reader of features."""

from collections.abc import Iterable

import numpy as np

from spkr.config.frontend import CmvnOptions

UTTERANCE_STD_GUARD = 1e-5  # NeMo 0.11's, added to the standard deviation
SLIDING_VARIANCE_FLOOR, SPEAKER_VARIANCE_FLOOR = 1e-10, 1e-20  # Kaldi's


def normalize(feats: np.ndarray, options: CmvnOptions, stats: np.ndarray | None = None) -> np.ndarray:
    """Normalise a (frames, dim) matrix as the front end says; float32 in and out. `stats` are the speaker's."""
    if options.type == "sliding":
        return sliding_cmvn(feats, options)
    if options.type == "utterance":
        return utterance_cmvn(feats, options.norm_vars)
    if options.type == "speaker":
        return apply_cmvn(feats, stats, options.norm_vars)
    return feats


def utterance_cmvn(feats: np.ndarray, norm_vars: bool) -> np.ndarray:
    """Subtract each column's mean (and divide by its standard deviation, of n - 1 frames) over the utterance."""
    centred = feats - feats.mean(axis=0)
    if norm_vars and len(feats) > 1:
        centred /= feats.std(axis=0, ddof=1) + UTTERANCE_STD_GUARD
    return centred


def sliding_cmvn(feats: np.ndarray, options: CmvnOptions) -> np.ndarray:
    """Subtract the mean (and divide by the standard deviation) of a window of frames (Kaldi's apply-cmvn-sliding).

    With `center` the window is round the frame, and near the ends it is shifted, not shortened. Without, it is the
    frame and the `window` before it; at the beginning, the first `min_window` frames.
    """
    n, window, t = len(feats), options.window, np.arange(len(feats))
    if options.center:
        start = np.clip(t - window // 2, 0, max(n - window, 0))
        end = np.minimum(start + window, n)
    else:
        end = np.minimum(np.maximum(t + 1, options.min_window), n)
        start = np.maximum(t - window, 0)
    x = feats.astype(np.float64)

    def window_means(y):
        total = np.concatenate([np.zeros((1, y.shape[1])), np.cumsum(y, axis=0)])
        return (total[end] - total[start]) / (end - start)[:, None]

    mean = window_means(x)
    out = x - mean
    if options.norm_vars:
        out /= np.sqrt(np.maximum(window_means(x**2) - mean**2, SLIDING_VARIANCE_FLOOR))
        out[end - start == 1] = 0
    return out.astype(np.float32)


def cmvn_stats(matrices: Iterable[np.ndarray]) -> np.ndarray:
    """Sums over (frames, dim) matrices, (2, dim + 1), as Kaldi's compute-cmvn-stats: [sum x, frames], [sum x^2, 0]."""
    stats = 0.0
    for feats in matrices:
        x = feats.astype(np.float64)
        stats += np.stack([np.append(x.sum(axis=0), len(x)), np.append((x**2).sum(axis=0), 0)])
    return stats


def apply_cmvn(feats: np.ndarray, stats: np.ndarray, norm_vars: bool) -> np.ndarray:
    """Normalise by sums over a speaker's frames (Kaldi's apply-cmvn)."""
    mean, square = stats[:, :-1] / stats[0, -1]
    scale = 1 / np.sqrt(np.maximum(square - mean**2, SPEAKER_VARIANCE_FLOOR)) if norm_vars else 1.0
    return ((feats - mean) * scale).astype(np.float32)
