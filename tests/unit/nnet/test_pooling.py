from functools import partial

import numpy as np
import pytest
import torch

from spkr.errors import InputError
from spkr.nnet.moments import mean_and_variance, of_whole_batch
from spkr.nnet.pooling import Deviation, make_pooling
from tests.unit.nnet.networks import POOLINGS, stir

torch.set_num_threads(1)

FLOOR = Deviation().floor


def masked(lengths, frames):
    return (torch.arange(frames) < torch.tensor(lengths)[:, None])[:, None]


def attention(pool, h):
    """Weights (channels or 1, frames) of the frames (channels, frames) of one utterance."""
    w, v = (layer.weight.detach().double().numpy()[:, :, 0] for layer in (pool.w, pool.v))
    b, k = (layer.bias.detach().double().numpy()[:, None] for layer in (pool.w, pool.v))
    seen = h
    if hasattr(pool, "context"):  # [h_t, mu, sigma]
        w = np.concatenate([w, pool.context.weight.detach().double().numpy()], axis=1)
        moments = np.concatenate([h.mean(axis=1), np.sqrt(np.maximum(h.var(axis=1), FLOOR))])
        seen = np.concatenate([h, np.tile(moments[:, None], h.shape[1])])
    hidden = w @ seen + b
    if isinstance(pool.before_tanh, torch.nn.Sequential):  # tanh(BN(ReLU(.)))
        norm = pool.before_tanh[1]
        mean, var, scale, shift = (
            t.detach().double().numpy()[:, None] for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        )
        hidden = (np.maximum(hidden, 0) - mean) / np.sqrt(var + 1e-5) * scale + shift
    e = v @ np.tanh(hidden) + k
    return np.exp(e) / np.exp(e).sum(axis=1, keepdims=True)


def expected(mode, pool, real):
    moments = [real.mean(axis=1), np.sqrt(np.maximum(real.var(axis=1), FLOOR))]
    if mode in ("xvector", "gram", "super"):
        gram = [(real @ real.T / real.shape[1]).ravel()]
        return np.concatenate({"xvector": moments, "gram": gram, "super": moments + gram}[mode])
    alpha = attention(pool, real)
    mean = (alpha * real).sum(axis=1)
    deviation = np.sqrt(np.maximum((alpha * (real - mean[:, None]) ** 2).sum(axis=1), FLOOR))
    pooled = torch.from_numpy(np.concatenate([mean, deviation]))
    if mode == "channel_attentive":
        pooled = pool.norm.double()(pooled[None])[0].detach()
        pool.norm.float()
    return pooled.numpy()


@pytest.mark.parametrize(("mode", "attention_norm"), [*((mode, False) for mode in POOLINGS), (POOLINGS[-1], True)])
def test_pooling_of_real_frames_only(mode, attention_norm):
    rng, lengths = np.random.default_rng(1), [9, 5, 1]
    x, pool = rng.normal(2, 1, size=(3, 4, 9)).astype(np.float32), stir(make_pooling(mode, 4, attention_norm))
    mask = masked(lengths, 9)
    pooled = pool(torch.from_numpy(x), mask).detach()
    assert pooled.shape[1] == pool.output_dim
    for row, utt, n in zip(pooled, x.astype(np.float64), lengths, strict=True):
        np.testing.assert_allclose(row, expected(mode, pool, utt[:, :n]), rtol=1e-5, atol=1e-5)
    whole = torch.from_numpy(x[:1])
    torch.testing.assert_close(pool(whole), pool(whole, mask[:1]))


@pytest.mark.parametrize("mode", ["super", "attentive", "channel_attentive"])
def test_pooling_of_a_constant_has_a_finite_gradient(mode):
    x = torch.zeros(2, 4, 9, requires_grad=True)
    make_pooling(mode, 4)(x, masked([9, 3], 9)).square().sum().backward()
    assert x.grad.isfinite().all()


def deviation(mode, x):
    """Of frames (T,), by `mode` with all frames weighted equally."""
    pool = make_pooling(mode, 1)
    if mode == "attentive":
        pool.v.weight.data.zero_()
    return pool(x[None, None])[0, 1]


@pytest.mark.parametrize("mode", ["xvector", "super", "attentive"])
def test_the_deviation_has_its_digits_beside_a_large_mean(mode):
    assert deviation(mode, torch.tensor([100, 100.1, 100.2, 100.3])).item() == pytest.approx(0.111803, abs=5e-6)
    assert deviation(mode, torch.full((8,), 3.3)).item() == pytest.approx(FLOOR**0.5)
    x = (1000 + torch.randn(500, generator=torch.Generator().manual_seed(1))).requires_grad_()
    exact = x.detach().double().requires_grad_()
    exact.var(correction=0).sqrt().backward()
    found = deviation(mode, x)
    found.backward()
    assert found.item() == pytest.approx(exact.var(correction=0).sqrt().item(), rel=1e-4)
    torch.testing.assert_close(x.grad.double(), exact.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("padding", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("mode", POOLINGS)
def test_padding_of_any_value_changes_neither_the_vector_nor_a_gradient(mode, padding):
    pool, mask = stir(make_pooling(mode, 4)), masked([9, 5, 1], 9)
    clean = torch.randn(3, 4, 9).masked_fill(~mask, 0)
    found = []
    for x in (clean, clean.masked_fill(~mask, padding)):
        x.requires_grad_()
        y = pool(x, mask)
        found.append([y, *torch.autograd.grad(y.square().sum(), [x, *pool.parameters()])])
    for zero, other in zip(*found, strict=True):
        assert torch.equal(zero, other)


def test_moments_have_the_gradients_of_their_formulas():
    x, mask = torch.randn(3, 4, 9, dtype=torch.float64, requires_grad=True), masked([9, 5, 1], 9)
    for layout in (x, x.transpose(1, 2).contiguous().transpose(1, 2)):  # channel by channel, frame by frame
        for unbiased in (False, True):
            for real in (None, mask):
                assert torch.autograd.gradcheck(partial(mean_and_variance, mask=real, unbiased=unbiased), layout)


def test_moments_of_bfloat16_frames_are_those_of_the_same_numbers_in_float32():
    x = torch.randn(3, 4, 500).add(3).bfloat16()
    for found, exact in zip(mean_and_variance(x), mean_and_variance(x.double()), strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=0)


@pytest.mark.parametrize("mode", POOLINGS)
def test_the_gradient_of_bfloat16_frames_is_rounded_once(mode):
    pool, x = stir(make_pooling(mode, 4)), torch.randn(3, 4, 200).bfloat16()
    found, exact = x.clone().requires_grad_(), x.float().requires_grad_()
    for frames in (found, exact):
        pool(frames).square().sum().backward()
    assert torch.equal(found.grad, exact.grad.bfloat16())


@pytest.mark.parametrize("unbiased", [False, True])
def test_moments_of_a_whole_batch_are_those_of_its_utterances(unbiased):
    x = torch.randn(3, 4, 9)
    for mask in (None, masked([9, 5, 1], 9)):
        torch.testing.assert_close(of_whole_batch(x, mask, unbiased), mean_and_variance(x, mask, unbiased))


def test_attention_weighs_each_frame_or_each_channel_of_each_frame():
    h, mask = torch.randn(1, 3, 20), None
    frame, channel = make_pooling("attentive", 3), make_pooling("channel_attentive", 3)
    assert attention(frame, h[0].double().numpy()).shape == (1, 20)
    assert attention(channel, h[0].double().numpy()).shape == (3, 20)
    frame.v.weight.data.zero_()  # all frames alike
    torch.testing.assert_close(frame(h, mask), make_pooling("xvector", 3)(h, mask))


def test_an_unknown_pooling_is_named():
    with pytest.raises(InputError, match="model.pooling: 'mean'; expected xvector, gram, super, attentive or"):
        make_pooling("mean", 3)
