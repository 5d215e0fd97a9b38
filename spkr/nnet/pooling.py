"""Pooling over time: from frames to one vector an utterance, over its real frames only.

`xvector`  mean and standard deviation (D. Snyder et al., "X-vectors", ICASSP 2018, section 3)
`gram`     the uncentred second moments of every pair of channels (NeMo 0.11's "gram")
`super`    both
"""

import torch
from torch import nn

from spkr.errors import InputError

VARIANCE_FLOOR = 1e-10  # Kaldi's, under the square root


class Pooling(nn.Module):
    """Map (N, C, T) and the mask of real frames to (N, output_dim)."""

    def __init__(self, mode: str, channels: int):
        super().__init__()
        dims = {"xvector": 2 * channels, "gram": channels**2, "super": 2 * channels + channels**2}
        if mode not in dims:
            raise InputError(f"model.pooling: {mode!r}; expected one of {', '.join(dims)}")
        self.mode, self.output_dim = mode, dims[mode]

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Pool float32 (N, C, T); mask: (N, 1, T), true on real frames, or None if all are."""
        n = x.shape[2] if mask is None else mask.sum(dim=2)  # scalar or (N, 1)
        if mask is not None:
            x = x * mask
        statistics = []
        if self.mode in ("xvector", "super"):
            mean = x.sum(dim=2) / n
            variance = x.square().sum(dim=2) / n - mean.square()
            statistics += [mean, variance.clamp(min=VARIANCE_FLOOR).sqrt()]
        if self.mode in ("gram", "super"):
            gram = x @ x.transpose(1, 2) / (n if mask is None else n[:, :, None])
            statistics.append(gram.flatten(1))
        return torch.cat(statistics, dim=1)
