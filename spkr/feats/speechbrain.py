"""The front end of speechbrain's speaker networks: mel bands of the power spectrum, in decibels.

Differences from Kaldi's fbank: samples lie between -1 and 1, without pre-emphasis; frames are centred on multiples of
the frame shift, with zeros beyond the ends; the FFT is as long as the frame; a band rises and falls by its distance
from the band below it in Hz; decibels are limited below the largest one of the recording. Source: speechbrain 1.1,
lobes/features.py (Fbank), processing/features.py (STFT, Filterbank).
"""

import math
from functools import lru_cache

import torch
from torch.nn.functional import pad

from spkr.config.front_end_options import FrontEnd
from spkr.feats.fbank import check_bands, in_pieces
from spkr.feats.logmel import centred_log_energy, reach

POWER_FLOOR = 1e-10  # amin
RANGE = 80.0  # dB below the largest value (top_db)


def speechbrain(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """Mel bands of (..., samples) on the 16-bit scale: (..., frames, dim) in dB, and the log energy, (..., frames)."""

    def of_frames(first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
        decibels = 10 * _bands(samples, fe, first, last).clamp(min=POWER_FLOOR).log10()
        return decibels, centred_log_energy(samples, fe, first, last)

    feats, energy = in_pieces(num_frames(samples.shape[-1], fe), of_frames)
    return torch.maximum(feats, feats.amax(dim=(-2, -1), keepdim=True) - RANGE), energy


def _bands(samples: torch.Tensor, fe: FrontEnd, first: int, last: int) -> torch.Tensor:
    """Mel bands of frames `first` to `last`, (..., last - first, num_mel_bins)."""
    begin, end, *beside = reach(first, last, fe.window_size, fe.window_shift, samples.shape[-1])
    frames = pad(samples[..., begin:end] / 32768, beside).unfold(-1, fe.window_size, fe.window_shift)
    spectrum = torch.fft.rfft(frames * torch.hamming_window(fe.window_size, device=samples.device))
    return (spectrum.real.square() + spectrum.imag.square()) @ mel_banks(fe, samples.device)


def num_frames(num_samples: int, fe: FrontEnd) -> int:
    """The number of frames of a recording."""
    return 1 + num_samples // fe.window_shift


@lru_cache(maxsize=8)
def mel_banks(fe: FrontEnd, device: torch.device) -> torch.Tensor:
    """Triangular filters, (window_size // 2 + 1, num_mel_bins). Raises InputError if one holds no FFT bin."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (fe.low_freq, fe.upper_freq))
    mel = torch.linspace(low, high, fe.num_mel_bins + 2, dtype=torch.float64)
    edges = 700 * (10 ** (mel / 2595) - 1)  # in Hz
    bins = torch.linspace(0, fe.sample_frequency // 2, fe.window_size // 2 + 1, dtype=torch.float64)
    distance = (bins[:, None] - edges[1:-1]) / (edges[1:-1] - edges[:-2])
    banks = (1 - distance.abs()).clamp(min=0)
    check_bands(banks)
    return banks.float().to(device)
