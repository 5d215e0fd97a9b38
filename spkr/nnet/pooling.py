"""Pooling over time: from frames in any precision to one float32 vector per utterance, over its real frames only.

`xvector`            mean and standard deviation (D. Snyder et al., "X-vectors", ICASSP 2018, section 2.3)
`gram`               the uncentred second moments of every pair of channels (NeMo 0.11's "gram")
`super`              both
`attentive`          mean and standard deviation weighted by an attention over frames (K. Okabe et al., "Attentive
                     statistics pooling for deep speaker embedding", Interspeech 2018)
`channel_attentive`  the same with an attention for each channel, which also reads the mean and standard deviation of
                     the utterance (B. Desplanques et al., "ECAPA-TDNN", Interspeech 2020, section 3.1)
`factorised`         means of all values, weighted by the attention of each head; of the encoder `mhfa` only

The standard deviation of T frames is the biased one: the sum of squares is divided by T, as in Kaldi and in the two
papers on attention. NeMo 0.11's "xvector", wespeaker's TSTP (ResNet34) and 3D-Speaker's CAM++ divide by T - 1
(`unbiased_std`); theirs is larger by the factor sqrt(T / (T - 1)), 0.25 % at 200 frames.
"""

from dataclasses import dataclass

import torch
from torch import nn

from spkr.errors import InputError
from spkr.nnet.conv import BatchNorm1d, Conv1d, time_axis
from spkr.nnet.layers import real
from spkr.nnet.moments import deviations, mean_and_variance

ATTENTION = 128  # width of the attention's hidden layer


@dataclass(frozen=True)
class Deviation:
    """How the standard deviation of T frames is computed."""

    unbiased: bool = False  # divide by T - 1, not T; a weighted one never is
    floor: float = 1e-10  # of the variance, under the square root; the default is Kaldi's


def make_pooling(
    mode: str, channels: int, attention_norm: bool = False, deviation: Deviation = Deviation(), heads: int = 0
) -> nn.Module:
    """The pooling of a config's `model.pooling`: from (N, channels, T) to (N, output_dim).

    `attention_norm` and `heads` are the encoder's (spkr.nnet.layers.Encoder) and concern `channel_attentive` and
    `factorised` only.
    """
    if mode == "factorised":
        return FactorisedAttention(channels, heads)
    if mode in Pooling.MODES:
        return Pooling(mode, channels, deviation)
    if mode == "attentive":
        return AttentiveStatistics(channels, deviation)
    if mode == "channel_attentive":
        return ChannelAttentiveStatistics(channels, attention_norm, deviation)
    raise InputError(f"model.pooling: {mode!r}; expected {', '.join(Pooling.MODES)}, attentive or channel_attentive")


def mean_and_deviation(mean: torch.Tensor, variance: torch.Tensor, floor: float) -> torch.Tensor:
    """Mean and standard deviation, (N, C) each, as (N, 2 C)."""
    return torch.cat([mean, variance.clamp(min=floor).sqrt()], dim=1)


class Pooling(nn.Module):
    """Moments with all frames weighted equally: (N, C, T), of which real frames come first, to (N, output_dim)."""

    MODES = ("xvector", "gram", "super")

    def __init__(self, mode: str, channels: int, deviation: Deviation = Deviation()):
        super().__init__()
        self.deviation = deviation
        dims = {"xvector": 2 * channels, "gram": channels**2, "super": 2 * channels + channels**2}
        self.mode, self.output_dim = mode, dims[mode]

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Pool (N, C, T); mask: (N, 1, T), true on real frames, or None if all are."""
        x = x if self.mode == "xvector" else x.float()  # the gradients of both moments add up in float32
        statistics = []
        if self.mode in ("xvector", "super"):
            statistics.append(
                mean_and_deviation(*mean_and_variance(x, mask, self.deviation.unbiased), self.deviation.floor)
            )
        if self.mode in ("gram", "super"):
            x, n = real(x, mask), x.shape[2] if mask is None else mask.sum(dim=2, keepdim=True)
            statistics.append((x @ x.transpose(1, 2) / n).flatten(1))
        return torch.cat(statistics, dim=1)


class AttentiveStatistics(nn.Module):
    """Weighted moments, one weight per frame. Equation numbers are Okabe et al.'s."""

    def __init__(self, channels: int, deviation: Deviation = Deviation(), scores: int = 1):
        super().__init__()
        self.floor = deviation.floor
        self.w = Conv1d(channels, ATTENTION, 1)  # W, b
        self.before_tanh = nn.Identity()
        self.v = Conv1d(ATTENTION, scores, 1)  # v, k
        self.output_dim = 2 * channels

    def forward(self, h: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Pool (N, C, T); mask: (N, 1, T), true on real frames, or None if all are."""
        h = real(h.float(), mask)
        return self.pool(h, self.w(h), mask)

    def pool(self, h: torch.Tensor, hidden: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Pool (N, C, T), zero on padding, with the attention whose W h_t + b is `hidden` (N, ATTENTION, T)."""
        e = self.v(torch.tanh(self.before_tanh(hidden)))  # e_t = v^T f(W h_t + b) + k, eq. (3)
        if mask is not None:
            e = torch.where(mask, e, -torch.inf)
        time, h, e = time_axis(h, e)
        alpha = e.softmax(dim=time)  # eq. (4)
        mean = (alpha * h).sum(dim=time)  # eq. (5)
        variance = (alpha * deviations(h, mean, time).square()).sum(dim=time)
        return mean_and_deviation(mean, variance, self.floor)  # eq. (6)


class ChannelAttentiveStatistics(AttentiveStatistics):
    """Weighted moments, one weight per frame and channel, then batch norm. Equation numbers are Desplanques et al.'s.

    The attention reads [h_t, mu, sigma], mu and sigma of the whole utterance. As these are the same in all frames,
    their part of W is applied once. With `attention_norm` the nonlinearity is tanh(BN(ReLU(.))), as in TitaNet's code,
    in place of the paper's tanh.
    """

    def __init__(self, channels: int, attention_norm: bool = False, deviation: Deviation = Deviation()):
        super().__init__(channels, deviation, scores=channels)
        self.statistics = Pooling("xvector", channels, deviation)
        self.context = nn.Linear(2 * channels, ATTENTION, bias=False)  # the part of W for mu and sigma
        if attention_norm:
            self.before_tanh = nn.Sequential(nn.ReLU(), BatchNorm1d(ATTENTION))
        self.norm = nn.BatchNorm1d(2 * channels)

    def forward(self, h: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Pool (N, C, T); mask: (N, 1, T), true on real frames, or None if all are."""
        h = real(h.float(), mask)
        context = self.context(self.statistics(h, mask))
        return self.norm(self.pool(h, self.w(h) + context[:, :, None], mask))  # eqs. (1) to (4)


class FactorisedAttention(nn.Module):
    """For each head, the mean of all values, weighted by the softmax over time of the head's scores.

    Source: J. Peng et al., SLT 2022, as in spkr.nnet.mhfa.

    Args: channels are `heads` (H) scores, then the values (C).
    """

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads, self.output_dim = heads, heads * (channels - heads)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Pool (N, H + C, T) to (N, H C); mask: (N, 1, T), true on real frames, or None if all are."""
        x = x.float()
        scores, values = x[:, : self.heads], real(x[:, self.heads :], mask)
        if mask is not None:
            scores = torch.where(mask, scores, -torch.inf)
        return (scores.softmax(dim=2) @ values.transpose(1, 2)).flatten(1)
