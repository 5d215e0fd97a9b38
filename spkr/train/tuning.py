"""Fine-tuning that keeps what a network knows: the config's `train.tuning`.

Sources: X. Li et al., "Explicit inductive bias for transfer learning with convolutional networks", ICML 2018 (L2-SP,
the pull); M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022 (WiSE-FT, the interpolation).
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch.nn.functional import normalize
from torch.nn.modules.batchnorm import _BatchNorm

from spkr.config.train_options import Tuning
from spkr.errors import InputError
from spkr.feats.reader import FeatureReader
from spkr.nnet.embed import embed_batches, plan_batches
from spkr.nnet.ensemble import members
from spkr.nnet.heads import Margin
from spkr.nnet.model import HEAD, Network
from spkr.nnet.wavlm import INSIDE

logger = logging.getLogger(__name__)


class Start:
    """The network that a training starts from, and how the trained one is kept near it; nothing without options.

    Args: net has the weights of `init_from`; its head may be new.
    """

    def __init__(self, net: Network, options: Tuning):
        self.options = options
        state = {} if options == Tuning() else net.state_dict()
        self.weights = {k: v.detach().clone() for k, v in state.items() if not HEAD.match(k)}
        self.best: tuple[float, int, dict] | None = None  # with `select`: lowest EER on dev, its epoch, the weights

    def groups(self, net: Network) -> list[dict]:
        """The parameters as groups of an optimiser: of a WavLM that is trained, before the head, and of the head.

        Without options of fine-tuning all that is not of a WavLM is one group.
        """
        trained = {name: parameter for name, parameter in net.named_parameters() if parameter.requires_grad}
        wavlm = [name for name in trained if name.startswith(INSIDE)]
        head = [name for name in trained if name not in wavlm and (not self.weights or HEAD.match(name))]
        before = [name for name in trained if name not in wavlm and name not in head]
        of_wavlm = {"is_head": not self.weights, "share": net.front.lr} if wavlm else {}
        kinds = (wavlm, of_wavlm), (before, {"is_head": False}), (head, {"is_head": True})
        return [{"params": [trained[name] for name in names]} | facts for names, facts in kinds if names]

    def factor(self, group: Mapping, step: int) -> float:
        """The factor of a group's learning rate at step `step` (from 0)."""
        share = group.get("share", 1.0)
        if group["is_head"]:
            return share
        return share * self.options.encoder_lr if step >= self.options.head_steps else 0.0

    def train_mode(self, net: Network) -> None:
        """Set a network to training mode; with `freeze_norms`, batch norm keeps its statistics."""
        net.train()
        if self.options.freeze_norms:
            for module in net.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    def pull(self, net: Network) -> None:
        """Add the gradient of pull / 2 * |w - w_start|^2, over all weights before the head."""
        if self.options.pull:
            for name, parameter in net.named_parameters():
                if name in self.weights and parameter.grad is not None:
                    parameter.grad.add_(parameter.detach() - self.weights[name].to(parameter), alpha=self.options.pull)

    def interpolate(self, net: Network) -> None:
        """Set the weights before the head to (1 - a) w_start + a w, a being `interpolate`."""
        own, share = net.state_dict(), self.options.interpolate
        for name, start in self.weights.items():
            if share < 1 and own[name].dtype.is_floating_point:
                own[name].copy_(torch.lerp(start.to(own[name]), own[name], share))

    @contextmanager
    def interpolated(self, net: Network) -> Iterator[None]:
        """Interpolate while the block runs, as the final network will be."""
        own = {name: net.state_dict()[name].clone() for name in self.weights}
        self.interpolate(net)
        yield
        net.load_state_dict(own, strict=False)

    def note(self, net: Network, epoch: int, accuracy: float, dev_eer: float) -> None:
        """Log what was measured before training (epoch 0), and keep the weights of the epoch that is best on dev."""
        if epoch == 0:
            logger.info("before training: valid %.1f %%, dev EER %.2f %%", 100 * accuracy, 100 * dev_eer)
        if self.options.select == "dev" and (self.best is None or dev_eer < self.best[0]):
            self.best = dev_eer, epoch, {k: v.detach().cpu().clone() for k, v in net.state_dict().items()}

    def finish(self, net: Network) -> None:
        """Set the final weights: those of the epoch that is best on dev, with `select`, then interpolated."""
        if self.best:
            eer, epoch, weights = self.best
            net.load_state_dict(weights)
            if epoch:
                logger.info("epoch %d is the best on dev, with an EER of %.2f %%; it is the result", epoch, 100 * eer)
            else:
                logger.warning(
                    "no epoch is better on dev than before training, %.2f %%: that network is kept", 100 * eer
                )
        self.interpolate(net)


def start_head(
    net: Network, reader: FeatureReader, labels: Mapping[str, int], num_frames: Mapping[str, int], device: torch.device
) -> None:
    """Set a speaker's direction in the head to the mean of the utterances' embeddings, each of length one.

    Args: labels and num_frames are by utterance: the speaker's number, and its frames. Raises InputError for a head
    without directions.
    """
    single = members(net)
    if len(single) > 1 or not isinstance(net.head, Margin) or len(net.affine) > 1:
        raise InputError(
            "train.tuning.head: means; expected one network with one of model.embedding_layers and a margin"
        )
    was = net.training
    net.eval()
    sums = torch.zeros(len(set(labels.values())), net.head.weight.shape[1])
    for utt, vector in embed_batches(net, reader, plan_batches({utt: num_frames[utt] for utt in labels}), device):
        sums[labels[utt]] += normalize(torch.from_numpy(vector), dim=0)
    centres = len(net.head.weight) // len(sums)
    with torch.no_grad():
        net.head.weight.copy_(normalize(sums).repeat_interleave(centres, dim=0))
    net.train(was)
    logger.info("the head starts from the means of %d speakers' embeddings", len(sums))
