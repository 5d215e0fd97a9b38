"""Kaldi's log-mel filter banks and MFCC, in torch.

Samples are floats on the scale of 16-bit integers. Source: Kaldi, src/feat/feature-window.cc,
mel-computations.cc and feature-mfcc.cc (commit f4007661); the comments name the functions.
"""

import math
from functools import lru_cache

import torch

from spkr.feats.options import FrontEnd

EPSILON = torch.finfo(torch.float32).eps  # FLT_EPSILON, Kaldi's floor under a logarithm


def fbank(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mel filter bank of one recording: (frames, num_mel_bins), and log energies (frames,)."""
    frames, log_energy = windowed_frames(samples, fe)
    return _log_mel(frames, fe), log_energy


def mfcc(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """MFCC of one recording: (frames, num_ceps), and log energies (frames,), which are C0 if use_energy."""
    frames, log_energy = windowed_frames(samples, fe)
    cepstra = _log_mel(frames, fe) @ _dct(fe, samples.device).T
    if fe.use_energy:
        cepstra[:, 0] = log_energy
    return cepstra, log_energy


def num_frames(num_samples: int, fe: FrontEnd) -> int:
    """Frames of a recording (NumFrames)."""
    if fe.snip_edges:
        return max(0, 1 + (num_samples - fe.window_size) // fe.window_shift)
    return (num_samples + fe.window_shift // 2) // fe.window_shift


def windowed_frames(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames after DC removal, pre-emphasis and window, (frames, window_size); log energies before the last two."""
    frames = _strided(samples, fe)
    if fe.dither:
        frames = frames + fe.dither * torch.randn_like(frames)
    frames = frames - frames.mean(dim=1, keepdim=True)
    log_energy = frames.square().sum(dim=1).clamp(min=EPSILON).log()
    previous = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)  # x[-1] is taken to be x[0]
    frames = frames - fe.preemphasis_coefficient * previous
    return frames * _window(fe, samples.device), log_energy


def _strided(samples: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Cut into overlapping frames (ExtractWindow)."""
    size, shift, n = fe.window_size, fe.window_shift, num_frames(len(samples), fe)
    if fe.snip_edges:
        return samples[: (n - 1) * shift + size].unfold(0, size, shift) if n else samples.new_empty(0, size)
    left = size // 2 - shift // 2  # frame t is centred on sample shift * (t + 1/2)
    index = torch.arange(-left, (n - 1) * shift - left + size, device=samples.device)
    period = 2 * len(samples)  # reflection: -1 is 0, len is len - 1, and again beyond that
    index = index % period
    return samples[torch.where(index < len(samples), index, period - 1 - index)].unfold(0, size, shift)


def _log_mel(frames: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    power = torch.fft.rfft(frames, n=fft_size(fe)).abs().square()
    return (power[:, :-1] @ mel_banks(fe, frames.device)).clamp(min=EPSILON).log()  # the Nyquist bin is unused


def fft_size(fe: FrontEnd) -> int:
    """The window, rounded up to a power of two."""
    return 1 << (fe.window_size - 1).bit_length()


@lru_cache(maxsize=8)
def _window(fe: FrontEnd, device: torch.device) -> torch.Tensor:
    """FeatureWindowFunction."""
    n = torch.arange(fe.window_size, dtype=torch.float64)
    cos = torch.cos(2 * math.pi * n / (fe.window_size - 1))
    window = {
        "povey": (0.5 - 0.5 * cos) ** 0.85,
        "hanning": 0.5 - 0.5 * cos,
        "hamming": 0.54 - 0.46 * cos,
        "blackman": 0.42 - 0.5 * cos + 0.08 * (2 * cos**2 - 1),
        "rectangular": torch.ones_like(n),
    }[fe.window_type]
    return window.float().to(device)


@lru_cache(maxsize=8)
def mel_banks(fe: FrontEnd, device: torch.device) -> torch.Tensor:
    """Triangular filters, linear in mel, over the FFT bins below Nyquist: (fft_size / 2, num_mel_bins) (MelBanks)."""

    def mel(hz):
        return 1127.0 * torch.log1p(torch.as_tensor(hz, dtype=torch.float64) / 700.0)

    low, high = mel(fe.low_freq), mel(fe.upper_freq)
    step = (high - low) / (fe.num_mel_bins + 1)
    left = low + step * torch.arange(fe.num_mel_bins, dtype=torch.float64)
    bins = mel(torch.arange(fft_size(fe) // 2, dtype=torch.float64) * fe.sample_frequency / fft_size(fe))
    rising = (bins[:, None] - left) / step
    return torch.minimum(rising, 2 - rising).clamp(min=0).float().to(device)


@lru_cache(maxsize=8)
def _dct(fe: FrontEnd, device: torch.device) -> torch.Tensor:
    """Orthonormal DCT-II with the lifter folded in: (num_ceps, num_mel_bins) (ComputeDctMatrix)."""
    n = fe.num_mel_bins
    k = torch.arange(fe.num_ceps, dtype=torch.float64)[:, None]
    dct = math.sqrt(2 / n) * torch.cos(math.pi / n * (torch.arange(n, dtype=torch.float64) + 0.5) * k)
    dct[0] = math.sqrt(1 / n)
    q = fe.cepstral_lifter
    lifter = 1 + q / 2 * torch.sin(math.pi * k / q) if q else torch.ones_like(k)
    return (dct * lifter).float().to(device)
