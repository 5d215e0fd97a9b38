"""The network as a graph, with or without normalisation and selection of frames.

Every graph also does what `spkr embed` does for a short utterance: its first and last frame are repeated until it has
`MIN_CHUNK` frames.
"""

import torch
from torch import nn

from spkr.config.embed_options import MIN_CHUNK
from spkr.config.front_end_options import FrontEnd, VadOptions
from spkr.errors import InputError
from spkr.feats.cmvn import normalize_batch
from spkr.nnet.model import Network


def check_cmvn(fe: FrontEnd) -> None:
    """Raise InputError for a normalisation that needs other recordings."""
    if fe.cmvn.type == "speaker":
        raise InputError(
            "feats.cmvn.type: speaker needs all recordings of a speaker, which a graph of one recording does not have; "
            "train with utterance or sliding, or give --features outside"
        )


class EmbeddingGraph(nn.Module):
    """Maps features (N, T, dim), normalised and selected, to embeddings (N, embedding dim)."""

    def __init__(self, net: Network):
        super().__init__()
        self.net = net

    def forward(self, feats: torch.Tensor) -> torch.Tensor:
        """Embed utterances of equal length."""
        n = feats.shape[1]
        missing = torch.sym_max(0, MIN_CHUNK - n)
        at = torch.arange(torch.sym_max(n, MIN_CHUNK)) - missing // 2
        return self.net.embed(feats.index_select(1, at.clamp(min=0).clamp(max=n - 1)))


class NetworkGraph(nn.Module):
    """Maps raw features (1, T, dim) and numbers (V,) of the frames that are used to an embedding (1, embedding dim)."""

    def __init__(self, net: Network, fe: FrontEnd):
        super().__init__()
        check_cmvn(fe)
        self.net, self.cmvn = net, fe.cmvn

    def forward(self, feats: torch.Tensor, used: torch.Tensor) -> torch.Tensor:
        """Normalise all frames, and embed those of `used`, int64, `MIN_CHUNK` or more."""
        return self.net.embed(normalize_batch(feats, None, self.cmvn).index_select(1, used))


class SelectingGraph(nn.Module):
    """Maps raw features (N, T, dim) and log energies (N, T) to embeddings (N, embedding dim) of the voiced frames.

    What is voiced is not known before the graph runs, so no frame is removed: voiced frames are moved to the front, and
    the rest is masked. If no frame is voiced, all are used.
    """

    def __init__(self, net: Network, fe: FrontEnd):
        super().__init__()
        check_cmvn(fe)
        self.net, self.cmvn, self.vad, self.select = net, fe.cmvn, fe.vad, fe.select_voiced

    def forward(self, feats: torch.Tensor, log_energy: torch.Tensor) -> torch.Tensor:
        """Embed recordings of equal length."""
        feats = normalize_batch(feats, None, self.cmvn)
        if not self.select:
            return EmbeddingGraph(self.net)(feats)
        order, voiced = voiced_first(log_energy, self.vad)
        missing = (MIN_CHUNK - voiced).clamp(min=0)
        place = torch.arange(torch.sym_max(feats.shape[1], MIN_CHUNK)) - missing[:, None] // 2
        at = order.gather(1, place.clamp(min=0).minimum(voiced[:, None] - 1))
        feats = feats.gather(1, at[:, :, None].expand(-1, -1, feats.shape[2]))
        return self.net.embed(feats, voiced + missing)


def voiced_first(log_energy: torch.Tensor, options: VadOptions) -> tuple[torch.Tensor, torch.Tensor]:
    """The numbers of all frames, voiced ones first, each kind in order: (N, T); and how many are voiced: (N,).

    A frame is voiced as `spkr.feats.vad.energy_vad` says. If none is, all are.
    """
    frames, e = log_energy.shape[1], log_energy.double()
    threshold = options.energy_threshold + options.energy_mean_scale * e.mean(dim=1, keepdim=True)
    t = torch.arange(frames)
    above = torch.nn.functional.pad((e > threshold).long().cumsum(1), (1, 0))
    start, end = (t - options.frames_context).clamp(min=0), (t + options.frames_context + 1).clamp(max=frames)
    counted = above.index_select(1, end) - above.index_select(1, start)
    voiced = counted.double() >= options.proportion_threshold * (end - start).double()
    voiced = voiced | ~voiced.any(dim=1, keepdim=True)
    before = voiced.long().cumsum(1)  # voiced frames up to this one
    total = before[:, -1]
    place = torch.where(voiced, before - 1, total[:, None] + t - before)
    return torch.zeros_like(place).scatter(1, place, t.expand_as(place)), total
