import numpy as np
import pytest
import torch

from spkr.errors import InputError
from spkr.nnet.pooling import VARIANCE_FLOOR, make_pooling
from tests.unit.nnet.networks import POOLINGS, stir

torch.set_num_threads(1)


def masked(lengths, frames):
    return (torch.arange(frames) < torch.tensor(lengths)[:, None])[:, None]


def attention(pool, h):
    """Weights (channels or 1, frames) of the frames (channels, frames) of one utterance."""
    w, v = (layer.weight.detach().double().numpy()[:, :, 0] for layer in (pool.w, pool.v))
    b, k = (layer.bias.detach().double().numpy()[:, None] for layer in (pool.w, pool.v))
    seen = h
    if hasattr(pool, "context"):  # [h_t, mu, sigma]
        w = np.concatenate([w, pool.context.weight.detach().double().numpy()], axis=1)
        moments = np.concatenate([h.mean(axis=1), np.sqrt(np.maximum(h.var(axis=1), VARIANCE_FLOOR))])
        seen = np.concatenate([h, np.tile(moments[:, None], h.shape[1])])
    e = v @ np.tanh(w @ seen + b) + k
    return np.exp(e) / np.exp(e).sum(axis=1, keepdims=True)


def expected(mode, pool, real):
    moments = [real.mean(axis=1), np.sqrt(np.maximum(real.var(axis=1), VARIANCE_FLOOR))]
    if mode in ("xvector", "gram", "super"):
        gram = [(real @ real.T / real.shape[1]).ravel()]
        return np.concatenate({"xvector": moments, "gram": gram, "super": moments + gram}[mode])
    alpha = attention(pool, real)
    mean = (alpha * real).sum(axis=1)
    deviation = np.sqrt(np.maximum((alpha * (real - mean[:, None]) ** 2).sum(axis=1), VARIANCE_FLOOR))
    pooled = torch.from_numpy(np.concatenate([mean, deviation]))
    if mode == "channel_attentive":
        pooled = pool.norm.double()(pooled[None])[0].detach()
        pool.norm.float()
    return pooled.numpy()


@pytest.mark.parametrize("mode", POOLINGS)
def test_pooling_of_real_frames_only(mode):
    rng, lengths = np.random.default_rng(1), [9, 5, 1]
    x, pool = rng.normal(2, 1, size=(3, 4, 9)).astype(np.float32), stir(make_pooling(mode, 4))
    mask = masked(lengths, 9)
    pooled = pool(torch.from_numpy(x), mask).detach()
    assert pooled.shape[1] == pool.output_dim
    for row, utt, n in zip(pooled, x.astype(np.float64), lengths, strict=True):
        tolerance = 1e-5 if n > 1 else 1e-3  # a deviation of zero, rounded
        np.testing.assert_allclose(row, expected(mode, pool, utt[:, :n]), rtol=1e-5, atol=tolerance)
    whole = torch.from_numpy(x[:1])
    torch.testing.assert_close(pool(whole), pool(whole, mask[:1]))


@pytest.mark.parametrize("mode", ["super", "attentive", "channel_attentive"])
def test_pooling_of_a_constant_has_a_finite_gradient(mode):
    x = torch.zeros(2, 4, 9, requires_grad=True)
    make_pooling(mode, 4)(x, masked([9, 3], 9)).square().sum().backward()
    assert x.grad.isfinite().all()


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
