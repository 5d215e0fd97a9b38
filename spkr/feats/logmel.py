"""The front end of NVIDIA NeMo's speaker networks: log-mel with Slaney's bands.

Differences from Kaldi's fbank: samples lie between -1 and 1, pre-emphasis runs over the whole recording, frames are
centred on multiples of the frame shift up to the end of the recording, bands have Slaney's mel scale and unit area,
and the logarithm is log(x + 2^-24). Sources, without their dither: NeMo 0.11, collections/asr/parts/features.py
(the 2020 tutorial; `framing: nemo0.11`), and NeMo 2.5, collections/asr/parts/preprocessing/features.py, which pads with
zeros in place of the reflected recording, and has no frame for the last part of a frame shift (`framing: nemo2`).
"""

from functools import lru_cache

import torch
from torch.nn.functional import pad
from torchaudio.functional import melscale_fbanks

from spkr.config.front_end_options import FrontEnd
from spkr.feats.fbank import check_bands, fft_size, frame_energy, in_pieces, window

LOG_GUARD = 2.0**-24


def logmel(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mel of (..., samples) on the 16-bit scale: (..., frames, dim), and the log energy, (..., frames)."""

    def of_frames(first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.log(_bands(samples, fe, first, last) + LOG_GUARD), centred_log_energy(samples, fe, first, last)

    return in_pieces(num_frames(samples.shape[-1], fe), of_frames)


def _bands(samples: torch.Tensor, fe: FrontEnd, first: int, last: int) -> torch.Tensor:
    """Mel bands of frames `first` to `last`, (..., last - first, num_mel_bins)."""
    n_fft, length = fft_size(fe), samples.shape[-1]
    begin, end, before, after = reach(first, last, n_fft, fe.window_shift, length)
    x = samples[..., max(begin - 1, 0) : max(end, before + 1)] / 32768  # with all samples that are reflected
    x = torch.cat([x[..., :1], x[..., 1:] - fe.preemphasis_coefficient * x[..., :-1]], dim=-1)
    x = x[..., min(begin, 1) :]  # drop the first sample, which only the pre-emphasis of the next one needs
    spectrum = torch.stft(
        pad(x[None], (before, after), "reflect" if fe.framing == "nemo0.11" and length > n_fft // 2 else "constant")[0],
        n_fft,
        hop_length=fe.window_shift,
        win_length=fe.window_size,
        window=window(fe, x.device),
        center=False,
        return_complex=True,
    )
    power = spectrum.real.square() + spectrum.imag.square()
    return power.mT[..., : last - first, :] @ slaney_banks(fe, x.device)


def centred_log_energy(samples: torch.Tensor, fe: FrontEnd, first: int, last: int) -> torch.Tensor:
    """Log energy of frames `first` to `last`, with their mean subtracted, before pre-emphasis and window."""
    begin, end, *beside = reach(first, last, fe.window_size, fe.window_shift, samples.shape[-1])
    frames = pad(samples[..., begin:end], beside).unfold(-1, fe.window_size, fe.window_shift)
    return frame_energy(frames - frames.mean(dim=-1, keepdim=True))


def reach(first: int, last: int, size: int, shift: int, length: int) -> tuple[int, int, int, int]:
    """First and last sample of frames `first` to `last` of `size`, and how many to pad before and after them."""
    begin = first * shift - size // 2
    end = begin + (last - first - 1) * shift + size
    return max(begin, 0), min(end, length), max(-begin, 0), max(end - length, 0)


def num_frames(num_samples: int, fe: FrontEnd) -> int:
    """The number of frames of a recording; nothing negative is divided, which ONNX rounds in another direction."""
    return (num_samples + (0 if fe.framing == "nemo2" else fe.window_shift - 1)) // fe.window_shift


@lru_cache(maxsize=8)
def slaney_banks(fe: FrontEnd, device: torch.device) -> torch.Tensor:
    """Triangular filters of unit area, (fft_size / 2 + 1, num_mel_bins). Raises InputError if one holds no FFT bin."""
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
