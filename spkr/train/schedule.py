"""Optimisers and the learning-rate schedule, each from a config's `train` section."""

import math
from collections.abc import Iterable

from torch.nn import Parameter
from torch.optim import SGD, AdamW, Optimizer

from spkr.train.novograd import NovoGrad


def make_optimizer(parameters: Iterable[Parameter], settings: dict) -> Optimizer:
    """NovoGrad, AdamW or SGD with `lr`, `betas` (SGD: momentum is the first of them) and `weight_decay`."""
    lr, betas, decay = settings["lr"], tuple(settings["betas"]), settings["weight_decay"]
    if settings["optimizer"] == "novograd":
        return NovoGrad(parameters, lr=lr, betas=betas, weight_decay=decay)
    if settings["optimizer"] == "adamw":
        return AdamW(parameters, lr=lr, betas=betas, weight_decay=decay)
    return SGD(parameters, lr=lr, momentum=betas[0], weight_decay=decay, nesterov=True)


def learning_rate(step: int, total: int, settings: dict) -> float:
    """The rate of step `step` (from 0) of `total`: linear warm-up to `lr`, then half a cosine down to `min_lr`."""
    warmup = settings["warmup"] * total
    if step < warmup:
        return settings["lr"] * (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return settings["min_lr"] + (settings["lr"] - settings["min_lr"]) * (1 + math.cos(math.pi * progress)) / 2
