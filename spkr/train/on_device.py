"""From a batch of waveforms to what the network sees, on the device: rooms, noise, features, normalisation, masks.

What is drawn was drawn by the loader (spkr.train.waveforms); here nothing is random but dither.
"""

from typing import NamedTuple

import torch

from spkr.audio.acoustics import POWER_FLOOR, through_room
from spkr.config.front_end_options import FrontEnd
from spkr.feats import compute, fbank
from spkr.feats.cmvn import normalize_batch
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
    feats = normalize_batch(feats, w.num_samples // fe.window_shift - 2 * beside, fe.cmvn)
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

    `spkr.audio.acoustics.reverberate` of each row: the direct sound keeps its place, and the power is what it was.
    A row whose response has no other tap stays as it is, to the bit.
    """
    out = through_room(speech, rooms, direct, torch.fft).where(within(lengths, speech.shape[1]), 0)
    out = out * (power(speech, lengths) / power(out, lengths).clamp(min=POWER_FLOOR)).sqrt()[:, None]
    return torch.where(rooms.count_nonzero(dim=1)[:, None] > 1, out, speech)
