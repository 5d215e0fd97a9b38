"""The x-vector network: a time-delay neural network.

Source: D. Snyder et al., "X-vectors: Robust DNN embeddings for speaker recognition", ICASSP 2018, table 1: frame1 to
frame5. Statistics pooling, segment6 (the embedding) and segment7 follow as `pooling` and `embedding_layers`. As in
Kaldi, each layer is affine, ReLU, batch norm without scale and shift, and the embedding is the affine output of
segment6. Two things differ: batch norm's epsilon is 1e-5, not 1e-3, and frames beyond the ends of an utterance are
zero, where Kaldi leaves out the seven frames at each end whose context is incomplete.
"""

import torch
from torch import nn

from spkr.nnet.conv import BatchNorm1d, Conv1d
from spkr.nnet.layers import Encoder, real

CONTEXTS = ((5, 1), (3, 2), (3, 3), (1, 1), (1, 1))  # kernel and dilation: {t-2..t+2}, {t-2, t, t+2}, {t-3, t, t+3}


class TDNN(Encoder):
    """Five frame layers: frame1 to frame4 of `filters` channels, frame5 of `last_filters`."""

    affine_norm = "after_relu"

    def __init__(self, input_dim: int, *, filters: int, last_filters: int):
        super().__init__()
        widths = [input_dim, filters, filters, filters, filters, last_filters]
        self.convs = nn.ModuleList(
            Conv1d(a, b, kernel, dilation=dilation, padding=dilation * (kernel // 2))
            for a, b, (kernel, dilation) in zip(widths[:-1], widths[1:], CONTEXTS, strict=True)
        )
        self.norms = nn.ModuleList(BatchNorm1d(width, affine=False) for width in widths[1:])
        self.output_dim = last_filters

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map features (N, T, input_dim) to (N, output_dim, T); mask: (N, 1, T), true on real frames."""
        x = x.transpose(1, 2)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(torch.relu(conv(real(x, mask))))
        return x
