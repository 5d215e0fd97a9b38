"""Multi-head factorised attentive pooling of a WavLM's layers (MHFA), to be followed by `pooling: factorised`.

Source: J. Peng et al., "An attention-based backend allowing efficient fine-tuning of transformer models for speaker
verification", SLT 2022, the section on MHFA: one weighted sum of the layers gives the keys, which say where to look,
another one the values, which say what is there. Both are compressed.
"""

import torch
from torch import nn

from spkr.nnet.layers import Encoder


class MHFA(Encoder):
    """Keys, turned into a score for each head, and values.

    Args:
        input_dim: coefficients per frame, of the sum for the keys, then as many for the values.
        compression: coefficients of a key, and of a value.
        heads: of the attention (H).
    """

    sums = 2
    affine_norm = "none"

    def __init__(self, input_dim: int, *, compression: int, heads: int):
        super().__init__()
        self.keys = nn.Linear(input_dim // 2, compression)  # S^k
        self.values = nn.Linear(input_dim // 2, compression)  # S^v
        self.queries = nn.Linear(compression, heads)  # Q
        self.heads, self.output_dim = heads, heads + compression

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Map (N, T, input_dim) to scores of the heads, then values: (N, heads + compression, T)."""
        keys, values = x.chunk(2, dim=2)
        return torch.cat([self.queries(self.keys(keys)), self.values(values)], dim=2).transpose(1, 2)
