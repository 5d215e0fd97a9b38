"""Distillation: a network learns from a trained one, its teacher, which voices are similar.

Source: F. Tung, G. Mori, "Similarity-preserving knowledge distillation", ICCV 2019, eqs. (1) to (4). There a batch's
products of activations are compared, each row of length one; here they are cosines of embeddings, as those are what
a back-end compares. Teacher and student may have other training speakers, and embeddings of other dimensions.
"""

from contextlib import AbstractContextManager

import torch
from torch.nn.functional import cross_entropy, mse_loss, normalize

from spkr.config.front_end_options import FrontEnd
from spkr.config.train_options import TrainOptions
from spkr.nnet.model import load_model
from spkr.train.start import check_front_end


class Teacher:
    """A trained network that is not trained further, such as an ensemble.

    Args: path is its model file; front_end is the student's, and must be its own. Raises InputError if it differs.
    """

    def __init__(self, path: str, front_end: FrontEnd, device: torch.device):
        net, its_own, _ = load_model(path)
        check_front_end("train.teacher", path, its_own, front_end)
        self.net = net.to(device).requires_grad_(False)

    @torch.no_grad()
    def similarities(
        self, feats: torch.Tensor, lengths: torch.Tensor | None, autocast: AbstractContextManager
    ) -> torch.Tensor:
        """Cosines (N, N), float32, of the teacher's embeddings of a batch (N, T, dim), less their mean.

        `autocast` is the precision of its network alone: cosines in bfloat16 have two digits.
        """
        with autocast:
            x = self.net.embed(feats, lengths)
        x = x.float()
        return cosines(x - x.mean(dim=0))


def cosines(x: torch.Tensor) -> torch.Tensor:
    """Cosines (N, N) of the rows of (N, dim)."""
    unit = normalize(x)
    return unit @ unit.T


def total_loss(
    logits: torch.Tensor,
    x: torch.Tensor,
    speakers: torch.Tensor,
    theirs: torch.Tensor | None,
    options: TrainOptions,
) -> torch.Tensor:
    """The cross-entropy of logits (N, num_speakers) for speakers (N,), and what a teacher adds.

    With a teacher, `theirs` are its cosines (N, N). The mean of their squared differences from those of the embeddings
    x (N, dim) is added, times `teacher_weight`.
    """
    loss = cross_entropy(logits, speakers, label_smoothing=options.label_smoothing)
    if theirs is not None:
        loss = loss + options.teacher_weight * mse_loss(cosines(x.float()), theirs)
    return loss
