"""The front end as a graph: from a waveform to raw features and the log energy of each frame.

A frame is fetched by the numbers of its samples, which also reflect the recording at its ends. Pre-emphasis, window and
DFT are one matrix, as ONNX runtimes multiply matrices faster than they transform. Sources and equations are those of
spkr.feats.fbank, spkr.feats.logmel and spkr.feats.speechbrain, whose numbers these graphs give to rounding.
"""

import math
from typing import Literal

import torch
from torch import nn

from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.feats import fbank, logmel, speechbrain

Ends = Literal["repeat", "reflect", "zeros"]  # beyond an end: reflected with its sample, or without; or zeros


class FrontGraph(nn.Module):
    """Maps recordings (N, samples) on the scale of 16-bit integers to raw features and log energies.

    A subclass says how frames lie and what becomes of their power spectrum. The features are those without dither.

    Args: fe is the front end.
    """

    local = True  # a frame's features depend only on the samples about it, so that a recording may come in pieces

    def __init__(self, fe: FrontEnd):
        super().__init__()
        self.fe, self.size, self.shift = fe, fe.window_size, fe.window_shift

    def forward(self, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (N, T, dim) and the natural logarithm of each frame's energy (N, T)."""
        raise NotImplementedError

    def frames(self, samples: torch.Tensor, n: int, size: int, begin: int, ends: Ends) -> torch.Tensor:
        """The n frames of `size` samples, the first of which begins at sample `begin`: (N, n, size)."""
        length = samples.shape[1]
        at = begin + self.shift * torch.arange(n)[:, None] + torch.arange(size)
        if ends == "zeros":
            inside = (at >= 0) & (at < length)
            return samples[:, at.clamp(min=0).clamp(max=length - 1)].where(inside, 0)
        once = 1 if ends == "repeat" else 0  # the sample at the end is there twice
        at = torch.where(at < 0, -at - once, at)
        return samples[:, torch.where(at < length, at, 2 * (length - 1) + once - at)]

    def power(self, frames: torch.Tensor) -> torch.Tensor:
        """The power spectrum of (N, T, size): (N, T, bins)."""
        real, imaginary = (frames @ self.spectrum).chunk(2, dim=-1)
        return real.square() + imaginary.square()


def log_energy(frames: torch.Tensor) -> torch.Tensor:
    """Log energy of frames (N, T, size) whose mean was subtracted: (N, T)."""
    return frames.square().sum(dim=-1).clamp(min=fbank.EPSILON).log()


def centred(frames: torch.Tensor) -> torch.Tensor:
    """Frames (N, T, size) minus their mean."""
    return frames - frames.mean(dim=-1, keepdim=True)


def dft(window: torch.Tensor, n_fft: int, bins: int) -> torch.Tensor:
    """The matrix that multiplies (size,) by a window and takes its DFT: float64 (size, 2 bins), real parts first."""
    n, k = torch.arange(len(window), dtype=torch.float64), torch.arange(bins, dtype=torch.float64)
    angles = 2 * math.pi / n_fft * (n[:, None] * k).remainder(n_fft)
    return window.double()[:, None] * torch.cat([angles.cos(), angles.sin()], dim=1)


class KaldiGraph(FrontGraph):
    """Kaldi's fbank and MFCC."""

    def __init__(self, fe: FrontEnd):
        super().__init__(fe)
        cpu, n_fft, c = torch.device("cpu"), fbank.fft_size(fe), fe.preemphasis_coefficient
        matrix = dft(fbank.window(fe, cpu), n_fft, n_fft // 2)
        emphasised = matrix.clone()
        emphasised[:-1] -= c * matrix[1:]
        emphasised[0] -= c * matrix[0]  # x[-1] is taken as x[0]
        self.register_buffer("spectrum", emphasised.float())
        self.register_buffer("banks", fbank.mel_banks(fe, cpu).clone())
        self.register_buffer("dct", fbank.dct(fe, cpu).T.clone() if fe.type == "mfcc" else None)

    def forward(self, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `FrontGraph.forward`."""
        fe, n = self.fe, fbank.num_frames(samples.shape[1], self.fe)
        begin = 0 if fe.snip_edges else self.shift // 2 - self.size // 2
        frames = centred(self.frames(samples, n, self.size, begin, "repeat"))
        energy = log_energy(frames)
        if fe.energy_floor > 0:
            energy = energy.clamp(min=math.log(fe.energy_floor))
        power = self.power(frames)
        bands = (power if fe.use_power else power.sqrt()) @ self.banks
        if fe.type == "mfcc":
            cepstra = bands.clamp(min=fbank.EPSILON).log() @ self.dct
            return torch.cat([energy[..., None], cepstra[..., 1:]], dim=-1) if fe.use_energy else cepstra, energy
        bands = bands.clamp(min=fbank.EPSILON).log() if fe.use_log_fbank else bands
        return torch.cat([energy[..., None], bands], dim=-1) if fe.use_energy else bands, energy


class CentredGraph(FrontGraph):
    """What the front ends of NeMo and speechbrain share: frames are centred on multiples of the frame shift."""

    def energy(self, samples: torch.Tensor, n: int) -> torch.Tensor:
        """The log energy of n frames, (N, n)."""
        return log_energy(centred(self.frames(samples, n, self.size, -(self.size // 2), "zeros")))


class LogMelGraph(CentredGraph):
    """NeMo's log-mel features."""

    def __init__(self, fe: FrontEnd):
        super().__init__(fe)
        cpu, self.n_fft = torch.device("cpu"), fbank.fft_size(fe)
        around = torch.zeros(self.n_fft)
        first = (self.n_fft - self.size) // 2  # the window lies in the middle of the FFT
        around[first : first + self.size] = fbank.window(fe, cpu)
        self.register_buffer("spectrum", dft(around, self.n_fft, self.n_fft // 2 + 1).float())
        self.register_buffer("banks", logmel.slaney_banks(fe, cpu).clone())

    def forward(self, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `FrontGraph.forward`."""
        n = logmel.num_frames(samples.shape[1], self.fe)
        x = samples / 32768
        x = torch.cat([x[:, :1], x[:, 1:] - self.fe.preemphasis_coefficient * x[:, :-1]], dim=1)
        ends = "reflect" if self.fe.framing == "nemo0.11" else "zeros"
        bands = self.power(self.frames(x, n, self.n_fft, -(self.n_fft // 2), ends)) @ self.banks
        return torch.log(bands + logmel.LOG_GUARD), self.energy(samples, n)


class SpeechBrainGraph(CentredGraph):
    """speechbrain's mel bands in decibels, limited below the largest one of the recording."""

    local = False

    def __init__(self, fe: FrontEnd):
        super().__init__(fe)
        hamming = torch.hamming_window(self.size)
        self.register_buffer("spectrum", dft(hamming, self.size, self.size // 2 + 1).float())
        self.register_buffer("banks", speechbrain.mel_banks(fe, torch.device("cpu")).clone())

    def forward(self, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `FrontGraph.forward`."""
        n = speechbrain.num_frames(samples.shape[1], self.fe)
        power = self.power(self.frames(samples / 32768, n, self.size, -(self.size // 2), "zeros"))
        decibels = 10 / math.log(10) * (power @ self.banks).clamp(min=speechbrain.POWER_FLOOR).log()
        least = decibels.amax(dim=(1, 2), keepdim=True) - speechbrain.RANGE
        return torch.maximum(decibels, least), self.energy(samples, n)


GRAPHS = {"fbank": KaldiGraph, "mfcc": KaldiGraph, "logmel": LogMelGraph, "speechbrain": SpeechBrainGraph}


def check_exportable(fe: FrontEnd) -> None:
    """Raise InputError for a front end whose network is not exported, with features inside or outside."""
    if not fe.in_arks:
        raise InputError(
            f"feats.type: {fe.type}; a network with a WavLM is not exported to ONNX; pack the run without --onnx, and "
            "use it with torch"
        )


def front_graph(fe: FrontEnd) -> FrontGraph:
    """The graph of a front end. Raises InputError for one that cannot be a graph."""
    if getattr(fe, "engine", "spkr") != "spkr":
        raise InputError(f"feats.engine: {fe.engine}; only the features of engine spkr are exported; "
                         "give --features outside")  # fmt: skip
    if fe.type not in GRAPHS:
        raise InputError(f"feats.type: {fe.type} has no graph; expected {', '.join(GRAPHS)}; give --features outside")
    return GRAPHS[fe.type](fe).eval()
