"""Convolution and batch norm over time, (N, C, T), in the memory layout that is fast on a CPU.

Features arrive as (N, T, dim). On a CPU the channels of a frame stay side by side in memory, like those of a pixel in
torch's `channels_last`. Pointwise convolutions are then plain matrix products, and depthwise ones and batch norm work
on whole vectors. torch.nn.Conv1d would first bring its input into the other order; a convolution of images that are one
pixel high does not. An operator that meets both orders, in its operands or in a gradient, is ten times as slow. So such
tensors are reduced, split and joined with the functions here, which keep the order they find. On a GPU everything is as
in torch.nn. benchmarks/cpu_layout.py measures the difference.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import conv2d, pad
from torch.nn.grad import conv2d_weight

TAPS = 3  # width of a depthwise kernel whose gradient oneDNN computes fast in bfloat16
FEW = 16  # channels of which torch 2.11's depthwise convolution in bfloat16 never ends if it is 19 frames wide


class Conv1d(nn.Conv1d):
    """torch.nn.Conv1d, with zeros beyond the ends."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C_in, T) to (N, C_out, T / stride)."""
        if x.device.type != "cpu" or torch.compiler.is_exporting():
            return super().forward(x)
        (stride,), (padding,), (dilation,) = self.stride, self.padding, self.dilation
        geometry = {"stride": (1, stride), "padding": (0, padding), "dilation": (1, dilation), "groups": self.groups}
        return conv2d(x.unsqueeze(2), self.weight.unsqueeze(2), self.bias, **geometry).squeeze(2)


class DepthwiseConv1d(nn.Conv1d):
    """A separate filter for each channel, of odd width; the number of frames stays the same."""

    def __init__(self, channels: int, kernel: int):
        super().__init__(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, T) to the same shape."""
        if x.device.type != "cpu":
            return super().forward(x)
        dtype = x.dtype
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu") if self.in_channels > FEW else torch.float32
        with torch.autocast("cpu", enabled=False):
            return _Depthwise.apply(x.unsqueeze(2).to(dtype), self.weight.unsqueeze(2).to(dtype)).squeeze(2)


class _Depthwise(torch.autograd.Function):
    """The convolution of DepthwiseConv1d; the gradient of its weights is computed a few taps at a time."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Map (N, C, 1, T) by (C, 1, 1, kernel) to (N, C, 1, T)."""
        ctx.save_for_backward(x, weight)
        return conv2d(x, weight, padding=(0, weight.shape[3] // 2), groups=len(weight))

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients with respect to x and to weight."""
        x, weight = ctx.saved_tensors
        channels, *_, kernel = weight.shape
        beyond = kernel // 2
        by_x = conv2d(grad, weight.flip(3), padding=(0, beyond), groups=channels)
        around = pad(x, (beyond, beyond + -kernel % TAPS))
        frames = x.shape[3] + TAPS - 1
        by_taps = [
            conv2d_weight(around[..., tap : tap + frames], (channels, 1, 1, TAPS), grad, groups=channels)
            for tap in range(0, kernel, TAPS)
        ]
        return by_x, torch.cat(by_taps, dim=3)[..., :kernel]


class BatchNorm1d(nn.BatchNorm2d):
    """torch.nn.BatchNorm1d of (N, C, T)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, T) to the same shape."""
        return super().forward(x.unsqueeze(2)).squeeze(2)


def pixelwise(x: torch.Tensor) -> torch.Tensor:
    """Images (N, C, F, T), on a CPU with the channels of a pixel side by side in memory."""
    return x.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else x


def flat(x: torch.Tensor) -> torch.Tensor:
    """Images (N, C, F, T) as (N, C * F, T); if the channels of a pixel lie side by side, those of a frame then do."""
    if _by_frame(x):
        return x.permute(0, 3, 1, 2).flatten(2).transpose(1, 2)
    return x.flatten(1, 2)


def time_axis(*tensors: torch.Tensor) -> tuple[int, *tuple[torch.Tensor, ...]]:
    """The axis of time, and views of tensors (N, C, T) with their axes in the first one's memory order."""
    if _by_frame(tensors[0]):
        return 1, *(x.transpose(1, 2) for x in tensors)
    return 2, *tensors


def part(x: torch.Tensor, parts: int) -> list[torch.Tensor]:
    """Split the channels of (N, C, T) into equal parts, (N, C / parts, T) each."""
    if _by_frame(x):
        return [channels.transpose(1, 2) for channels in x.transpose(1, 2).chunk(parts, dim=2)]
    return list(x.chunk(parts, dim=1))


def join(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Concatenate the channels of several (N, C_i, T)."""
    if _by_frame(parts[0]):
        return torch.cat([x.transpose(1, 2) for x in parts], dim=2).transpose(1, 2)
    return torch.cat(list(parts), dim=1)


def _by_frame(x: torch.Tensor) -> bool:
    """Whether the channels of a frame, or of a pixel, lie side by side."""
    return x.stride(1) == 1
