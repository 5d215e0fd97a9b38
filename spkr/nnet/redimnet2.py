"""ReDimNet2, to be followed by `pooling: channel_attentive`: stages that see frames as images, then as vectors.

Source: I. Yakovlev and A. Okhotnikov, "ReDimNet2: Scaling speaker verification via time-pooled dimension reshaping",
Interspeech 2026, arXiv:2603.11841, and its authors' code (PalabraAI/redimnet2, commit ffe8f27): the blocks that the
code calls basic_resnet and conv+att, without agg_gnorm and dual_agg, as in the release of B0 to B5.

An image of C channels and F bands has as many values in a frame as one of s C channels and F / s bands, so that all
stages put out maps of one size. Stage k reads a weighted sum of all maps before it, with weights for each value:
x = sum_i softmax(w)_i x_i. In memory the channels of a band lie side by side: images are (N, C, T, F), which are maps
(N, T, F * C) in another view.
"""

import math
import operator
from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import nn
from torch.nn.functional import gelu, pad, scaled_dot_product_attention

from spkr.nnet.conv import BatchNorm1d, DepthwiseConv1d
from spkr.nnet.layers import Encoder, real

KERNELS = (7, 19, 31, 59)  # frames of the convolutions over time
HEADS = 4  # of the attention
LAYER_EPSILON = 1e-6


class WeightedSum(nn.Module):
    """The sum of several maps, with a softmax over the maps for each of the `width` values of a frame."""

    def __init__(self, maps: int, width: int):
        super().__init__()
        self.maps = maps
        self.w = nn.Parameter(torch.zeros(maps * width))  # of one axis: it begins at zero, unlike a matrix

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Map several (N, T, width) to one."""
        weights = self.w.view(self.maps, -1).softmax(dim=0)
        y = weights[0] * maps[0]
        for weight, x in zip(weights[1:], maps[1:], strict=True):
            y = torch.addcmul(y, weight, x)
        return y


class ImageBlock(nn.Module):
    """Two depthwise separable 3x3 convolutions of images (N, C, T, F) with a residual connection."""

    def __init__(self, channels: int):
        super().__init__()
        self.depths, self.points, self.norms = (nn.ModuleList() for _ in range(3))
        for _ in range(2):
            self.depths.append(nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False))
            self.points.append(nn.Conv2d(channels, channels, 1))
            self.norms.append(nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C, T, F) to the same shape; mask: (N, 1, T, 1)."""
        y = self.norms[0](torch.relu(self.points[0](self.depths[0](real(x, mask)))))
        y = self.norms[1](self.points[1](self.depths[1](real(y, mask))))
        return torch.relu(y + x)


class TimeConvolution(nn.Module):
    """x + W GELU(BN(K x)), with a convolution K over time for each channel."""

    def __init__(self, width: int, kernel: int):
        super().__init__()
        self.depth = DepthwiseConv1d(width, kernel)
        self.norm = BatchNorm1d(width)
        self.point = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, T, width) to the same shape; mask: (N, T, 1)."""
        y = self.norm(self.depth(real(x, mask).transpose(1, 2)))
        return x + self.point(gelu(y).transpose(1, 2))


class Attention(nn.Module):
    """A layer of a transformer with layer norm after each sum: y = LN(x + A(x)), then LN(y + W_2 GELU(W_1 y)).

    A is softmax(Q K^T / sqrt(d)) V in four heads of d channels. This GELU is the one with tanh.
    """

    def __init__(self, width: int):
        super().__init__()
        self.q, self.k, self.v, self.out, self.w1, self.w2 = (nn.Linear(width, width) for _ in range(6))
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=LAYER_EPSILON) for _ in range(2))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, T, width) to the same shape; mask: (N, T, 1), true on the frames that are attended to."""
        heads = (linear(x).unflatten(2, (HEADS, -1)).transpose(1, 2) for linear in (self.q, self.k, self.v))
        seen = mask if mask is None else mask.transpose(1, 2)[:, None]  # (N, 1, 1, T)
        y = scaled_dot_product_attention(*heads, attn_mask=seen).transpose(1, 2).flatten(2)
        x = self.norms[0](x + self.out(y))
        return self.norms[1](x + self.w2(gelu(self.w1(x), approximate="tanh")))


class Stage(nn.Module):
    """One stage: it halves bands, frames or neither, sees images, then vectors, and repeats each frame.

    Args:
        maps: number of maps that it reads; each has `bands` times `channels` values.
        stride, time_stride: of bands; of frames, by this stage and all before it.
        blocks, expansion: of images, and how many times as many channels they have.
        width: channels of the vectors between the layers that reduce and expand a map.
    """

    def __init__(
        self,
        maps: int,
        bands: int,
        channels: int,
        *,
        stride: int,
        time_stride: int,
        blocks: int,
        expansion: int,
        width: int,
    ):
        super().__init__()
        self.bands, self.time_stride = bands, time_stride
        size, out = (time_stride, stride), stride * channels
        wide = out * expansion
        self.sum = WeightedSum(maps, bands * channels) if maps > 1 else None
        self.down = nn.Conv2d(channels, wide, size, size, groups=math.gcd(channels, wide))
        self.images = nn.ModuleList(ImageBlock(wide) for _ in range(blocks))
        self.narrow = nn.Identity()
        if expansion > 1:
            self.narrow = nn.Sequential(nn.Conv2d(wide, out, 1), nn.BatchNorm2d(out, eps=LAYER_EPSILON))
        self.reduce = nn.Linear(bands * channels, width)
        self.norm = nn.LayerNorm(width, eps=LAYER_EPSILON)
        self.context = nn.ModuleList([*(TimeConvolution(width, kernel) for kernel in KERNELS), Attention(width)])
        self.expand = nn.Linear(width, bands * channels)

    def forward(self, maps: Sequence[torch.Tensor], mask: torch.Tensor | None) -> torch.Tensor:
        """Map several (N, T, bands * channels) to one; mask: (N, T, 1)."""
        mask = mask if mask is None else mask[:, :: self.time_stride]
        x = maps[0] if self.sum is None else self.sum(maps)
        x = self.down(to_image(x, self.bands))
        for block in self.images:
            x = block(x, mask if mask is None else mask[:, None])
        x = to_map(self.narrow(x))
        y = self.norm(self.reduce(x))
        for layer in self.context:
            y = layer(y, mask)
        return (x + self.expand(y)).repeat_interleave(self.time_stride, dim=1)


def to_image(x: torch.Tensor, bands: int) -> torch.Tensor:
    """A map (N, T, F * C) as an image (N, C, T, F)."""
    return x.unflatten(2, (bands, -1)).permute(0, 3, 1, 2)


def to_map(x: torch.Tensor) -> torch.Tensor:
    """An image (N, C, T, F) as a map (N, T, F * C)."""
    return x.permute(0, 2, 3, 1).flatten(2)


class ReDimNet2(Encoder):
    """A first convolution, stages, and a weighted sum of all their maps.

    Args:
        input_dim: coefficients per frame; zeros fill it up to a multiple of all strides of bands.
        filters: channels of the first convolution.
        blocks: for each stage, blocks of images.
        strides, time_strides: for each stage, by how much it divides the bands and the frames of the one before it.
        expansion: for each stage, how many times as many channels its blocks of images have.
        widths: for each stage, channels of its vectors.
        last_filters: channels of each band that are pooled; None for all.
    """

    affine_norm = "none"

    def __init__(
        self,
        input_dim: int,
        *,
        filters: int,
        blocks: Sequence[int],
        strides: Sequence[int],
        time_strides: Sequence[int],
        expansion: Sequence[int],
        widths: Sequence[int],
        last_filters: int | None = None,
    ):
        super().__init__()
        by_band, by_time = [1, *accumulate(strides, operator.mul)], [*accumulate(time_strides, operator.mul)]
        self.multiple = by_time[-1]
        self.bands = math.ceil(input_dim / by_band[-1]) * by_band[-1]
        self.conv = nn.Conv2d(1, filters, 3, padding=1)
        self.norm = nn.LayerNorm(filters, eps=LAYER_EPSILON)
        self.stages = nn.ModuleList()
        for k, (before, after) in enumerate(pairwise(by_band)):
            options = {"blocks": blocks[k], "expansion": expansion[k], "width": widths[k], "stride": after // before}
            bands, channels = self.bands // before, filters * before
            self.stages.append(Stage(k + 1, bands, channels, time_stride=by_time[k], **options))
        self.sum = WeightedSum(len(blocks) + 1, self.bands * filters)
        self.last_bands, channels = self.bands // by_band[-1], filters * by_band[-1]
        self.last = nn.Linear(channels, last_filters) if last_filters else nn.Identity()
        self.output_dim = self.last_bands * (last_filters or channels)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map features (N, T, input_dim) to (N, output_dim, T); mask: (N, 1, T), true on real frames.

        T and the numbers of real frames are multiples of `multiple`.
        """
        mask = mask if mask is None else mask.transpose(1, 2)  # (N, T, 1)
        x = pad(real(x, mask), (0, self.bands - x.shape[2]))
        maps = [self.norm(self.conv(x[:, None]).permute(0, 2, 3, 1)).flatten(2)]
        for stage in self.stages:
            maps.append(stage(maps, mask))
        x = self.last(self.sum(maps).unflatten(2, (self.last_bands, -1)))
        return x.flatten(2).transpose(1, 2)
