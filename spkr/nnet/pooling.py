"""Pooling over time: from frames to one vector an utterance, over its real frames only.

`xvector`            mean and standard deviation (D. Snyder et al., "X-vectors", ICASSP 2018, section 2.3)
`gram`               the uncentred second moments of every pair of channels (NeMo 0.11's "gram")
`super`              both
`attentive`          mean and standard deviation of frames that count by an attention (K. Okabe et al., "Attentive
                     statistics pooling for deep speaker embedding", Interspeech 2018)
`channel_attentive`  the same with an attention for each channel, which sees the whole utterance (B. Desplanques et al.,
                     "ECAPA-TDNN", Interspeech 2020, section 3.1)
"""

import torch
from torch import nn

from spkr.errors import InputError
from spkr.nnet.conv import Conv1d, time_axis
from spkr.nnet.layers import real

VARIANCE_FLOOR = 1e-10  # Kaldi's, under the square root
ATTENTION = 128  # width of the attention's layer


def make_pooling(mode: str, channels: int) -> nn.Module:
    """The pooling of a config's `model.pooling`: from (N, channels, T) to (N, output_dim)."""
    if mode in Pooling.MODES:
        return Pooling(mode, channels)
    if mode == "attentive":
        return AttentiveStatistics(channels)
    if mode == "channel_attentive":
        return ChannelAttentiveStatistics(channels)
    raise InputError(f"model.pooling: {mode!r}; expected {', '.join(Pooling.MODES)}, attentive or channel_attentive")


class Pooling(nn.Module):
    """Moments of all frames alike: (N, C, T) and the mask of real frames to (N, output_dim)."""

    MODES = ("xvector", "gram", "super")

    def __init__(self, mode: str, channels: int):
        super().__init__()
        dims = {"xvector": 2 * channels, "gram": channels**2, "super": 2 * channels + channels**2}
        self.mode, self.output_dim = mode, dims[mode]

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Pool float32 (N, C, T); mask: (N, 1, T), true on real frames, or None if all are."""
        n = x.shape[2] if mask is None else mask.sum(dim=2)  # scalar or (N, 1)
        x = real(x, mask)
        time, frames = time_axis(x)
        statistics = []
        if self.mode in ("xvector", "super"):
            mean = frames.sum(dim=time) / n
            variance = frames.square().sum(dim=time) / n - mean.square()
            statistics += [mean, variance.clamp(min=VARIANCE_FLOOR).sqrt()]
        if self.mode in ("gram", "super"):
            gram = x @ x.transpose(1, 2) / (n if mask is None else n[:, :, None])
            statistics.append(gram.flatten(1))
        return torch.cat(statistics, dim=1)


class AttentiveStatistics(nn.Module):
    """Weighted moments, one weight a frame. Equation numbers are Okabe et al.'s."""

    def __init__(self, channels: int, scores: int = 1):
        super().__init__()
        self.w = Conv1d(channels, ATTENTION, 1)  # W, b
        self.v = Conv1d(ATTENTION, scores, 1)  # v, k
        self.output_dim = 2 * channels

    def forward(self, h: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Pool float32 (N, C, T); mask: (N, 1, T), true on real frames, or None if all are."""
        return self.pool(h, self.w(h), mask)

    def pool(self, h: torch.Tensor, hidden: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Pool (N, C, T) with the weights that follow from W h_t + b, (N, ATTENTION, T)."""
        e = self.v(torch.tanh(hidden))  # e_t = v^T f(W h_t + b) + k, eq. (3)
        if mask is not None:
            e = e.masked_fill(~mask, -torch.inf)
        time, h, e = time_axis(h, e)
        alpha = e.softmax(dim=time)  # eq. (4)
        mean = (alpha * h).sum(dim=time)  # eq. (5)
        variance = (alpha * h.square()).sum(dim=time) - mean.square()
        return torch.cat([mean, variance.clamp(min=VARIANCE_FLOOR).sqrt()], dim=1)  # eq. (6)


class ChannelAttentiveStatistics(AttentiveStatistics):
    """Weighted moments, one weight a frame and channel, then batch norm. Equation numbers are Desplanques et al.'s.

    The attention sees [h_t, mu, sigma], mu and sigma of the whole utterance. As these are the same in all frames, their
    part of W is applied once.
    """

    def __init__(self, channels: int):
        super().__init__(channels, scores=channels)
        self.statistics = Pooling("xvector", channels)
        self.context = nn.Linear(2 * channels, ATTENTION, bias=False)  # the part of W for mu and sigma
        self.norm = nn.BatchNorm1d(2 * channels)

    def forward(self, h: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Pool float32 (N, C, T); mask: (N, 1, T), true on real frames, or None if all are."""
        context = self.context(self.statistics(h, mask))
        return self.norm(self.pool(h, self.w(h) + context[:, :, None], mask))  # eqs. (1) to (4)
