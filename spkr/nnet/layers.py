"""What several networks share, above all the masking of padding.

Utterances of different lengths are padded to one batch. `mask` is true on real frames, or None if all frames are real:
(N, 1, T), or (N, 1, 1, T) if there is an axis of frequency. A layer that combines several frames reads
`real(x, mask)`. So in evaluation mode an utterance gives the same output alone as in a padded batch, whatever the
padding holds. In training, batch norm counts padding.
"""

import torch
from torch import nn
from torch.nn.functional import pad

from spkr.errors import InputError
from spkr.nnet.conv import time_axis


class Encoder(nn.Module):
    """Maps features (N, T, input_dim) to frames (N, output_dim, T / stride), which are pooled.

    A subclass overrides the attributes where its source differs:

    stride           frames of input for each frame of output
    affine_norm      batch norm of the affine layers after the pooling: "before_relu", "after_relu" or "none"
    attention_norm   whether `channel_attentive` pooling applies ReLU and batch norm before the tanh of its attention
    sums             of a WavLM's layers that the encoder reads, side by side (feats.type ssl)
    heads            of `factorised` pooling: the first channels that the encoder puts out are their scores
    multiple         the encoder sees the first frames of an utterance, as many as are a multiple of this
    """

    stride = 1
    sums = 1
    heads = 0
    multiple = 1
    affine_norm = "before_relu"
    attention_norm = False
    output_dim: int


def within(lengths: torch.Tensor, longest: int) -> torch.Tensor:
    """(N, longest) bool: true on the first `lengths` (N,) of each row."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def frame_mask(lengths: torch.Tensor | None, frames: int) -> torch.Tensor | None:
    """The mask (N, 1, T) of utterances of `lengths` (N,) padded to T frames; None if there are no lengths.

    Raises InputError for an utterance without frames, which has no mean.
    """
    if frames < 1:
        raise InputError("a batch of utterances with 0 frames; expected one frame or more")
    if lengths is None:
        return None
    if not torch.compiler.is_compiling() and (lengths < 1).any():
        raise InputError(
            f"utterance {int(lengths.argmin())} (from 0) of a batch has {int(lengths.min())} frames; "
            "expected one frame or more"
        )
    return within(lengths, frames).unsqueeze(1)


def real(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Set padding frames to zero, like the frames beyond the end of an utterance that is not padded.

    They are replaced, because padding may be infinite or NaN. In inference they are multiplied by zero, which takes a
    quarter of the time: `SpeakerNet.embed` has replaced the padding of features by then. Unlike `masked_fill`, both
    keep the order in memory.
    """
    if mask is None:
        return x
    return x * mask.to(x.dtype) if torch.is_inference_mode_enabled() else torch.where(mask, x, 0)


def reflect(x: torch.Tensor, mask: torch.Tensor | None, beyond: int) -> torch.Tensor:
    """Continue each utterance of (N, C, T) by its reflection, `beyond` frames at both ends: (N, C, T + 2 beyond).

    The frame at an end is not repeated. An utterance of fewer frames is reflected again and again.
    """
    time, frames = time_axis(x)
    n = mask.sum(dim=2) if mask is not None else torch.full((1, 1), x.shape[2], device=x.device)  # (N or 1, 1)
    period = (2 * (n - 1)).clamp(min=1)
    t = torch.arange(-beyond, x.shape[2] + beyond, device=x.device) % period
    source = torch.minimum(t, period - t).unsqueeze(3 - time)  # with one axis for the channels
    sizes = list(frames.shape)
    sizes[time] = -1
    y = frames.gather(time, source.expand(sizes))
    return y.transpose(1, 2) if time == 1 else y


def in_multiples(x: torch.Tensor, mask: torch.Tensor | None, multiple: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Drop the last frames of each utterance of (N, T, C) and its mask (N, 1, T), so that a multiple of frames is left.

    An utterance of fewer frames is continued with the padding, or with zeros.
    """
    frames = max(x.shape[1] // multiple, 1) * multiple
    x = pad(x[:, :frames], (0, 0, 0, max(frames - x.shape[1], 0)))
    if mask is None:
        return x, None
    return x, within((mask.sum(dim=2)[:, 0] // multiple).clamp(min=1) * multiple, frames).unsqueeze(1)


def strided(mask: torch.Tensor | None, stride: int) -> torch.Tensor | None:
    """The mask after a convolution of this stride in time; output frame t is centred on input frame stride * t."""
    return mask if mask is None else mask[..., ::stride]


def mean_over_time(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Mean of the real frames, at least in float32: (N, C, T) to (N, C)."""
    return sum_over_time(x, mask) / (x.shape[2] if mask is None else mask.sum(dim=2))


def sum_over_time(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Sum of the real frames, at least in float32: (N, C, T) to (N, C)."""
    if mask is None:
        time, x = time_axis(x)
    else:
        time, x, mask = time_axis(x, mask)
    return real(x, mask).sum(dim=time, dtype=torch.promote_types(x.dtype, torch.float32))


class SqueezeExcitation(nn.Module):
    """Scale each channel by a weight that depends on the means of all channels over the utterance.

    Source: J. Hu et al., "Squeeze-and-excitation networks", CVPR 2018, section 3.

    Args:
        channels: of input and output.
        hidden: width of the hidden layer.
        bias: whether the two affine layers have a bias.
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
