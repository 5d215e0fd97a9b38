"""Cepstral mean and variance normalisation, by the reader of features."""

import numpy as np

from spkr.feats.options import CmvnOptions

UTTERANCE_STD_GUARD = 1e-5  # NeMo 0.11's, added to the standard deviation
SLIDING_VARIANCE_FLOOR = 1e-10  # Kaldi's


def normalize(feats: np.ndarray, options: CmvnOptions) -> np.ndarray:
    """Normalise a (frames, dim) matrix as the front end says; float32 in and out."""
    if options.type == "sliding":
        return sliding_cmvn(feats, options.window, options.norm_vars)
    if options.type == "utterance":
        return utterance_cmvn(feats, options.norm_vars)
    return feats


def utterance_cmvn(feats: np.ndarray, norm_vars: bool) -> np.ndarray:
    """Subtract each column's mean (and divide by its standard deviation, of n - 1 frames) over the utterance."""
    centred = feats - feats.mean(axis=0)
    if norm_vars and len(feats) > 1:
        centred /= feats.std(axis=0, ddof=1) + UTTERANCE_STD_GUARD
    return centred


def sliding_cmvn(feats: np.ndarray, window: int, norm_vars: bool) -> np.ndarray:
    """Subtract the mean (and divide by the standard deviation) of the `window` frames round each frame.

    The window is centred; near the ends it is shifted, not shortened (Kaldi's apply-cmvn-sliding, center=true).
    """
    n = len(feats)
    half, window = window // 2, min(window, n)
    start = np.clip(np.arange(n) - half, 0, n - window)
    x = feats.astype(np.float64)

    def window_means(y):
        total = np.concatenate([np.zeros((1, y.shape[1])), np.cumsum(y, axis=0)])
        return (total[window:] - total[:-window]) / window  # (n - window + 1, dim), one for each start

    mean = window_means(x)
    out = x - mean[start]
    if norm_vars:
        variance = np.maximum(window_means(x**2) - mean**2, SLIDING_VARIANCE_FLOOR)
        out = out / np.sqrt(variance)[start] if n > 1 else np.zeros_like(out)
    return out.astype(np.float32)
