"""Turns a batch of waveforms into the network's input on the device: rooms, noise, features, normalisation, masks.

The loader (spkr.train.waveforms) has made all random choices; only dither is random here.
"""

from typing import NamedTuple

import torch

from spkr.audio.acoustics import POWER_FLOOR, through_room
from spkr.config.front_end_options import FrontEnd
from spkr.feats import compute, fbank
from spkr.feats.cmvn import normalize_batch
from spkr.nnet.layers import within


class Waveforms(NamedTuple):
    """N crops and how each is changed. Each has `margin` more frames at both ends; rows are padded with zeros."""

    speech: torch.Tensor  # (N, samples), on the scale of 16-bit integers
    num_samples: torch.Tensor  # (N,), of `speech` without the padding
    rooms: torch.Tensor | None  # (N, taps) impulse responses
    direct: int  # the tap of the direct sound
    noise: torch.Tensor | None  # (N, samples), scaled for speech of unit power
    frames: torch.Tensor  # (N, T) int64: the frames of the crop that the network sees
    lengths: torch.Tensor  # (N,): the number of these frames
    hidden_frames: torch.Tensor  # (N, T) bool: SpecAugment's masks
    hidden_bands: torch.Tensor  # (N, dim) bool


def margin(fe: FrontEnd) -> int:
    """The number of frames needed on either side of a crop so that no frame of the crop depends on the cut."""
    return -(-fbank.fft_size(fe) // fe.window_shift)


@torch.no_grad()
def features(w: Waveforms, fe: FrontEnd) -> torch.Tensor:
    """Features (N, T, dim) like those from arks, but normalised over the crop; rows are padded with zeros."""
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
    """Mean square (N,) of the first `lengths` (N,) samples of rows of (N, samples), which are zero after them."""
    return samples.square().sum(1) / lengths


def reverberated(speech: torch.Tensor, lengths: torch.Tensor, rooms: torch.Tensor, direct: int) -> torch.Tensor:
    """Convolve rows of (N, samples) with impulse responses (N, taps), whose direct sound is tap `direct`.

    As in `spkr.audio.acoustics.reverberate`, the direct sound keeps its place, and the power is kept. A row whose
    response has no other tap is returned unchanged, bit for bit.
    """
    out = through_room(speech, rooms, direct, torch.fft).where(within(lengths, speech.shape[1]), 0)
    out = out * (power(speech, lengths) / power(out, lengths).clamp(min=POWER_FLOOR)).sqrt()[:, None]
    return torch.where(rooms.count_nonzero(dim=1)[:, None] > 1, out, speech)
