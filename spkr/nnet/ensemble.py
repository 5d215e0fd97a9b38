"""Several networks as one: they are trained together, on the same batches, and their embeddings are concatenated."""

from collections.abc import Sequence

import torch
from torch import nn


class Ensemble(nn.Module):
    """Networks that differ only in their initial weights; each is trained by the gradient of its own loss.

    With few training speakers, what a network learns depends on its initial weights; a back-end that is trained on all
    embeddings together depends on them less.

    Source: B. Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep ensembles",
    NeurIPS 2017, section 2.4. There each network has batches of its own, and predictions are averaged; here batches
    are shared, and embeddings are concatenated.

    Args:
        members: K networks of the same training speakers, with the methods of `SpeakerNet`.
    """

    def __init__(self, members: Sequence[nn.Module]):
        super().__init__()
        self.members = nn.ModuleList(members)

    def embed(self, feats: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Embed (N, T, input_dim) as (N, K times a member's dim)."""
        return torch.cat([member.embed(feats, lengths) for member in self.members], dim=1)

    def forward(
        self, feats: torch.Tensor, lengths: torch.Tensor | None = None, speakers: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits (N, num_speakers), the means of the members' logits; otherwise like `SpeakerNet.forward`."""
        return self.classify(self.embed(feats, lengths), speakers)

    def classify(self, x: torch.Tensor, speakers: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (N, num_speakers), the means of the members' logits, from embeddings (N, K times a member's dim)."""
        parts = zip(self.members, x.chunk(len(self.members), dim=1), strict=True)
        return torch.stack([member.classify(part, speakers) for member, part in parts]).mean(dim=0)

    def begin_step(self, step: int, total: int) -> None:
        """See `SpeakerNet.begin_step`."""
        for member in self.members:
            member.begin_step(step, total)


def members(net: nn.Module) -> list[nn.Module]:
    """The networks of an ensemble, or the single network; each has its own loss."""
    return list(net.members) if isinstance(net, Ensemble) else [net]
