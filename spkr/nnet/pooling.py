"""Pooling over time: from frames to one vector an utterance, over its real frames only.

`xvector`  mean and standard deviation (D. Snyder et al., "X-vectors", ICASSP 2018, section 3)
`gram`     the uncentred second moments of every pair of channels (NeMo 0.11's "gram")
`super`    both
"""

import torch
from torch import nn

VARIANCE_FLOOR = 1e-10  # Kaldi's, under the square root


class Pooling(nn.Module):
    """Map (N, C, T) and the mask of real frames to (N, output_dim)."""

    def __init__(self, mode: str, channels: int):
        super().__init__()
        self.mode = mode
        self.output_dim = {"xvector": 2 * channels, "gram": channels**2, "super": 2 * channels + channels**2}[mode]

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Pool (N, C, T); mask: (N, 1, T), true on real frames, or None if all are."""
        n = x.shape[2] if mask is None else mask.sum(dim=2)  # scalar or (N, 1)
        if mask is not None:
            x = x * mask
        statistics = []
        if self.mode in ("xvector", "super"):
            mean = x.sum(dim=2) / n
            variance = _centred(x, mean, mask).square().sum(dim=2) / n
            statistics += [mean, variance.clamp(min=VARIANCE_FLOOR).sqrt()]
        if self.mode in ("gram", "super"):
            gram = x @ x.transpose(1, 2) / (n if mask is None else n[:, :, None])
            statistics.append(gram.flatten(1))
        return torch.cat(statistics, dim=1)


def _centred(x: torch.Tensor, mean: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    centred = x - mean[:, :, None]
    return centred if mask is None else centred * mask
