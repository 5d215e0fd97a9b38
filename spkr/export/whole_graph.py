"""From a waveform to its embedding in one graph."""

import torch
from torch import nn

from spkr.config.front_end_options import FrontEnd
from spkr.export.front_graph import front_graph
from spkr.export.network_graph import SelectingGraph
from spkr.nnet.model import Network


class WholeGraph(nn.Module):
    """Maps recordings (N, samples), -1 to 1, to embeddings (N, embedding dim)."""

    def __init__(self, net: Network, fe: FrontEnd):
        super().__init__()
        self.front, self.network = front_graph(fe), SelectingGraph(net, fe)

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """Embed recordings of equal length."""
        return self.network(*self.front(waveform * 32768))
