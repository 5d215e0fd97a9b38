"""Mean and variance over time of every channel, from which poolings are made.

On a CPU, one utterance after the other is read: it stays in the processor's cache, where a whole batch has no place.
benchmarks/cpu_layout.py measures the difference.
"""

from collections.abc import Sequence

import torch

from spkr.nnet.conv import time_axis
from spkr.nnet.layers import mean_over_time, real, sum_over_time


def mean_and_variance(
    x: torch.Tensor, mask: torch.Tensor | None = None, unbiased: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of (N, C, T), (N, C) each, at least in float32; mask: (N, 1, T), true on real frames, which come first.

    The variance is the sum of squares divided by the number of frames, or if `unbiased` by one less, but at least 1. It
    is computed from the deviations, because the mean of x^2 minus the square of the mean loses all digits if the mean
    is large.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return of_whole_batch(x, mask, unbiased)
    frames = [x.shape[2]] * len(x) if mask is None else mask.sum(dim=(1, 2)).tolist()
    return _ByUtterance.apply(x, frames, unbiased)


def of_whole_batch(
    x: torch.Tensor, mask: torch.Tensor | None = None, unbiased: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """`mean_and_variance`, all utterances at once."""
    x = real(x.to(_precision(x)), mask)
    n = x.shape[2] if mask is None else mask.sum(dim=2)  # scalar or (N, 1)
    mean = mean_over_time(x, mask)
    return mean, sum_over_time(deviations(x, mean).square(), mask) / _at_least_one(n - int(unbiased))


def deviations(x: torch.Tensor, mean: torch.Tensor, time: int = 2) -> torch.Tensor:
    """Frames (N, C, T), or another order of axes, minus their mean (N, C) over the axis `time`.

    The mean needs no gradient here, as the (weighted) deviations sum to zero.
    """
    return x - mean.detach().unsqueeze(time)


class _ByUtterance(torch.autograd.Function):
    """`mean_and_variance`, utterance by utterance."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, frames: Sequence[int], unbiased: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Means and variances of (N, C, T), of which `frames` are real."""
        axis, y = time_axis(x)
        means, variances = [], []
        for utterance, n in zip(y, frames, strict=True):
            real_frames = utterance.narrow(axis - 1, 0, n).to(_precision(x))
            mean = real_frames.sum(dim=axis - 1, keepdim=True) / n
            squares = (real_frames - mean).square_().sum(dim=axis - 1)
            means.append(mean.squeeze(axis - 1))
            variances.append(squares / _at_least_one(n - int(unbiased)))
        mean = torch.stack(means)
        ctx.save_for_backward(x, mean)
        ctx.frames, ctx.unbiased = frames, unbiased
        return mean, torch.stack(variances)

    @staticmethod
    def backward(ctx, by_mean: torch.Tensor, by_variance: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """The gradient with respect to x_t: by_mean / T + by_variance 2 (x_t - mean) / T, or / (T - 1)."""
        x, mean = ctx.saved_tensors
        axis, y = time_axis(x)
        grad = torch.empty_like(y)
        for i, n in enumerate(ctx.frames):
            slope = by_variance[i] * (2 / _at_least_one(n - int(ctx.unbiased)))
            deviation = y[i].narrow(axis - 1, 0, n) - mean[i].unsqueeze(axis - 1)
            by_frame = torch.addcmul((by_mean[i] / n).unsqueeze(axis - 1), slope.unsqueeze(axis - 1), deviation)
            grad[i].narrow(axis - 1, 0, n).copy_(by_frame)
            grad[i].narrow(axis - 1, n, y.shape[axis] - n).zero_()
        return (grad.transpose(1, 2) if axis == 1 else grad), None, None


def _precision(x: torch.Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _at_least_one(n: int | torch.Tensor) -> int | torch.Tensor:
    return n.clamp(min=1) if isinstance(n, torch.Tensor) else max(n, 1)
