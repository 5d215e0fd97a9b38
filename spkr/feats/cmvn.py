"""Cepstral mean and variance normalisation: of one matrix by the reader, of a batch on the device."""

from collections.abc import Iterable

import numpy as np
import torch

from spkr.config.front_end_options import CmvnOptions

UTTERANCE_STD_GUARD = 1e-5  # NeMo 0.11's, added to the standard deviation
SLIDING_VARIANCE_FLOOR, SPEAKER_VARIANCE_FLOOR = 1e-10, 1e-20  # Kaldi's


def normalize(feats: np.ndarray, options: CmvnOptions, stats: np.ndarray | None = None) -> np.ndarray:
    """Normalise a (frames, dim) matrix as the front end says, float32 in and out. `stats` are sums of the speaker."""
    if options.type == "none":
        return feats
    if options.type == "speaker":
        return apply_cmvn(feats, stats, options.norm_vars)
    return normalize_batch(torch.from_numpy(feats.astype(np.float64))[None], None, options)[0].numpy()


def normalize_batch(feats: torch.Tensor, lengths: torch.Tensor | None, options: CmvnOptions) -> torch.Tensor:
    """Normalise the first `lengths` (N,) frames of each row of (N, T, dim), or all frames; float32. Not by speaker."""
    if options.type == "sliding":
        return sliding_cmvn(feats, lengths, options)
    if options.type == "utterance":
        return utterance_cmvn(feats, lengths, options.norm_vars)
    return feats


def utterance_cmvn(feats: torch.Tensor, lengths: torch.Tensor | None, norm_vars: bool) -> torch.Tensor:
    """Subtract each column's mean (and divide by its standard deviation, with divisor n - 1) over the utterance.

    The arguments and the result are those of `sliding_cmvn`.
    """
    x = feats.double()
    n = x.new_full((), x.shape[1]) if lengths is None else lengths[:, None, None]
    inside = torch.arange(x.shape[1], device=x.device)[:, None] < n  # (N, T, 1), or (T, 1)
    x = x.where(inside, 0)
    centred = x - x.sum(1, keepdim=True) / n
    if norm_vars:
        variance = centred.square().where(inside, 0).sum(1, keepdim=True) / (n - 1).clamp(min=1)
        centred = centred / (variance.sqrt() + UTTERANCE_STD_GUARD)
    return centred.float()


def sliding_cmvn(feats: torch.Tensor, lengths: torch.Tensor | None, options: CmvnOptions) -> torch.Tensor:
    """Subtract the mean (and divide by the standard deviation) of a window of frames (Kaldi's apply-cmvn-sliding).

    Normalises the first `lengths` (N,) frames of each row of (N, T, dim), or all frames if `lengths` is None. Returns
    float32.
    """
    x = feats.double()
    start, end = windows(lengths, x.shape[1], options, x.device)
    width = (end - start)[..., None]
    if lengths is not None:  # windows differ between rows: index into the sums of all rows as one matrix
        row = torch.arange(len(x), device=x.device)[:, None] * (x.shape[1] + 1)
        start, end = (start + row).view(-1), (end + row).view(-1)

    def window_means(y):
        sums = prefix_sums(y)
        sums = sums if lengths is None else sums.view(1, -1, sums.shape[2])
        return sums.index_select(1, end).sub_(sums.index_select(1, start)).view_as(y).div_(width)

    mean = window_means(x)
    out = x - mean
    if options.norm_vars:
        variance = window_means(x.square()).sub_(mean.square_())
        out.div_(variance.clamp_(min=SLIDING_VARIANCE_FLOOR).sqrt_())
        out.masked_fill_(width == 1, 0)
    return out.float()


def windows(
    lengths: torch.Tensor | None, frames: int, options: CmvnOptions, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """The first frame of each frame's window, and the frame after its last: (N, T), or (T,) without `lengths`.

    With `center` the window is around the frame, and near the ends it is shifted, not shortened. Without, it is the
    frame and the `window` frames before it; at the beginning, the first `min_window` frames.
    """
    n, t = frames if lengths is None else lengths[:, None], torch.arange(frames, device=device)
    if options.center:
        start = (t - options.window // 2).clamp(max=n - options.window).clamp_(min=0)
        return start, (start + options.window).clamp(max=n)
    start = (t - options.window).clamp(max=n - 1).clamp_(min=0)
    return start, (t + 1).clamp_(min=options.min_window).clamp(max=n)


def prefix_sums(x: torch.Tensor) -> torch.Tensor:
    """(N, T + 1, dim): the sums of the first 0, 1, ..., T frames of (N, T, dim)."""
    n, frames, dim = x.shape
    if x.is_cuda:  # torch refuses cumsum there in deterministic runs
        return torch.ones(frames + 1, frames, dtype=x.dtype, device=x.device).tril(-1) @ x
    sums = x.new_zeros(n, frames + 1, dim)
    torch.cumsum(x, 1, out=sums[:, 1:])
    return sums


def cmvn_stats(matrices: Iterable[np.ndarray]) -> np.ndarray:
    """Sums over (frames, dim) matrices: (2, dim + 1), [sum x, frames] and [sum x^2, 0] (Kaldi's compute-cmvn-stats)."""
    stats = 0.0
    for feats in matrices:
        x = feats.astype(np.float64)
        stats += np.stack([np.append(x.sum(axis=0), len(x)), np.append((x**2).sum(axis=0), 0)])
    return stats


def apply_cmvn(feats: np.ndarray, stats: np.ndarray, norm_vars: bool) -> np.ndarray:
    """Normalise with sums over a speaker's frames (Kaldi's apply-cmvn)."""
    mean, square = stats[:, :-1] / stats[0, -1]
    scale = 1 / np.sqrt(np.maximum(square - mean**2, SPEAKER_VARIANCE_FLOOR)) if norm_vars else 1.0
    return ((feats - mean) * scale).astype(np.float32)
