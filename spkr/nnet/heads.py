"""Heads: from an utterance's vector to a score for each training speaker, for the cross-entropy."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import linear, normalize

from spkr.config.model_options import Head


class Softmax(nn.Module):
    """The plain speaker layer: one affine score per speaker."""

    def __init__(self, dim: int, num_speakers: int):
        super().__init__()
        self.affine = nn.Linear(dim, num_speakers)

    def forward(self, x: torch.Tensor, speakers: torch.Tensor | None = None) -> torch.Tensor:
        """Map (N, dim) to logits (N, num_speakers)."""
        return self.affine(x)


class Margin(nn.Module):
    """Scaled cosines; `with_margin` makes that of the right speaker smaller by a margin.

    `share` is the part of the margin that applies, 1 unless a schedule says otherwise. It is a tensor, so that a
    compiled network is not compiled again when it changes.
    """

    def __init__(self, dim: int, num_speakers: int, margin: float, scale: float, centres: int = 1):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_speakers * centres, dim))
        self.margin, self.scale = margin, scale
        self.register_buffer("share", torch.ones(()), persistent=False)

    def cosines(self, x: torch.Tensor) -> torch.Tensor:
        """Cosines (N, num_speakers) of (N, dim) with each speaker's direction."""
        return linear(normalize(x), normalize(self.weight))

    def with_margin(self, cosine: torch.Tensor) -> torch.Tensor:
        """Map cosines of right speakers (N,) to smaller ones."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor, speakers: torch.Tensor | None = None) -> torch.Tensor:
        """Map (N, dim) to logits (N, num_speakers), with the margin if `speakers` (N,) are given."""
        cosine = self.cosines(x)
        if speakers is not None:
            row = torch.arange(len(x), device=x.device)
            cosine = cosine.index_put((row, speakers), self.with_margin(cosine[row, speakers]))
        return self.scale * cosine


class AdditiveMargin(Margin):
    """AM-softmax: the cosine with the right speaker counts as smaller by `margin`.

    Source: H. Wang et al., "CosFace: Large margin cosine loss for deep face recognition", CVPR 2018, eq. (4).
    """

    def with_margin(self, cosine: torch.Tensor) -> torch.Tensor:
        """Map cosines of right speakers (N,) to smaller ones."""
        return cosine - self.share * self.margin  # cos(theta_y) - m, eq. (4)


class AdditiveAngularMargin(Margin):
    """AAM-softmax: the angle to the right speaker counts as wider by `margin` radians.

    Source: J. Deng et al., "ArcFace: Additive angular margin loss for deep face recognition", CVPR 2019, eq. (3).
    Beyond theta = pi - m, where cos(theta + m) would rise again, the logit is cos(theta) - (1 - cos m). It continues
    the first branch at -1 and keeps falling, so that the gradient is not zero there.
    """

    def with_margin(self, cosine: torch.Tensor) -> torch.Tensor:
        """Map cosines of right speakers (N,) to smaller ones."""
        m = self.share * self.margin
        wider = torch.cos(_angle(cosine) + m)  # cos(theta_y + m), eq. (3)
        return torch.where(cosine > -torch.cos(m), wider, cosine - (1 - torch.cos(m)))


class SubCentre(AdditiveAngularMargin):
    """AAM-softmax with several directions for each speaker, where the hardest wrong speakers count as nearer.

    Sources: J. Deng et al., "Sub-center ArcFace: Boosting face recognition by large-scale noisy web faces", ECCV 2020,
    section 3; M. Zhao et al., "Multi-query multi-head attention pooling and inter-topK penalty for speaker
    verification", ICASSP 2022, section on the inter-topK penalty.

    Args:
        dim, num_speakers, margin, scale: the same as for the other heads.
        centres: directions of a speaker (K); the nearest counts, so that the others are free for odd recordings.
        top_k: wrong speakers of each utterance whose angle counts as narrower.
        penalty: by how many radians (m').
    """

    def __init__(
        self, dim: int, num_speakers: int, margin: float, scale: float, *, centres: int, top_k: int, penalty: float
    ):
        super().__init__(dim, num_speakers, margin, scale, centres)
        self.centres, self.top_k, self.penalty = centres, min(top_k, num_speakers - 1), penalty

    def cosines(self, x: torch.Tensor) -> torch.Tensor:
        """Cosines (N, num_speakers) of (N, dim) with the nearest centre of each speaker."""
        return super().cosines(x).unflatten(1, (-1, self.centres)).amax(dim=2)

    def forward(self, x: torch.Tensor, speakers: torch.Tensor | None = None) -> torch.Tensor:
        """Map (N, dim) to logits (N, num_speakers), with margin and penalty if `speakers` (N,) are given."""
        logits = super().forward(x, speakers)
        if speakers is None:
            return logits
        wrong = logits.detach().scatter(1, speakers[:, None], -torch.inf)
        hardest = wrong.topk(self.top_k, dim=1).indices
        theta = _angle(logits.gather(1, hardest) / self.scale)
        nearer = torch.cos((theta - self.share * self.penalty).clamp(min=0))  # cos(theta_j - m')
        return logits.scatter(1, hardest, self.scale * nearer)


def _angle(cosine: torch.Tensor) -> torch.Tensor:
    """The angle in radians, kept a little away from 0 and pi, where the gradient is unbounded."""
    return torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))


def margin_share(step: int, total: int, growth: Sequence[float]) -> float:
    """The share of the margin at step `step` (from 0) of `total`: 0, then growing linearly, then 1.

    `growth` says where the growth begins and ends, as fractions of all steps.
    """
    begin, end = (part * total for part in growth)
    if step >= end:
        return 1.0
    return 0.0 if step <= begin else (step - begin) / (end - begin)


HEADS = {"softmax": Softmax, "am": AdditiveMargin, "aam": AdditiveAngularMargin, "subcentre": SubCentre}


def make_head(head: Head, dim: int, num_speakers: int) -> nn.Module:
    """The head of the config's `model.head`, for vectors (N, dim)."""
    own = {name: value for name, value in head if name not in ("type", "margin_growth")}
    return HEADS[head.type](dim, num_speakers, **own)
