"""The front end of NVIDIA NeMo's 2020 speaker-recognition tutorial (NeMo 0.11): log-mel with Slaney's bands.

What differs from Kaldi's fbank: samples within -1 and 1, pre-emphasis over the whole recording, frames centred on
multiples of the step (so one more of them), bands of Slaney's mel scale with unit area, and log(x + 2^-24).
"""

import torch
from torch.nn.functional import pad
from torchaudio.functional import melscale_fbanks

from spkr.feats.fbank import EPSILON, fft_size
from spkr.feats.options import FrontEnd

LOG_GUARD = 2.0**-24


def logmel(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mel of one recording (16-bit scale): (frames, num_mel_bins), and log energies (frames,)."""
    size, shift = fe.window_size, fe.window_shift
    centred = pad(samples, (size // 2, size // 2)).unfold(0, size, shift)
    log_energy = (centred - centred.mean(1, keepdim=True)).square().sum(1).clamp(min=EPSILON).log()

    x = samples / 32768
    x = torch.cat([x[:1], x[1:] - fe.preemphasis_coefficient * x[:-1]])
    n_fft = fft_size(fe)
    spectrum = torch.stft(
        x,
        n_fft,
        hop_length=shift,
        win_length=size,
        window=torch.hann_window(size, periodic=False, device=x.device),
        center=True,
        pad_mode="reflect" if len(x) > n_fft // 2 else "constant",
        return_complex=True,
    )
    banks = melscale_fbanks(
        n_fft // 2 + 1,
        fe.low_freq,
        fe.upper_freq,
        fe.num_mel_bins,
        fe.sample_frequency,
        norm="slaney",
        mel_scale="slaney",
    ).to(x.device)
    return torch.log(spectrum.abs().square().T @ banks + LOG_GUARD), log_energy
