"""What several networks share, first of all how they keep padding out of sight.

A batch of utterances of unlike lengths is padded. `mask` is true on real frames, or None if all are: (N, 1, T), and
(N, 1, 1, T) where there is an axis of frequency. Whatever looks at more than one frame looks at `real(x, mask)`, so
that in evaluation mode an utterance gives the same output alone as beside a longer one. In training, batch norm counts
padding.
"""

import torch
from torch import nn

from spkr.nnet.conv import time_axis


def within(lengths: torch.Tensor, longest: int) -> torch.Tensor:
    """(N, longest) bool: true for so many of each row, (N,)."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def real(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Set padding frames to zero, as the frames beyond the end of an utterance that stands alone."""
    return x if mask is None else x * mask


def strided(mask: torch.Tensor | None, stride: int) -> torch.Tensor | None:
    """The mask behind a convolution of this stride in time, whose frame t has frame `stride` t in its middle."""
    return mask if mask is None else mask[..., ::stride]


def mean_over_time(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Mean of the real frames, in float32: (N, C, T) to (N, C)."""
    time, x = time_axis(real(x, mask))
    return x.sum(dim=time, dtype=torch.float32) / (x.shape[time] if mask is None else mask.sum(dim=2))


class SqueezeExcitation(nn.Module):
    """Scale each channel by what the whole utterance says of it.

    Source: J. Hu et al., "Squeeze-and-excitation networks", CVPR 2018, section 3.

    Args:
        channels: of input and output.
        hidden: width of the layer between.
        bias: whether the two affine maps have one.
    """

    def __init__(self, channels: int, hidden: int, bias: bool):
        super().__init__()
        self.w1 = nn.Linear(channels, hidden, bias=bias)
        self.w2 = nn.Linear(hidden, channels, bias=bias)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Map (N, C, T) to (N, C, T)."""
        z = mean_over_time(x, mask)  # eq. (2)
        s = torch.sigmoid(self.w2(torch.relu(self.w1(z))))  # eq. (3)
        return x * s[:, :, None].to(x.dtype)  # eq. (4)
