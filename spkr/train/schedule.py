"""Optimisers and the learning-rate schedule, from the config's section `train`."""

import math
from collections.abc import Sequence

from torch.optim import SGD, AdamW, Optimizer

from spkr.config.train_options import TrainOptions
from spkr.train.novograd import NovoGrad


def make_optimizer(groups: Sequence[dict], options: TrainOptions) -> Optimizer:
    """NovoGrad, AdamW or SGD (with Nesterov's momentum, the first of `betas`), with `lr` and `weight_decay`.

    On a GPU, AdamW is torch's fused one. Args: groups have their parameters under `params`.
    """
    lr, betas, decay = options.lr, options.betas, options.weight_decay
    if options.optimizer == "novograd":
        return NovoGrad(groups, lr=lr, betas=betas, weight_decay=decay)
    if options.optimizer == "adamw":
        fused = all(parameter.is_cuda for group in groups for parameter in group["params"])
        return AdamW(groups, lr=lr, betas=betas, weight_decay=decay, fused=fused)
    # Not torch's fused SGD: if the scaler skips the first step, its momentum starts from uninitialised memory
    momentum = {"momentum": betas[0], "nesterov": betas[0] > 0}
    return SGD(groups, lr=lr, weight_decay=decay, **momentum)


def learning_rate(step: int, total: int, options: TrainOptions) -> float:
    """The rate of step `step` (from 0) of `total`: linear warm-up to `lr`, then half a cosine down to `min_lr`."""
    warmup = options.warmup * total
    if step < warmup:
        return options.lr * min(1.0, (step + 1) / warmup)
    progress = (step - warmup) / max(1, total - warmup)
    return options.min_lr + (options.lr - options.min_lr) * (1 + math.cos(math.pi * progress)) / 2
