"""The whole network, of every type: from features to embeddings and logits."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import linear, pad

from spkr.errors import InputError
from spkr.nnet import embed, network_options
from spkr.nnet.embed import embed_utterance
from spkr.nnet.model import SpeakerNet
from tests.unit.nnet.networks import FRAME_ENCODERS, POOLINGS, SMALL, network

torch.set_num_threads(1)

TYPES = pytest.mark.parametrize("kind", FRAME_ENCODERS)


@TYPES
@pytest.mark.parametrize("pooling", POOLINGS)
def test_shapes(kind, pooling):
    net, feats = network(kind, pooling=pooling), torch.randn(3, 20, 12)
    stride, channels = net.encoder.stride, net.encoder.output_dim
    assert stride == {"resnet": 8, "campplus": 2, "eres2netv2": 8}.get(kind, 1)
    assert net.encoder(feats).shape == (3, channels, -(-20 // stride))
    pooled = {"gram": channels**2, "super": 2 * channels + channels**2}.get(pooling, 2 * channels)
    assert net.pooling(net.encoder(feats)).shape == (3, pooled)
    assert net.embed(feats).shape == (3, 10)
    assert net(feats).shape == (3, 5)


def assert_alone_as_together(net, lengths, padding=1e3):
    utts = [torch.randn(frames, 12) + 3 for frames in lengths]
    batch = torch.full((len(utts), max(lengths), 12), padding)
    for row, utt in zip(batch, utts, strict=True):
        row[: len(utt)] = utt
    with torch.inference_mode():
        together = net.embed(batch, torch.tensor(lengths))
        for row, utt in zip(together, utts, strict=True):
            torch.testing.assert_close(row, net.embed(utt[None])[0], atol=5e-5, rtol=5e-5)


@TYPES
def test_an_utterance_beside_a_longer_one_gives_what_it_gives_alone(kind):
    assert_alone_as_together(network(kind), [430, 211, 200, 199, 18, 17, 16, 9, 1])  # odd and even behind strides


def test_frames_beyond_a_multiple_are_dropped_and_zeros_follow_too_few():
    net, feats = network("redimnet2"), torch.randn(2, 23, 12)
    assert net.encoder.multiple == 4
    torch.testing.assert_close(net.embed(feats), net.embed(feats[:, :20]))
    torch.testing.assert_close(net.embed(feats, torch.tensor([23, 9]))[1:], net.embed(feats[1:, :8]))
    torch.testing.assert_close(net.embed(feats[:, :3]), net.embed(pad(feats[:, :3], (0, 0, 0, 1))))
    assert not torch.allclose(net.embed(feats), net.embed(feats[:, :19]))


@TYPES
@pytest.mark.parametrize("padding", [math.nan, math.inf])
def test_padding_may_be_anything(kind, padding):
    assert_alone_as_together(network(kind, pooling="channel_attentive"), [40, 17, 1], padding)
    net = network(kind, pooling="channel_attentive").train()
    feats = torch.full((3, 30, 12), padding)
    for row, frames in zip(feats, (30, 20, 5), strict=True):
        row[:frames] = torch.randn(frames, 12)
    net(feats, torch.tensor([30, 20, 5]), torch.arange(3)).square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())
    assert all(b.isfinite().all() for b in net.buffers())


@TYPES
def test_an_utterance_without_frames_is_refused(kind):
    net = network(kind)
    with pytest.raises(InputError, match=r"utterance 1 \(from 0\) of a batch has 0 frames; expected one frame or more"):
        net.embed(torch.randn(3, 20, 12), torch.tensor([20, 0, 7]))
    for lengths in (None, torch.tensor([0, 0, 0])):
        with pytest.raises(InputError, match="a batch of utterances with 0 frames"):
            net(torch.randn(3, 0, 12), lengths)


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_same_with_every_pooling(pooling, separable):
    assert_alone_as_together(network(pooling=pooling, separable=separable), [40, 11, 1])
    if separable:
        assert_alone_as_together(network("resnet", pooling=pooling), [40, 33, 32, 1])


@TYPES
def test_long_and_short_utterances_are_embedded_in_chunks(kind, monkeypatch):
    monkeypatch.setattr(embed, "MAX_CHUNK", 40)
    net, feats = network(kind), np.random.default_rng(1).normal(size=(80, 12)).astype(np.float32)
    chunks = [net.embed(torch.from_numpy(feats[i : i + 40])[None])[0].detach().numpy() for i in (0, 40)]
    np.testing.assert_allclose(embed_utterance(net, feats), np.mean(chunks, axis=0), rtol=1e-4, atol=1e-5)
    assert np.isfinite(embed_utterance(net, feats[:1])).all()


@TYPES
def test_all_weights_learn_and_the_same_seed_gives_the_same_gradients(kind):
    def gradients():
        net = network(kind, pooling="channel_attentive", head={"type": "aam"}).train()
        torch.manual_seed(2)
        net(torch.randn(4, 30, 12), torch.tensor([30, 30, 25, 9]), torch.arange(4)).logsumexp(1).sum().backward()
        return {name: p.grad for name, p in net.named_parameters()}

    first, second = gradients(), gradients()
    for name, grad in first.items():
        assert grad is not None and grad.isfinite().all(), name
        assert torch.equal(grad, second[name]), name


@TYPES
def test_what_follows_the_encoder_is_float32_under_autocast(kind):
    net = network(kind, pooling="channel_attentive", head={"type": "aam", "margin": 0.2, "scale": 30.0})
    feats, lengths, speakers = torch.randn(6, 50, 12), torch.tensor([50, 50, 40, 30, 20, 10]), torch.arange(6) % 5
    seen = []
    net.encoder.register_forward_hook(lambda module, args, output: seen.append(output))
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(feats, lengths, speakers)
    assert seen[0].dtype in (torch.bfloat16, torch.float32)  # float32 where batch norm comes last
    assert logits.dtype == torch.float32
    net.encoder.forward = lambda feats, mask: seen[0].double().float()
    torch.testing.assert_close(logits, net(feats, lengths, speakers), rtol=1e-5, atol=1e-5)


def test_the_embedding_is_the_first_affine_layer_after_batch_norm_before_relu():
    net = network()
    feats = torch.randn(4, 20, 12)
    norm = net.norms[0]
    affine = linear(net.pooling(net.encoder(feats)), net.affine[0].weight, net.affine[0].bias)
    expected = (affine - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    assert not norm.affine
    assert (expected < 0).any()
    torch.testing.assert_close(net.embed(feats), expected)
    second = net.norms[1](net.affine[1](expected.clamp(min=0)))
    torch.testing.assert_close(net(feats), net.head.affine(second.clamp(min=0)))


def test_the_segments_of_the_xvector_network_are_affine_relu_and_batch_norm():
    net, feats = network("tdnn"), torch.randn(4, 20, 12)
    embedding = net.affine[0](net.pooling(net.encoder(feats)))
    torch.testing.assert_close(net.embed(feats), embedding)
    segment6 = net.norms[0](embedding.relu())
    segment7 = net.norms[1](net.affine[1](segment6).relu())
    assert not torch.allclose(segment7, segment7.relu())
    torch.testing.assert_close(net(feats), net.head.affine(segment7))
    angular = network("tdnn", embedding_layers=[10], head={"type": "aam"})
    expected = angular.norms[0](angular.embed(feats))  # without ReLU, as angles need both signs
    torch.testing.assert_close(angular(feats), angular.head(expected))


def test_no_batch_norm_follows_the_embedding_of_titanet():
    net, feats = network("titanet", embedding_layers=[10], head={"type": "aam"}), torch.randn(4, 20, 12)
    embedding = net.affine[0](net.pooling(net.encoder(feats)))
    torch.testing.assert_close(net.embed(feats), embedding)
    torch.testing.assert_close(net(feats), net.head(embedding))


def test_a_residual_connection_goes_round_every_block_but_the_last():
    blocks = network().encoder.blocks
    assert [len(block.convs) for block in blocks] == [1, 2, 2, 1]
    assert [block.residual is not None for block in blocks] == [True, True, True, False]
    block, x = blocks[1], torch.randn(2, 8, 15)
    for conv in block.convs:
        conv.conv[1].weight.data.zero_()  # then batch norm gives a constant, and the residual path the rest
    constant = [norm(torch.zeros(2, 8, 15)) for norm in block.norms][-1]
    torch.testing.assert_close(block(x, None), (constant + block.residual(x)).clamp(min=0))


def test_weights_begin_as_xavier_says():
    torch.manual_seed(3)
    net = SpeakerNet(network_options(SMALL | {"filters": 40, "head": {"type": "aam"}}), 12, 50)
    matrices = {name: p for name, p in net.named_parameters() if p.dim() > 1}
    assert len(matrices) == 17
    for name, p in matrices.items():
        field = p[0, 0].numel()
        bound = math.sqrt(6 / ((p.shape[0] + p.shape[1]) * field))
        assert p.abs().max() <= bound, name
        assert p.abs().max() > 0.9 * bound, name
    for name, p in net.named_parameters():
        if name.endswith("bias"):
            assert not p.any(), name
