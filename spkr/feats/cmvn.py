"""Cepstral mean and variance normalisation, and selection of voiced frames, by the reader of features."""

import numpy as np

from spkr.feats.options import CmvnOptions

UTTERANCE_STD_GUARD = 1e-5  # NeMo 0.11's, added to the standard deviation
SLIDING_VARIANCE_FLOOR = 1e-10  # Kaldi's


def normalize(feats: np.ndarray, options: CmvnOptions) -> np.ndarray:
    """Normalise a (frames, dim) matrix as the front end says; float32 in and out."""
    if options.type == "sliding":
        return sliding_cmvn(feats, options.window, options.norm_vars)
    if options.type == "utterance":
        centred = feats - feats.mean(axis=0)
        if options.norm_vars and len(feats) > 1:
            centred /= feats.std(axis=0, ddof=1) + UTTERANCE_STD_GUARD
        return centred
    return feats


def sliding_cmvn(feats: np.ndarray, window: int, norm_vars: bool) -> np.ndarray:
    """Subtract the mean (and divide by the standard deviation) of the `window` frames round each frame.

    The window is centred; near the ends it is shifted, not shortened (Kaldi's apply-cmvn-sliding, center=true).
    """
    n = len(feats)
    start = np.clip(np.arange(n) - window // 2, 0, max(0, n - window))
    end = np.minimum(start + window, n)
    count = (end - start)[:, None]
    x = feats.astype(np.float64)

    def window_sums(y):
        total = np.concatenate([np.zeros((1, y.shape[1])), np.cumsum(y, axis=0)])
        return total[end] - total[start]

    mean = window_sums(x) / count
    out = x - mean
    if norm_vars:
        variance = window_sums(x**2) / count - mean**2
        out = out / np.sqrt(np.maximum(variance, SLIDING_VARIANCE_FLOOR)) if n > 1 else np.zeros_like(out)
    return out.astype(np.float32)
