"""Networks of wespeaker: ResNet (wespeaker/models/resnet.py) and ECAPA-TDNN (ecapa_tdnn.py).

Their pooling adds 1e-7 to the variance, which divides by T - 1 where it is not weighted. Their ECAPA-TDNN is chained,
and a Res2 layer leaves the last group of channels as it is, not the first: the channels change places on the way.
Features are those of Kaldi with 80 bands and Hamming's window, less the mean over the utterance.
"""

import re
from typing import Any

import torch

from spkr.nnet.ecapa import DILATIONS, SCALE
from spkr.nnet.importers import HEAD, KALDI_FBANK
from spkr.nnet.importers.network_file import NetworkFile
from spkr.nnet.importers.weights import NORM, Weights

UNUSED = ("projection.",)  # the classifier, whose speakers have no names in the file
POOLING = {"unbiased_std": True, "variance_floor": 1e-7}


def front_end(file: NetworkFile) -> dict[str, Any]:
    """The section `feats`."""
    return KALDI_FBANK | {"window_type": "hamming"}


def resnet(file: NetworkFile) -> tuple[dict[str, Any], Weights] | None:
    """ResNet of basic blocks, such as ResNet34; None for another network."""
    state = file.state
    if "seg_1.weight" not in state or "layer1.0.conv1.weight" not in state or "layer1.0.conv3.weight" in state:
        return None
    found = [m.groups() for name in state if (m := re.fullmatch(r"layer(\d)\.(\d+)\.conv1\.weight", name))]
    blocks = [sum(layer == str(i) for layer, _ in found) for i in (1, 2, 3, 4)]
    w = Weights(state, UNUSED)
    settings = {"type": "resnet", "filters": w.size("layer1.0.conv1.weight"), "blocks": blocks, "pooling": "xvector"}
    settings |= {**POOLING, "head": HEAD, "embedding_layers": [w.size("seg_1.weight")]}
    w.copy("encoder.conv", "conv1", "weight")
    w.norm("encoder.norm", "bn1")
    places = [f"layer{stage}.{i}" for stage, number in enumerate(blocks, 1) for i in range(number)]
    for at, theirs in enumerate(places):
        w.residual(f"encoder.blocks.{at}", theirs)
    w.copy("affine.0", "seg_1", "weight", "bias")
    return settings | {"embedding_norm": "none"}, w


def ecapa(file: NetworkFile) -> tuple[dict[str, Any], Weights] | None:
    """ECAPA-TDNN with an attention that reads the statistics of the utterance (GLOB); None for another network."""
    state = file.state
    if "layer1.conv.weight" not in state or "pool.linear1.weight" not in state:
        return None
    w = Weights(state, UNUSED)
    channels, last = w.size("layer1.conv.weight"), w.size("pool.linear2.weight")
    settings = {"type": "ecapa", "filters": channels, "last_filters": last, "chained": True}
    settings |= {"pooling": "channel_attentive", **POOLING, "embedding_layers": [w.size("linear.weight")]}
    settings |= {"head": HEAD, "embedding_norm": "none"}
    _conv(w, "encoder.first", "layer1")
    order = torch.arange(channels).roll(channels // SCALE)  # our channels by theirs: the group that stays is first
    for i in range(len(DILATIONS)):
        ours, theirs = f"encoder.blocks.{i}", f"layer{i + 2}.se_res2block"
        _conv(w, f"{ours}.conv1", f"{theirs}.0")
        for k in range(SCALE - 1):
            w.copy(f"{ours}.res2.convs.{k}.conv", f"{theirs}.1.convs.{k}", "weight", "bias")
            w.norm(f"{ours}.res2.convs.{k}.norm", f"{theirs}.1.bns.{k}")
        _conv(w, f"{ours}.conv2", f"{theirs}.2")
        for name in ("conv1.conv.weight", "conv1.conv.bias", *(f"conv1.norm.{p}" for p in NORM[:-1])):
            w.reorder(f"{ours}.{name}", order)
        w.reorder(f"{ours}.conv2.conv.weight", order, axis=1)
        for k in (1, 2):
            w.copy(f"{ours}.squeeze.w{k}", f"{theirs}.3.linear{k}", "weight", "bias")
    w.copy("encoder.last", "conv", "weight", "bias")
    w.attention("pooling", "pool.linear1", last)
    w.copy("pooling.v", "pool.linear2", "weight", "bias")
    w.norm("pooling.norm", "bn")
    w.copy("affine.0", "linear", "weight", "bias")
    return settings, w


def _conv(w: Weights, ours: str, theirs: str) -> None:
    w.copy(f"{ours}.conv", f"{theirs}.conv", "weight", "bias")
    w.norm(f"{ours}.norm", f"{theirs}.bn")


ARCHITECTURES = {"ResNet": resnet, "ECAPA-TDNN": ecapa}
