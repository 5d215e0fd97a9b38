"""The faster form of a network for embedding gives the embeddings of the network."""

import copy

import pytest
import torch
from torch import nn

from spkr.nnet.inference import Pointwise, Scale, for_inference
from tests.unit.nnet.networks import FRAME_ENCODERS, POOLINGS, network

CPU = torch.device("cpu")


@pytest.mark.parametrize(("kind", "pooling"), [*((kind, "xvector") for kind in FRAME_ENCODERS),
                                               *(("ecapa", pooling) for pooling in POOLINGS)])  # fmt: skip
def test_embeddings_are_the_same(kind, pooling):
    net = network(kind, pooling=pooling)
    faster = for_inference(copy.deepcopy(net), CPU, "float32")
    norms = sum(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in net.modules())
    assert norms and sum(isinstance(module, Scale) for module in faster.modules()) == norms
    if kind in ("campplus", "quartznet", "ecapa"):
        assert any(isinstance(module, Pointwise) for module in faster.modules())
    feats, lengths = torch.randn(3, 130, 12), torch.tensor([130, 90, 45])
    with torch.inference_mode():
        for of in (None, lengths):
            expected, found = net.embed(feats, of), faster.embed(feats, of)
            assert (found - expected).abs().max() <= 2e-5 * expected.abs().max()


def test_other_precisions_are_left_alone():
    net = for_inference(network("tdnn"), CPU, "bfloat16")
    assert not any(isinstance(module, Scale | Pointwise) for module in net.modules())


def test_the_order_in_memory_stays():
    norm = network("campplus").encoder.norm
    x = torch.randn(2, 50, norm.num_features).transpose(1, 2)
    assert Scale(norm)(x).stride() == norm(x).stride() == x.stride()
