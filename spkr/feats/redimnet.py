"""The front end of ReDimNet2's published networks: log-mel of a recording that is first brought to unit variance.

Differences from Kaldi's fbank: a recording has its mean subtracted and is divided by its standard deviation, so that a
change of volume changes nothing; pre-emphasis runs over the whole recording; half a frame shift of zeros is added at
both ends; values are limited to 1e-8 at least and 1e8 at most; and a bin of the FFT stands for a frequency that is
higher by 256 / 255, as the frequencies of all but the last bin are spread from zero to the Nyquist frequency. Source:
PalabraAI/redimnet2, commit ffe8f27, redimnet2/layers/features_tf.py (TFMelBanks, norm_signal).
"""

from functools import lru_cache

import torch
from torch.nn.functional import pad

from spkr.config.front_end_options import FrontEnd
from spkr.feats.fbank import check_bands, fft_size, frame_energy, in_pieces, window

GUARD = 1e-8


def redimnet(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mel of (..., samples) on the 16-bit scale: (..., frames, dim), and the log energy, (..., frames)."""
    x = samples / 32768
    x = (x - x.mean(dim=-1, keepdim=True)) / (x.std(dim=-1, keepdim=True, unbiased=False) + GUARD)
    before = torch.cat([x[..., 1:2], x[..., :-1]], dim=-1)  # before the first sample comes its reflection
    emphasised = x - fe.preemphasis_coefficient * before

    def of_frames(first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
        plain = _frames(samples, fe, first, last)
        energy = frame_energy(plain - plain.mean(dim=-1, keepdim=True))
        return torch.log(_bands(_frames(emphasised, fe, first, last), fe) + GUARD), energy

    return in_pieces(num_frames(samples.shape[-1], fe), of_frames)


def _frames(x: torch.Tensor, fe: FrontEnd, first: int, last: int) -> torch.Tensor:
    """Frames `first` to `last` of (..., samples): (..., last - first, window_size)."""
    begin = first * fe.window_shift - fe.window_shift // 2
    end = begin + (last - first - 1) * fe.window_shift + fe.window_size
    length = x.shape[-1]
    beside = (max(-begin, 0), max(end - length, 0))
    return pad(x[..., max(begin, 0) : min(end, length)], beside).unfold(-1, fe.window_size, fe.window_shift)


def _bands(frames: torch.Tensor, fe: FrontEnd) -> torch.Tensor:
    """Mel bands of (..., frames, window_size): (..., frames, num_mel_bins)."""
    spectrum = torch.fft.rfft(frames * window(fe, frames.device), fft_size(fe))[..., :-1]
    power = (spectrum.real.square() + spectrum.imag.square()).clamp(GUARD, 1 / GUARD)
    return (power @ mel_banks(fe, frames.device)).clamp(GUARD, 1 / GUARD)


def num_frames(num_samples: int, fe: FrontEnd) -> int:
    """The number of frames of a recording."""
    return 1 + (num_samples + 2 * (fe.window_shift // 2) - fe.window_size) // fe.window_shift


@lru_cache(maxsize=8)
def mel_banks(fe: FrontEnd, device: torch.device) -> torch.Tensor:
    """Triangular filters, linear in mel: (fft_size / 2, num_mel_bins).

    Raises InputError if a band is so narrow that it holds no FFT bin.
    """

    def mel(hz):
        return 2595 * torch.log10(1 + torch.as_tensor(hz, dtype=torch.float64) / 700)

    low, high = mel(fe.low_freq), mel(fe.upper_freq)
    step = (high - low) / (fe.num_mel_bins + 1)
    left = low + step * torch.arange(fe.num_mel_bins, dtype=torch.float64)
    bins = mel(torch.linspace(0, fe.sample_frequency // 2, fft_size(fe) // 2, dtype=torch.float64))
    rising = (bins[:, None] - left) / step
    banks = torch.minimum(rising, 2 - rising).clamp(min=0)
    check_bands(banks)
    return banks.float().to(device)
