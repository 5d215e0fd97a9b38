"""Networks of 3D-Speaker: CAM++ (speakerlab/models/campplus/DTDNN.py).

Its pooling divides by T - 1, and the layer of the embedding has no bias. Its features are those of Kaldi with 80 bands,
less the mean over the utterance.
"""

import re
from typing import Any

import torch

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


ARCHITECTURES = {"CAM++": campplus}
