"""Networks of 3D-Speaker: CAM++ (speakerlab/models/campplus/DTDNN.py) and ERes2NetV2 (eres2net/ERes2NetV2.py).

Their pooling divides by T - 1; ERes2NetV2's adds 1e-8 to the variance. The layer of CAM++'s embedding has no bias.
Their features are those of Kaldi with 80 bands, less the mean over the utterance.
"""

import math
import re
from typing import Any

import torch

from spkr.nnet.eres2netv2 import PER
from spkr.nnet.importers import HEAD, KALDI_FBANK
from spkr.nnet.importers.network_file import NetworkFile
from spkr.nnet.importers.weights import Weights


def front_end(file: NetworkFile) -> dict[str, Any]:
    """The section `feats`."""
    return KALDI_FBANK


def campplus(file: NetworkFile) -> tuple[dict[str, Any], Weights] | None:
    """CAM++; None for another network."""
    state = file.state
    layers = [m.groups() for name in state if (m := re.match(r"xvector\.block(\d)\.tdnnd(\d+)\.linear1\.", name))]
    if not layers or "head.conv1.weight" not in state or "xvector.dense.linear.weight" not in state:
        return None
    blocks = [sum(block == str(b) for block, _ in layers) for b in (1, 2, 3)]
    w = Weights(state)
    settings = {
        "type": "campplus",
        "filters": w.size("xvector.tdnn.linear.weight"),
        "growth": w.size("xvector.block1.tdnnd1.cam_layer.linear_local.weight"),
        "blocks": blocks,
        "pooling": "xvector",
        "unbiased_std": True,
        "embedding_layers": [w.size("xvector.dense.linear.weight")],
        "head": HEAD,
    }
    return settings, _move(w, blocks)


def _move(w: Weights, blocks: list[int]) -> Weights:
    for i in (1, 2):
        w.copy(f"encoder.fcm.conv{i}", f"head.conv{i}", "weight")
        w.norm(f"encoder.fcm.norm{i}", f"head.bn{i}")
    for i in range(4):
        w.residual(f"encoder.fcm.blocks.{i}", f"head.layer{1 + i // 2}.{i % 2}")
    w.copy("encoder.tdnn", "xvector.tdnn.linear", "weight")
    w.norm("encoder.norm", "xvector.tdnn.nonlinear.batchnorm")
    at = 0
    for block, number in enumerate(blocks, 1):
        for i in range(1, number + 1):
            ours, theirs = f"encoder.layers.{at}", f"xvector.block{block}.tdnnd{i}"
            w.norm(f"{ours}.norm1", f"{theirs}.nonlinear1.batchnorm")
            w.copy(f"{ours}.conv", f"{theirs}.linear1", "weight")
            w.norm(f"{ours}.norm2", f"{theirs}.nonlinear2.batchnorm")
            w.copy(f"{ours}.cam.local", f"{theirs}.cam_layer.linear_local", "weight")
            for k in (1, 2):
                w.copy(f"{ours}.cam.w{k}", f"{theirs}.cam_layer.linear{k}", "weight", "bias")
            at += 1
        w.norm(f"encoder.layers.{at}.norm", f"xvector.transit{block}.nonlinear.batchnorm")
        w.copy(f"encoder.layers.{at}.conv", f"xvector.transit{block}.linear", "weight")
        at += 1
    w.norm("encoder.last", "xvector.out_nonlinear.batchnorm")
    w.copy("affine.0", "xvector.dense.linear", "weight")
    w.flatten("affine.0.weight")
    w.ours["affine.0.bias"] = torch.zeros(w.size("xvector.dense.linear.weight"))
    w.norm("norms.0", "xvector.dense.nonlinear.batchnorm", affine=False)
    return w


def eres2netv2(file: NetworkFile) -> tuple[dict[str, Any], Weights] | None:
    """ERes2NetV2 of any width; None for another network."""
    state = file.state
    if "layer3_ds.weight" not in state or "layer4.0.fuse_models.0.local_att.0.weight" not in state:
        return None
    found = [m.groups() for name in state if (m := re.fullmatch(r"layer(\d)\.(\d+)\.conv3\.weight", name))]
    blocks = [sum(layer == str(i) for layer, _ in found) for i in (1, 2, 3, 4)]
    w = Weights(state)
    filters, group = w.size("conv1.weight"), w.size("layer4.0.convs.0.weight")
    settings = {
        "type": "eres2netv2",
        "filters": filters,
        "blocks": blocks,
        "width": math.ceil(group * PER / (8 * filters)),
        "scale": w.size("layer4.0.conv1.weight") // group,
        "expansion": w.size("layer1.0.conv3.weight") // filters,
        "pooling": "xvector",
        "unbiased_std": True,
        "variance_floor": 1e-8,
        "embedding_layers": [w.size("seg_1.weight")],
        "head": HEAD,
    }
    w.copy("encoder.conv", "conv1", "weight")
    w.norm("encoder.norm", "bn1")
    for stage, number in enumerate(blocks):
        for i in range(number):
            _res2_block(w, f"encoder.stages.{stage}.{i}", f"layer{stage + 1}.{i}", settings["scale"])
    w.copy("encoder.down", "layer3_ds", "weight")
    _fusion(w, "encoder.fusion", "fuse34")
    w.copy("affine.0", "seg_1", "weight", "bias")
    return settings, w


def _res2_block(w: Weights, ours: str, theirs: str, scale: int) -> None:
    for i in (1, 3):
        w.copy(f"{ours}.conv{i}", f"{theirs}.conv{i}", "weight")
        w.norm(f"{ours}.norm{i}", f"{theirs}.bn{i}")
    for i in range(scale):
        w.copy(f"{ours}.convs.{i}", f"{theirs}.convs.{i}", "weight")
        w.norm(f"{ours}.norms.{i}", f"{theirs}.bns.{i}")
        if f"{theirs}.fuse_models.{i}.local_att.0.weight" in w.left:
            _fusion(w, f"{ours}.fusions.{i}", f"{theirs}.fuse_models.{i}")
    if f"{theirs}.shortcut.0.weight" in w.left:
        w.copy(f"{ours}.shortcut.0", f"{theirs}.shortcut.0", "weight")
        w.norm(f"{ours}.shortcut.1", f"{theirs}.shortcut.1")


def _fusion(w: Weights, ours: str, theirs: str) -> None:
    for k, at in ((1, 0), (2, 3)):
        w.copy(f"{ours}.w{k}", f"{theirs}.local_att.{at}", "weight", "bias")
        w.norm(f"{ours}.norm{k}", f"{theirs}.local_att.{at + 1}")


ARCHITECTURES = {"CAM++": campplus, "ERes2NetV2": eres2netv2}
