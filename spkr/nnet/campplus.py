"""CAM++: a densely connected TDNN whose layers are scaled by masks computed from their context.

Source: H. Wang et al., "CAM++: A fast and efficient network for speaker verification using context-aware masking",
Interspeech 2023, figure 1: a front-end of 2-D convolutions (FCM), then three D-TDNN blocks. From the paper's tables and
its authors' code (3D-Speaker): 32 channels in the FCM, bottlenecks of four times the growth rate, segments of 100.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import avg_pool1d

from spkr.errors import InputError
from spkr.nnet.conv import BatchNorm1d, Conv1d, flat, join, pixelwise
from spkr.nnet.layers import Encoder, mean_over_time, real, strided
from spkr.nnet.resnet import BasicBlock

FCM_CHANNELS = 32
BOTTLENECK = 4  # times the growth rate
SEGMENT = 100  # frames, here of 20 ms
DILATIONS = (1, 2, 2)


class FCM(nn.Module):
    """The front-end convolution module: residual blocks that keep time and reduce frequency to an eighth."""

    def __init__(self, input_dim: int):
        super().__init__()
        c = FCM_CHANNELS
        self.conv1 = nn.Conv2d(1, c, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(c)
        self.blocks = nn.ModuleList(BasicBlock(c, c, stride) for stride in ((2, 1), (1, 1), (2, 1), (1, 1)))
        self.conv2 = nn.Conv2d(c, c, 3, (2, 1), padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(c)
        self.output_dim = c * -(-input_dim // 8)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, F, T) to (N, output_dim, T)."""
        mask = mask if mask is None else mask[:, None]
        x = torch.relu(self.norm1(pixelwise(self.conv1(real(x[:, None], mask)))))
        for block in self.blocks:
            x = block(x, mask)
        return flat(torch.relu(self.norm2(self.conv2(real(x, mask)))))


class ContextAwareMasking(nn.Module):
    """A TDNN layer whose output is scaled by a mask M, from the means of the utterance (e_g) and of each segment (e_s).

    M = sigmoid(W_2 relu(W_1 (e_g + e_s) + b_1) + b_2), the section on multi-granularity pooling.
    """

    def __init__(self, channels_in: int, channels_out: int, dilation: int):
        super().__init__()
        self.local = Conv1d(channels_in, channels_out, 3, dilation=dilation, padding=dilation, bias=False)
        self.w1 = Conv1d(channels_in, channels_in // 2, 1)
        self.w2 = Conv1d(channels_in // 2, channels_out, 1)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C_in, T) to (N, C_out, T)."""
        x = real(x, mask)
        e_g = mean_over_time(x, mask)[:, :, None]
        e_s = avg_pool1d(x, SEGMENT, SEGMENT, ceil_mode=True)  # (N, C_in, segments)
        if mask is not None:  # from means over all frames of a segment to means over its real ones
            share = avg_pool1d(mask.float(), SEGMENT, SEGMENT, ceil_mode=True)
            e_s = e_s / share.clamp(min=1 / SEGMENT)
        m = torch.sigmoid(self.w2(torch.relu(self.w1(e_g + e_s))))  # (N, C_out, segments)
        m = m[:, :, :, None].expand(-1, -1, -1, SEGMENT).flatten(2)[:, :, : x.shape[2]]
        return self.local(x) * m


class DenseLayer(nn.Module):
    """Batch norm, ReLU and 1x1 convolution to a bottleneck, then a masked TDNN layer, joined to the input."""

    def __init__(self, channels: int, growth: int, dilation: int):
        super().__init__()
        bottleneck = BOTTLENECK * growth
        self.norm1 = BatchNorm1d(channels)
        self.conv = Conv1d(channels, bottleneck, 1, bias=False)
        self.norm2 = BatchNorm1d(bottleneck)
        self.cam = ContextAwareMasking(bottleneck, growth, dilation)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C, T) to (N, C + growth, T)."""
        y = self.conv(torch.relu(self.norm1(x)))
        y = self.cam(torch.relu(self.norm2(y)), mask)
        return join([x, y])


class Transition(nn.Module):
    """Batch norm, ReLU and 1x1 convolution to half the channels, between two blocks."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = BatchNorm1d(channels)
        self.conv = Conv1d(channels, channels // 2, 1, bias=False)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C, T) to (N, C / 2, T); no frame sees another."""
        return self.conv(torch.relu(self.norm(x)))


class CAMPPlus(Encoder):
    """CAM++'s frame layers.

    Args:
        input_dim: coefficients per frame.
        filters: channels of the TDNN layer between front-end and blocks, which halves time.
        growth: channels that each layer of a block adds.
        blocks: layers in each of the three blocks; after each, a transition halves the channels.
    """

    stride = 2

    def __init__(self, input_dim: int, *, filters: int, growth: int, blocks: Sequence[int]):
        super().__init__()
        if len(blocks) != len(DILATIONS):
            raise InputError(f"model.blocks: {list(blocks)}; expected the layers of {len(DILATIONS)} blocks")
        self.fcm = FCM(input_dim)
        self.tdnn = Conv1d(self.fcm.output_dim, filters, 5, self.stride, padding=2, bias=False)
        self.norm = BatchNorm1d(filters)
        self.layers, width = nn.ModuleList(), filters
        for layers, dilation in zip(blocks, DILATIONS, strict=True):
            for _ in range(layers):
                self.layers.append(DenseLayer(width, growth, dilation))
                width += growth
            self.layers.append(Transition(width))
            width //= 2
        self.last = BatchNorm1d(width)
        self.output_dim = width

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map features (N, T, input_dim) to (N, output_dim, T / 2); mask: (N, 1, T), true on real frames."""
        x = self.fcm(x.transpose(1, 2), mask)
        x, mask = torch.relu(self.norm(self.tdnn(real(x, mask)))), strided(mask, self.stride)
        for layer in self.layers:
            x = layer(x, mask)
        return torch.relu(self.last(x))
