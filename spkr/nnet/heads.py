"""Heads: from an utterance's vector to a score for each training speaker, for the cross-entropy."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn.functional import linear, normalize

from spkr.errors import InputError


class Softmax(nn.Module):
    """The plain speaker layer: one affine score a speaker."""

    def __init__(self, dim: int, num_speakers: int):
        super().__init__()
        self.affine = nn.Linear(dim, num_speakers)

    def forward(self, x: torch.Tensor, speakers: torch.Tensor | None = None) -> torch.Tensor:
        """Map (N, dim) to logits (N, num_speakers)."""
        return self.affine(x)


class AdditiveAngularMargin(nn.Module):
    """AAM-softmax: the angle to the right speaker counts as wider by `margin` radians.

    Source: J. Deng et al., "ArcFace: Additive angular margin loss for deep face recognition", CVPR 2019, eq. (3).
    """

    def __init__(self, dim: int, num_speakers: int, margin: float, scale: float):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_speakers, dim))
        self.margin, self.scale = margin, scale

    def forward(self, x: torch.Tensor, speakers: torch.Tensor | None = None) -> torch.Tensor:
        """Map (N, dim) to logits (N, num_speakers), with the margin where `speakers` (N,) are given."""
        cosine = linear(normalize(x), normalize(self.weight))
        if speakers is not None:
            row = torch.arange(len(x), device=x.device)
            theta = torch.acos(cosine[row, speakers].clamp(-1 + 1e-6, 1 - 1e-6))
            wider = torch.cos((theta + self.margin).clamp(max=math.pi))  # s cos(theta_y + m), eq. (3)
            cosine = cosine.index_put((row, speakers), wider)
        return self.scale * cosine


def make_head(settings: dict[str, Any], dim: int, num_speakers: int) -> nn.Module:
    """The head of a config's `model.head` section; options of another type than its own are left alone."""
    if settings.get("type") == "softmax":
        return Softmax(dim, num_speakers)
    if settings.get("type") == "aam":
        return AdditiveAngularMargin(dim, num_speakers, settings.get("margin", 0.2), settings.get("scale", 30.0))
    raise InputError(f"model.head.type: {settings.get('type')!r}; expected softmax or aam")
