"""From a batch of waveforms to what the network sees, on the device: rooms, noise, features, normalisation, masks.

What is drawn was drawn by the loader (spkr.train.waveforms); here nothing is random but dither.
"""

from typing import NamedTuple

import torch
from scipy.fft import next_fast_len
from torch.fft import irfft, rfft

from spkr.config.frontend import CmvnOptions, FrontEnd
from spkr.feats import compute, fbank
from spkr.feats.cmvn import SLIDING_VARIANCE_FLOOR, UTTERANCE_STD_GUARD
from spkr.nnet.layers import within


class Waveforms(NamedTuple):
    """N crops with what happens to each. A crop has `margin` frames before and behind it; rows end in zeros."""

    speech: torch.Tensor  # (N, samples), on the scale of 16-bit integers
    num_samples: torch.Tensor  # (N,), of `speech` without the zeros
    rooms: torch.Tensor | None  # (N, taps) impulse responses
    direct: int  # the tap of the direct sound
    noise: torch.Tensor | None  # (N, samples), as loud as it is to be where the speech has unit power
    frames: torch.Tensor  # (N, T) int64: those of the crop's frames that are seen
    lengths: torch.Tensor  # (N,): of so many
    hidden_frames: torch.Tensor  # (N, T) bool: SpecAugment's masks
    hidden_bands: torch.Tensor  # (N, dim) bool


def margin(fe: FrontEnd) -> int:
    """Frames beside a crop from which on none sees where it was cut."""
    return -(-fbank.fft_size(fe) // fe.window_shift)


@torch.no_grad()
def features(w: Waveforms, fe: FrontEnd) -> torch.Tensor:
    """Features as the reader of arks gives them, (N, T, dim), but normalised over the crop; zeros behind its end."""
    speech = w.speech if w.rooms is None else reverberated(w.speech, w.num_samples, w.rooms, w.direct)
    if w.noise is not None:
        speech = speech + power(speech, w.num_samples).sqrt()[:, None] * w.noise
    rows, beside = speech.shape[1] // fe.window_shift, margin(fe)
    feats = compute(speech, fe)[0][:, beside : rows - beside]
    feats = normalized(feats, w.num_samples // fe.window_shift - 2 * beside, fe.cmvn)
    seen = feats.gather(1, w.frames[..., None].expand(-1, -1, feats.shape[2]))
    inside = within(w.lengths, seen.shape[1])[..., None]
    means = seen.where(inside, 0).sum(1, keepdim=True) / w.lengths[:, None, None]
    hidden = w.hidden_frames[..., None] | w.hidden_bands[:, None]
    return torch.where(hidden, means, seen).where(inside, 0)


def power(samples: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Mean square (N,) of rows of (N, samples) that are zero from `lengths` (N,) on."""
    return samples.square().sum(1) / lengths


def reverberated(speech: torch.Tensor, lengths: torch.Tensor, rooms: torch.Tensor, direct: int) -> torch.Tensor:
    """(N, samples) through (N, taps) impulse responses whose direct sound is tap `direct`.

    As spkr.audio.acoustics.reverberate: the direct sound keeps its place, and the power is what it was. A row whose
    response has no other tap stays as it is, to the bit.
    """
    n = speech.shape[1]
    size = next_fast_len(n + rooms.shape[1] - 1, real=True)
    out = irfft(rfft(speech, size) * rfft(rooms, size), size)[:, direct : direct + n]
    out = out.where(within(lengths, n), 0)
    out = out * (power(speech, lengths) / power(out, lengths).clamp(min=1e-18)).sqrt()[:, None]
    return torch.where(rooms.count_nonzero(dim=1)[:, None] > 1, out, speech)


def normalized(feats: torch.Tensor, lengths: torch.Tensor, cmvn: CmvnOptions) -> torch.Tensor:
    """spkr.feats.cmvn's utterance_cmvn or sliding_cmvn of the first `lengths` (N,) frames of each (T, dim)."""
    if cmvn.type == "none":
        return feats
    n, inside = lengths[:, None, None], within(lengths, feats.shape[1])[..., None]
    x = feats.double().where(inside, 0)
    if cmvn.type == "utterance":
        out = x - x.sum(1, keepdim=True) / n
        if cmvn.norm_vars:
            variance = out.square().where(inside, 0).sum(1, keepdim=True) / (n - 1).clamp(min=1)
            out = out / (variance.sqrt() + UTTERANCE_STD_GUARD)
        return out.float()
    mean, width = sliding_means(x, lengths, cmvn)
    out = x - mean
    if cmvn.norm_vars:
        variance = sliding_means(x.square(), lengths, cmvn)[0] - mean.square()
        out = out / variance.clamp(min=SLIDING_VARIANCE_FLOOR).sqrt()
        out = out.where(width > 1, 0)
    return out.float()


def sliding_means(x: torch.Tensor, lengths: torch.Tensor, cmvn: CmvnOptions) -> tuple[torch.Tensor, torch.Tensor]:
    """Means of (N, T, dim) over the window of each frame, and its width, (N, T, 1)."""
    n, t = lengths[:, None], torch.arange(x.shape[1], device=x.device)[None]
    if cmvn.center:
        start = (t - cmvn.window // 2).clamp(min=0).minimum((n - cmvn.window).clamp(min=0))
        end = (start + cmvn.window).minimum(n)
    else:
        start = (t - cmvn.window).clamp(min=0).minimum(n - 1)
        end = (t + 1).clamp(min=cmvn.min_window).minimum(n)
    # A product, as a cumulative sum is refused on a GPU where the run is to be deterministic
    sums = torch.ones(x.shape[1] + 1, x.shape[1], dtype=x.dtype, device=x.device).tril(-1) @ x  # (N, T + 1, dim)
    first, last = (i[..., None].expand(-1, -1, x.shape[2]) for i in (start, end))
    width = (end - start)[..., None]
    return (sums.gather(1, last) - sums.gather(1, first)) / width, width
