"""Kaldi's log-mel filter banks and MFCC, in torch.

Samples are floats on the scale of 16-bit integers, and fill at least one frame. Recordings of the same length may be
given as a batch, (..., samples). Source: Kaldi, src/feat/feature-window.cc, mel-computations.cc and feature-mfcc.cc
(commit f4007661). Comments name Kaldi's functions.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import torch

from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError

PIECE = 1 << 10  # frames computed at once, a multiple of 16; larger pieces leave the cache and take three times as long
EPSILON = torch.finfo(torch.float32).eps  # FLT_EPSILON, Kaldi's floor before a logarithm


def fbank(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """Mel filter bank, (..., samples) to (..., frames, dim), and the log energy, (..., frames).

    The logarithm is taken if `use_log_fbank`. If `use_energy`, the log energy is an additional first column.
    """

    def of_frames(first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
        frames = _centred_frames(samples, fe, first, last)
        energy, mel = _log_energy(frames, fe), _mel(frames, fe)
        bands = _log(mel) if fe.use_log_fbank else mel
        return (torch.cat([energy[..., None], bands], dim=-1) if fe.use_energy else bands), energy

    return in_pieces(num_frames(samples.shape[-1], fe), of_frames)


def mfcc(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """MFCC, (..., samples) to (..., frames, num_ceps), and the log energy, (..., frames); it is C0 if `use_energy`."""

    def of_frames(first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
        frames = _centred_frames(samples, fe, first, last)
        energy = _log_energy(frames, fe)
        cepstra = _log(_mel(frames, fe)) @ dct(fe, samples.device).T
        if fe.use_energy:
            cepstra[..., 0] = energy
        return cepstra, energy

    return in_pieces(num_frames(samples.shape[-1], fe), of_frames)


def in_pieces(
    n: int, of_frames: Callable[[int, int], tuple[torch.Tensor, torch.Tensor]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (..., n, dim) and log energies (..., n) of n frames, computed in pieces to save memory.

    Args:
        of_frames: computes both from a first frame up to, but not including, a last one.
    """
    ends = [*range(PIECE, n - PIECE + 1, PIECE), n]  # the last piece is the longest, so that none is short
    feats, energy = of_frames(0, ends[0])
    if len(ends) == 1:
        return feats, energy
    all_feats, all_energy = (
        feats.new_empty(*feats.shape[:-2], n, feats.shape[-1]),
        energy.new_empty(*energy.shape[:-1], n),
    )
    all_feats[..., : ends[0], :], all_energy[..., : ends[0]] = feats, energy
    for first, last in pairwise(ends):
        all_feats[..., first:last, :], all_energy[..., first:last] = of_frames(first, last)
    return all_feats, all_energy


def log_energy(samples: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Log energy of each frame: (..., samples) to (..., frames)."""
    return _log_energy(_centred_frames(samples, fe, 0, num_frames(samples.shape[-1], fe)), fe)


def _log_energy(frames: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Log energy of (..., frames, window_size), before pre-emphasis and window: (..., frames)."""
    energy = frame_energy(frames)
    return energy.clamp(min=math.log(fe.energy_floor)) if fe.energy_floor > 0 else energy


def frame_energy(frames: torch.Tensor) -> torch.Tensor:
    """Log energy of (..., frames, window_size): (..., frames)."""
    return _log(torch.linalg.vecdot(frames, frames))


def _log(x: torch.Tensor) -> torch.Tensor:
    """The logarithm, floored; in place."""
    return x.clamp_(min=EPSILON).log_()


def num_frames(num_samples: int, fe: FrontEnd) -> int:
    """The number of frames of a recording (NumFrames)."""
    if fe.snip_edges:
        return max(0, 1 + (num_samples - fe.window_size) // fe.window_shift)
    return (num_samples + fe.window_shift // 2) // fe.window_shift


def _centred_frames(samples: torch.Tensor, fe: FrontEnd, first: int, last: int) -> torch.Tensor:
    """Frames `first` to `last`, dithered, with their mean subtracted: (..., last - first, window_size).

    This is the first half of ProcessWindow.
    """
    frames = _strided(samples, fe, first, last)
    if fe.dither:
        frames = frames + fe.dither * torch.randn_like(frames)
    return frames - frames.mean(dim=-1, keepdim=True)


def _strided(samples: torch.Tensor, fe: FrontEnd, first: int, last: int) -> torch.Tensor:
    """Overlapping frames `first` to `last` of the recording, reflected at its ends: sample -1 is 0 (ExtractWindow)."""
    size, shift, length = fe.window_size, fe.window_shift, samples.shape[-1]
    begin = first * shift + (0 if fe.snip_edges else shift // 2 - size // 2)  # else centred on shift * (t + 1/2)
    end = begin + (last - first - 1) * shift + size
    before, after = max(0, -begin), max(0, end - length)
    ends = samples[..., :before].flip(-1), samples[..., length - after :].flip(-1)
    whole = torch.cat([ends[0], samples[..., max(begin, 0) : end], ends[1]], dim=-1)
    return whole.unfold(-1, size, shift)


def _mel(frames: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Pre-emphasis, window, spectrum and mel bands of (..., frames, window_size): (..., frames, num_mel_bins)."""
    size, c = fe.window_size, fe.preemphasis_coefficient
    padded = frames.new_zeros(*frames.shape[:-1], fft_size(fe))
    torch.sub(frames[..., 1:], frames[..., :-1], alpha=c, out=padded[..., 1:size])
    padded[..., 0] = (1 - c) * frames[..., 0]  # x[-1] is taken as x[0]
    padded[..., :size] *= window(fe, frames.device)
    spectrum = torch.fft.rfft(padded)[..., :-1]  # the Nyquist bin is unused
    power = spectrum.real.square() + spectrum.imag.square()
    return (power if fe.use_power else power.sqrt()) @ mel_banks(fe, frames.device)


def fft_size(fe: FrontEnd) -> int:
    """The window size, rounded up to a power of two."""
    return 1 << (fe.window_size - 1).bit_length()


@lru_cache(maxsize=8)
def window(fe: FrontEnd, device: torch.device) -> torch.Tensor:
    """The window's weights, (window_size,) (FeatureWindowFunction)."""
    n = torch.arange(fe.window_size, dtype=torch.float64)
    cos = torch.cos(2 * math.pi * n / (fe.window_size - 1))
    weights = {
        "povey": (0.5 - 0.5 * cos) ** 0.85,
        "hanning": 0.5 - 0.5 * cos,
        "hamming": 0.54 - 0.46 * cos,
        "blackman": 0.42 - 0.5 * cos + 0.08 * (2 * cos**2 - 1),
        "rectangular": torch.ones_like(n),
    }[fe.window_type]
    return weights.float().to(device)


@lru_cache(maxsize=8)
def mel_banks(fe: FrontEnd, device: torch.device) -> torch.Tensor:
    """Triangular filters, linear in mel, over the FFT bins below Nyquist: (fft_size / 2, num_mel_bins) (MelBanks).

    Raises InputError if a band is so narrow that it holds no FFT bin.
    """

    def mel(hz):
        return 1127.0 * torch.log1p(torch.as_tensor(hz, dtype=torch.float64) / 700.0)

    low, high = mel(fe.low_freq), mel(fe.upper_freq)
    step = (high - low) / (fe.num_mel_bins + 1)
    left = low + step * torch.arange(fe.num_mel_bins, dtype=torch.float64)
    bins = mel(torch.arange(fft_size(fe) // 2, dtype=torch.float64) * fe.sample_frequency / fft_size(fe))
    rising = (bins[:, None] - left) / step
    banks = torch.minimum(rising, 2 - rising).clamp(min=0)
    check_bands(banks)
    return banks.float().to(device)


def check_bands(banks: torch.Tensor) -> None:
    """Raise InputError unless each band of (fft bins, num_mel_bins) holds an FFT bin."""
    if not (filled := banks.any(dim=0)).all():
        raise InputError(
            f"feats.num_mel_bins: {int((~filled).sum())} of {len(filled)} bands hold no bin of the FFT; "
            "lower it, or raise frame_length"
        )


@lru_cache(maxsize=8)
def dct(fe: FrontEnd, device: torch.device) -> torch.Tensor:
    """Orthonormal DCT-II multiplied by the lifter: (num_ceps, num_mel_bins) (ComputeDctMatrix)."""
    n = fe.num_mel_bins
    k = torch.arange(fe.num_ceps, dtype=torch.float64)[:, None]
    dct = math.sqrt(2 / n) * torch.cos(math.pi / n * (torch.arange(n, dtype=torch.float64) + 0.5) * k)
    dct[0] = math.sqrt(1 / n)
    q = fe.cepstral_lifter
    lifter = 1 + q / 2 * torch.sin(math.pi * k / q) if q else torch.ones_like(k)
    return (dct * lifter).float().to(device)
