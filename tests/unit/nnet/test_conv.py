"""Convolution and batch norm over time against torch.nn's, and that a network keeps to one order in memory."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from spkr.nnet import network_options
from spkr.nnet.conv import BatchNorm1d, Conv1d, DepthwiseConv1d, flat, join, part, time_axis
from spkr.nnet.model import SpeakerNet
from tests.unit.nnet.networks import SMALL_OF, stir

torch.set_num_threads(1)


def by_frame(*shape, seed=1):
    """(N, C, T), the channels of a frame side by side, as features arrive."""
    n, channels, frames = shape
    return torch.randn(n, frames, channels, generator=torch.Generator().manual_seed(seed)).transpose(1, 2)


def gradients(module, x):
    """Output, and the gradients of a sum of unlike parts by input and weights."""
    x = x.clone().requires_grad_()
    y = module(x)
    weight = torch.randn(y.shape, generator=torch.Generator().manual_seed(9))
    return y, *torch.autograd.grad((y * weight).sum(), [x, *module.parameters()])


def as_torch(module, kind):
    """A copy of the same weights that computes as torch.nn does."""
    own = kind.__new__(kind)
    own.__dict__ = dict(module.__dict__)
    return own


@pytest.mark.parametrize("layout", ["by_frame", "by_channel"])
@pytest.mark.parametrize(
    "options",
    [{"kernel_size": 1}, {"kernel_size": 5, "padding": 2, "stride": 2}, {"kernel_size": 3, "padding": 4, "dilation": 4},
     {"kernel_size": 3, "bias": False}],
)  # fmt: skip
def test_a_convolution_is_that_of_torch(options, layout):
    conv, x = Conv1d(6, 10, **options), by_frame(3, 6, 20)
    x = x if layout == "by_frame" else x.contiguous()
    for ours, theirs in zip(gradients(conv, x), gradients(as_torch(conv, nn.Conv1d), x), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("kernel", [1, 3, 5, 7, 9, 11, 15])
def test_a_depthwise_convolution_and_its_gradients_are_those_of_torch(kernel):
    conv, x = DepthwiseConv1d(6, kernel), by_frame(3, 6, 20)
    for ours, theirs in zip(gradients(conv, x), gradients(as_torch(conv, nn.Conv1d), x), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("channels", "dtype"), [(16, torch.float32), (24, torch.bfloat16)])
def test_a_wide_depthwise_convolution_of_few_channels_is_not_in_bfloat16(channels, dtype):
    conv, x = DepthwiseConv1d(channels, 19), by_frame(3, channels, 20)
    with torch.autocast("cpu", torch.bfloat16):
        y = conv(x.bfloat16())
    assert y.dtype == dtype
    torch.testing.assert_close(y.float(), conv(x), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_a_depthwise_kernel_may_be_longer_than_the_utterance(frames):
    conv, x = DepthwiseConv1d(6, 9), by_frame(3, 6, frames)
    for ours, theirs in zip(gradients(conv, x), gradients(as_torch(conv, nn.Conv1d), x), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_depthwise_convolution_in_bfloat16_is_as_exact_as_that_of_torch():
    conv, x = DepthwiseConv1d(32, 9), by_frame(8, 32, 100)
    exact = gradients(as_torch(conv, nn.Conv1d), x)
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = gradients(conv, x), gradients(as_torch(conv, nn.Conv1d), x)
    assert ours[0].dtype == torch.bfloat16
    for own, other, right in zip(ours, theirs, exact, strict=True):
        assert own.dtype == other.dtype
        assert (own - right).abs().max() < 1.5 * (other - right).abs().max() + 1e-6


def test_a_batch_norm_is_that_of_torch_and_learns_the_same_statistics():
    norm, x = BatchNorm1d(6), 3 + by_frame(3, 6, 20)
    peer = nn.BatchNorm1d(6)
    for ours, theirs in zip(gradients(norm, x), gradients(peer, x), strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(norm.state_dict(), peer.state_dict())


@pytest.mark.parametrize("order", [lambda x: x, lambda x: x.contiguous()])
def test_parts_joined_are_the_whole_and_keep_its_order_in_memory(order):
    x = order(by_frame(2, 8, 5))
    parts = part(x, 4)
    assert all(torch.equal(a, b) for a, b in zip(parts, x.chunk(4, dim=1), strict=True))
    whole = join(parts)
    assert torch.equal(whole, x)
    assert whole.stride() == x.stride()


@pytest.mark.parametrize("order", [lambda x: x, lambda x: x.contiguous()])
def test_the_axis_of_time_is_found_in_either_order(order):
    x = order(by_frame(2, 8, 5))
    time, view, weights = time_axis(x, by_frame(2, 1, 5))
    assert view.is_contiguous()
    torch.testing.assert_close(view.sum(time), x.sum(2))
    assert weights.shape[time] == 5


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_images_are_laid_flat_in_either_order(layout):
    x = torch.randn(2, 3, 4, 5).contiguous(memory_format=layout)
    assert torch.equal(flat(x), x.flatten(1, 2))
    assert (flat(x).stride(1) == 1) == (layout is torch.channels_last)


class Mixed(TorchDispatchMode):
    """Notes the operators that meet (N, C, T) tensors of both orders, or copy one into the other."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        lists = [x for arg in args if isinstance(arg, list | tuple) for x in arg]
        tensors = [x for x in [*args, *lists, out] if isinstance(x, torch.Tensor) and x.dim() in (3, 4) and dense(x)]
        orders = {x.stride(1) == 1 for x in tensors if min(x.shape[1], x.shape[-1]) > 1 and x.shape[0] == 4}
        if len(orders) > 1:
            self.found.append(str(func))
        return out


def dense(x):
    return x.numel() == 1 + sum((n - 1) * stride for n, stride in zip(x.shape, x.stride(), strict=True))


@pytest.mark.parametrize("lengths", [None, [30, 20, 10, 5]])
@pytest.mark.parametrize("mixed_precision", [True, False])
@pytest.mark.parametrize("pooling", ["xvector", "attentive", "channel_attentive"])
@pytest.mark.parametrize("kind", ["quartznet", "tdnn", "ecapa", "titanet"])
def test_no_operator_of_a_training_step_meets_both_orders(kind, pooling, mixed_precision, lengths):
    net = stir(SpeakerNet(network_options(SMALL_OF[kind] | {"pooling": pooling}), 12, 5)).train()
    feats = torch.randn(4, 30, 12)
    with Mixed() as mixed:
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed_precision):
            logits = net(feats, lengths and torch.tensor(lengths), torch.arange(4))
        logits.sum().backward()
    assert not [name for name in mixed.found if "transpose" not in name]
