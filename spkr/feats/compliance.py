"""Fbank and MFCC by torchaudio.compliance.kaldi (`feats.engine: torchaudio`), with Kaldi's defaults.

It is slower than spkr.feats.fbank (benchmarks/fbank.py), and serves for comparison.
"""

import torch
from torchaudio.compliance import kaldi

from spkr.config.front_end_options import FrontEnd
from spkr.feats.fbank import log_energy


def fbank(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """Mel filter bank of one recording, (samples,) to (frames, dim), and its log energy, (frames,)."""
    options = {"use_log_fbank": fe.use_log_fbank, "use_power": fe.use_power}
    return kaldi.fbank(samples[None], **_options(fe), **options), log_energy(samples, fe)


def mfcc(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """MFCC of one recording, (samples,) to (frames, num_ceps), and its log energy, (frames,)."""
    options = {"num_ceps": fe.num_ceps, "cepstral_lifter": fe.cepstral_lifter}
    return kaldi.mfcc(samples[None], **_options(fe), **options), log_energy(samples, fe)


def _options(fe: FrontEnd) -> dict:
    same = ("sample_frequency", "frame_length", "frame_shift", "snip_edges", "dither", "preemphasis_coefficient")
    same += ("window_type", "num_mel_bins", "low_freq", "high_freq", "use_energy", "energy_floor")
    return {name: getattr(fe, name) for name in same}
