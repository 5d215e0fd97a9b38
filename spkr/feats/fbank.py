"""Kaldi's log-mel filter banks and MFCC, in torch.

Samples are floats on the scale of 16-bit integers, a frame of them at least. Source: Kaldi, src/feat/feature-window.cc,
mel-computations.cc and feature-mfcc.cc (commit f4007661); the comments name the functions.
"""

import math
from functools import lru_cache

import torch

from spkr.errors import InputError
from spkr.feats.options import FrontEnd

EPSILON = torch.finfo(torch.float32).eps  # FLT_EPSILON, Kaldi's floor under a logarithm


def fbank(samples: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Log-mel filter bank of one recording: (samples,) to (frames, num_mel_bins)."""
    return _log_mel(_centred_frames(samples, fe), fe)


def mfcc(samples: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """MFCC of one recording: (samples,) to (frames, num_ceps); C0 is the log energy if `use_energy`."""
    frames = _centred_frames(samples, fe)
    cepstra = _log_mel(frames, fe) @ _dct(fe, samples.device).T
    if fe.use_energy:
        cepstra[:, 0] = frame_energy(frames)
    return cepstra


def log_energy(samples: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Log energy of each frame, before pre-emphasis and window: (samples,) to (frames,)."""
    return frame_energy(_centred_frames(samples, fe))


def frame_energy(frames: torch.Tensor) -> torch.Tensor:
    """Log energy of (frames, window_size): (frames,)."""
    return frames.square().sum(dim=1).clamp(min=EPSILON).log()


def num_frames(num_samples: int, fe: FrontEnd) -> int:
    """Frames of a recording (NumFrames)."""
    if fe.snip_edges:
        return max(0, 1 + (num_samples - fe.window_size) // fe.window_shift)
    return (num_samples + fe.window_shift // 2) // fe.window_shift


def _centred_frames(samples: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Frames with dither and without their mean, (frames, window_size) (the first half of ProcessWindow)."""
    frames = _strided(samples, fe)
    if fe.dither:
        frames = frames + fe.dither * torch.randn_like(frames)
    return frames - frames.mean(dim=1, keepdim=True)


def _strided(samples: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Cut into overlapping frames (ExtractWindow)."""
    size, shift, n = fe.window_size, fe.window_shift, num_frames(len(samples), fe)
    first = 0 if fe.snip_edges else shift // 2 - size // 2  # then frame t is centred on sample shift * (t + 1/2)
    end = first + (n - 1) * shift + size
    before = torch.arange(min(first, 0), 0, device=samples.device)
    after = torch.arange(len(samples), max(end, len(samples)), device=samples.device)
    inside = samples[max(first, 0) : end]
    return torch.cat([_reflected(samples, before), inside, _reflected(samples, after)]).unfold(0, size, shift)


def _reflected(samples: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Samples beyond the ends: -1 is 0, len is len - 1, and so on back and forth."""
    period = 2 * len(samples)
    index = index % period
    return samples[torch.where(index < len(samples), index, period - 1 - index)]


def _log_mel(frames: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Pre-emphasis, window, power spectrum and mel bands of (frames, window_size): (frames, num_mel_bins)."""
    previous = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)  # x[-1] is taken to be x[0]
    emphasised = frames - fe.preemphasis_coefficient * previous
    spectrum = torch.fft.rfft(emphasised * window(fe, frames.device), n=fft_size(fe))
    power = spectrum.real.square() + spectrum.imag.square()
    return (power[:, :-1] @ mel_banks(fe, frames.device)).clamp(min=EPSILON).log()  # the Nyquist bin is unused


def fft_size(fe: FrontEnd) -> int:
    """The window, rounded up to a power of two."""
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

    Raises InputError where a band is so narrow that it holds no FFT bin.
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
            f"feats.num_mel_bins: {len(filled)} bands, of which {int((~filled).sum())} hold no bin of the FFT; "
            "lower it, or raise frame_length"
        )


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
