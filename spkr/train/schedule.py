"""Optimisers and the learning-rate schedule, each from a config's `train` section."""

import math
from collections.abc import Iterable

from torch.nn import Parameter
from torch.optim import SGD, AdamW, Optimizer

from spkr.errors import InputError
from spkr.train.novograd import NovoGrad


def make_optimizer(parameters: Iterable[Parameter], settings: dict) -> Optimizer:
    """NovoGrad, AdamW or SGD (Nesterov's, its momentum the first of `betas`) with `lr` and `weight_decay`.

    On a GPU, AdamW is torch's fused one.

    Raises InputError for another optimiser.
    """
    parameters = list(parameters)
    lr, betas, decay = settings["lr"], tuple(settings["betas"]), settings["weight_decay"]
    if settings["optimizer"] == "novograd":
        return NovoGrad(parameters, lr=lr, betas=betas, weight_decay=decay)
    if settings["optimizer"] == "adamw":
        fused = all(parameter.is_cuda for parameter in parameters)
        return AdamW(parameters, lr=lr, betas=betas, weight_decay=decay, fused=fused)
    if settings["optimizer"] == "sgd":
        # Not torch's fused one, whose momentum begins with what lay in the memory if the scaler skips the first step
        momentum = {"momentum": betas[0], "nesterov": betas[0] > 0}
        return SGD(parameters, lr=lr, weight_decay=decay, **momentum)
    raise InputError(f"train.optimizer: {settings['optimizer']!r}; expected novograd, adamw or sgd")


def learning_rate(step: int, total: int, settings: dict) -> float:
    """The rate of step `step` (from 0) of `total`: linear warm-up to `lr`, then half a cosine down to `min_lr`."""
    warmup = settings["warmup"] * total
    if step < warmup:
        return settings["lr"] * min(1.0, (step + 1) / warmup)
    progress = (step - warmup) / max(1, total - warmup)
    return settings["min_lr"] + (settings["lr"] - settings["min_lr"]) * (1 + math.cos(math.pi * progress)) / 2
