"""The front end of NVIDIA NeMo's 2020 speaker-recognition tutorial (NeMo 0.11): log-mel with Slaney's bands.

What differs from Kaldi's fbank: samples within -1 and 1, pre-emphasis over the whole recording, frames centred on
multiples of the step, as many as begin within the recording, bands of Slaney's mel scale with unit area, and
log(x + 2^-24). Source: NeMo 0.11, collections/asr/parts/features.py (its dither is left out).
"""

from functools import lru_cache

import torch
from torch.nn.functional import pad
from torchaudio.functional import melscale_fbanks

from spkr.feats.fbank import check_bands, fft_size, frame_energy, window
from spkr.feats.options import FrontEnd

LOG_GUARD = 2.0**-24


def logmel(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mel of the 16-bit scale's (..., samples): (..., frames, dim), and the log energy, (..., frames)."""
    x = samples / 32768
    x = torch.cat([x[..., :1], x[..., 1:] - fe.preemphasis_coefficient * x[..., :-1]], dim=-1)
    n_fft, length = fft_size(fe), x.shape[-1]
    spectrum = torch.stft(
        x,
        n_fft,
        hop_length=fe.window_shift,
        win_length=fe.window_size,
        window=window(fe, x.device),
        center=True,
        pad_mode="reflect" if length > n_fft // 2 else "constant",
        return_complex=True,
    )
    power = spectrum.real.square() + spectrum.imag.square()
    bands = power.mT[..., : num_frames(length, fe), :] @ slaney_banks(fe, x.device)
    return torch.log(bands + LOG_GUARD), _log_energy(samples, fe)


def _log_energy(samples: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Log energy of each frame without its mean, before pre-emphasis and window: (..., samples) to (..., frames)."""
    n = num_frames(samples.shape[-1], fe)
    frames = pad(samples, (fe.window_size // 2, fe.window_size)).unfold(-1, fe.window_size, fe.window_shift)[..., :n, :]
    return frame_energy(frames - frames.mean(dim=-1, keepdim=True))


def num_frames(num_samples: int, fe: FrontEnd) -> int:
    """Frames of a recording."""
    return -(-num_samples // fe.window_shift)


@lru_cache(maxsize=8)
def slaney_banks(fe: FrontEnd, device: torch.device) -> torch.Tensor:
    """Triangular filters of unit area: (fft_size / 2 + 1, num_mel_bins); InputError where one holds no FFT bin."""
    banks = melscale_fbanks(
        fft_size(fe) // 2 + 1,
        fe.low_freq,
        fe.upper_freq,
        fe.num_mel_bins,
        fe.sample_frequency,
        norm="slaney",
        mel_scale="slaney",
    )
    check_bands(banks)
    return banks.to(device)
