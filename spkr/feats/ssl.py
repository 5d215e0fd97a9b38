"""The input of a self-supervised network, WavLM: the samples of a recording, cut into frames that do not overlap.

They are as many as the recording has samples, so no ark holds them: an ark of this front end has one column, the log
energy of each frame, which the VAD sees. `WaveformReader` (spkr.feats.waveform_reader) reads the samples again. The
network itself is a part of the speaker network (spkr.nnet.wavlm).
"""

import torch

from spkr.config.front_end_options import FrontEnd
from spkr.feats.fbank import frame_energy


def ssl(samples: torch.Tensor, fe: FrontEnd) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples (..., samples) as frames (..., frames, dim) on the 16-bit scale, and their log energy, (..., frames).

    Samples after the last whole frame are left out.
    """
    n = num_frames(samples.shape[-1], fe)
    frames = samples[..., : n * fe.window_shift].unflatten(-1, (n, fe.window_shift))
    return frames, frame_energy(frames - frames.mean(dim=-1, keepdim=True))


def num_frames(num_samples: int, fe: FrontEnd) -> int:
    """The number of frames of a recording."""
    return num_samples // fe.window_shift
