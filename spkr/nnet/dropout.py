"""Dropout (N. Srivastava et al., JMLR 15, 2014) that costs a processor little: torch's own is a third of a step there.

One random byte decides about a value, where torch draws a double: the probability is rounded to 1/256, and the values
that stay are scaled by the rounded one.
"""

import torch
from torch import nn
from torch.nn.functional import dropout


class Dropout(nn.Module):
    """In training, zero each value with probability `p` and scale the others, so that the mean stays."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a tensor of any shape to one of the same; on a GPU by torch's kernel."""
        if not self.training or not self.p or x.device.type != "cpu":
            return dropout(x, self.p, self.training)
        dropped = min(round(256 * self.p), 255)  # of 256 values of a byte
        eights = torch.randint(-(2**63), 2**63 - 1, ((x.numel() + 7) // 8,))
        strides = torch.empty_like(x, device="meta").stride()  # in the order in which x lies in memory
        kept = eights.view(torch.uint8).as_strided(x.shape, strides) >= dropped
        return x * (kept.to(x.dtype) * (256 / (256 - dropped)))
