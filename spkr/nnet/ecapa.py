"""ECAPA-TDNN, to be followed by `pooling: channel_attentive`.

Source: B. Desplanques et al., "ECAPA-TDNN: Emphasized channel attention, propagation and aggregation in TDNN based
speaker verification", Interspeech 2020, figure 2: a convolution, three SE-Res2Blocks of growing dilation, and a
convolution over the outputs of all three.
"""

import torch
from torch import nn

from spkr.errors import InputError
from spkr.nnet.conv import BatchNorm1d, Conv1d, join, part
from spkr.nnet.layers import Encoder, SqueezeExcitation, real, reflect

SCALE = 8  # groups of channels in a Res2 layer
BOTTLENECK = 128  # of squeeze and excitation
DILATIONS = (2, 3, 4)


class ConvReluNorm(nn.Module):
    """Convolution over time, ReLU, batch norm."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, dilation: int = 1, padding: str = "zeros"):
        super().__init__()
        beyond = dilation * (kernel // 2)
        self.reflected = beyond if padding == "reflect" else 0
        self.conv = Conv1d(channels_in, channels_out, kernel, dilation=dilation, padding=beyond - self.reflected)
        self.norm = BatchNorm1d(channels_out)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C_in, T) to (N, C_out, T)."""
        x = reflect(x, mask, self.reflected) if self.reflected else real(x, mask)
        return self.norm(torch.relu(self.conv(x)))


class Res2(nn.Module):
    """Groups of channels, each added to the previous output and convolved: one layer has contexts of many lengths.

    Source: S. Gao et al., "Res2Net: A new multi-scale backbone architecture", IEEE TPAMI 43(2), 2021, eq. (1).
    """

    def __init__(self, channels: int, kernel: int, dilation: int, padding: str):
        super().__init__()
        width = channels // SCALE
        self.convs = nn.ModuleList(ConvReluNorm(width, width, kernel, dilation, padding) for _ in range(SCALE - 1))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C, T) to (N, C, T)."""
        x1, *others = part(x, SCALE)
        y = [x1]  # y_1 = x_1
        for i, (x_i, k_i) in enumerate(zip(others, self.convs, strict=True)):
            y.append(k_i(x_i + y[-1] if i else x_i, mask))  # y_2 = K_2(x_2), y_i = K_i(x_i + y_{i-1})
        return join(y)


class SERes2Block(nn.Module):
    """1x1 convolution, Res2 layer, 1x1 convolution, squeeze and excitation, and a residual connection (3.2)."""

    def __init__(self, channels: int, kernel: int, dilation: int, padding: str):
        super().__init__()
        self.conv1 = ConvReluNorm(channels, channels, 1)
        self.res2 = Res2(channels, kernel, dilation, padding)
        self.conv2 = ConvReluNorm(channels, channels, 1)
        self.squeeze = SqueezeExcitation(channels, BOTTLENECK, bias=True)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C, T) to (N, C, T)."""
        y = self.conv2(self.res2(self.conv1(x, mask), mask), mask)
        return x + self.squeeze(y, mask)


class ECAPA(Encoder):
    """ECAPA-TDNN's frame layers.

    Args:
        input_dim: coefficients per frame.
        filters: channels of the blocks (C), a multiple of eight.
        last_filters: channels that go into the pooling.
        chained: each block reads the output of the block before it, as in wespeaker's and speechbrain's code, and not
            the sum of all outputs before it (section 3.3).
        padding: "zeros", or "reflect" as in speechbrain's code, beyond the ends of an utterance.
        aggregation_norm: batch norm after the last ReLU, as in speechbrain's code.
        attention_norm: ReLU and batch norm before the tanh of the pooling's attention, as in speechbrain's code.
    """

    def __init__(
        self,
        input_dim: int,
        *,
        filters: int,
        last_filters: int,
        chained: bool = False,
        padding: str = "zeros",
        aggregation_norm: bool = False,
        attention_norm: bool = False,
    ):
        super().__init__()
        if filters % SCALE:
            raise InputError(f"model.filters: {filters}; expected a multiple of {SCALE}, the groups of a Res2 layer")
        self.chained, self.attention_norm = chained, attention_norm
        self.first = ConvReluNorm(input_dim, filters, 5, padding=padding)
        self.blocks = nn.ModuleList(SERes2Block(filters, 3, dilation, padding) for dilation in DILATIONS)
        self.last = Conv1d(len(DILATIONS) * filters, last_filters, 1)
        self.last_norm = BatchNorm1d(last_filters) if aggregation_norm else nn.Identity()
        self.output_dim = last_filters

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map features (N, T, input_dim) to (N, output_dim, T); mask: (N, 1, T), true on real frames."""
        total = self.first(x.transpose(1, 2), mask)
        outputs = []
        for block in self.blocks:  # each sees the sum of all outputs before it (3.3)
            outputs.append(block(total, mask))
            total = outputs[-1] if self.chained else total + outputs[-1]
        return self.last_norm(torch.relu(self.last(join(outputs))))
