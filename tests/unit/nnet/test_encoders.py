"""Each network against its paper: the number of weights, and what makes it what it is."""

import pytest
import torch
from torch.nn.functional import batch_norm, conv1d, conv2d

from spkr.errors import InputError
from spkr.nnet import network_options
from spkr.nnet.campplus import CAMPPlus, ContextAwareMasking
from spkr.nnet.ecapa import ECAPA, Res2
from spkr.nnet.layers import SqueezeExcitation
from spkr.nnet.model import SpeakerNet
from spkr.nnet.resnet import BasicBlock, ResNet
from spkr.nnet.tdnn import TDNN
from spkr.nnet.titanet import TitaNet
from tests.unit.nnet.networks import network, preset, stir

torch.set_num_threads(1)


def weights(settings, bands=80):
    """Without the head, whose size is that of the corpus."""
    net = SpeakerNet(network_options(settings), bands, 2)
    return sum(p.numel() for name, p in net.named_parameters() if not name.startswith("head."))


# ---------------------------------------------------------------------------------------- numbers of weights


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize(
    ("name", "repeat", "kernels"),
    [("3x1", 1, [3, 5, 7, 9]), ("3x2", 2, [3, 5, 7, 9]), ("5x1", 1, [3, 3, 5, 5, 7, 9])],
)
def test_weights_of_the_quartznet_presets(name, repeat, kernels, separable):
    bands = 64

    def convolution(a, b, kernel):
        return (a * kernel + a * b) if separable else a * b * kernel

    def block(a, b, kernel, convolutions):
        first = convolution(a, b, kernel) + 2 * b  # 2 b: scale and shift of batch norm
        return first + (convolutions - 1) * (convolution(b, b, kernel) + 2 * b) + (a * b + 2 * b)  # residual

    expected = block(bands, 512, kernels[0], 1) + sum(block(512, 512, k, repeat) for k in kernels[1:])
    expected += 512 * 1500 + 2 * 1500  # pointwise, no residual connection
    expected += (2 * 1500 + 1) * 1024 + (1024 + 1) * 1024
    assert weights(preset(f"quartznet{name}") | {"separable": separable}, bands) == expected


@pytest.mark.parametrize(
    ("name", "plain", "separable"),
    [
        ("3x1", 11_331_519, 6_558_335),
        ("3x2", 16_839_615, 7_358_591),
        ("5x1", 13_957_055, 7_615_103),
    ],
)
def test_weights_of_the_tutorials_networks_with_seven_speakers(name, plain, separable):
    for value, expected in ((False, plain), (True, separable)):
        net = SpeakerNet(network_options(preset(f"quartznet{name}") | {"separable": value}), 64, 7)
        assert sum(p.numel() for p in net.parameters()) == expected


# Millions as published, of 80 coefficients a frame, without the head.
@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("tdnn", 4.61),  # wespeaker, examples/voxceleb/v2/README.md: XVEC-TSTP-emb512
        ("ecapa512", 6.19),  # wespeaker, the same: ECAPA_TDNN_GLOB_c512-ASTP-emb192; the paper's table 1: 6.2
        ("ecapa1024", 14.65),  # the same; the paper's table 1: 14.7
        ("resnet34", 6.63),  # wespeaker, the same: ResNet34-TSTP-emb256
        ("campplus", 7.18),  # 3D-Speaker, egs/3dspeaker/sv-cam++/README.md
    ],
)
def test_weights_are_as_many_as_published(name, published):
    assert weights(preset(name)) / 1e6 == pytest.approx(published, abs=0.01)


def test_weights_of_the_xvector_network_without_segment7_are_the_papers():
    assert weights(preset("tdnn") | {"embedding_layers": [512]}, bands=24) == 4_204_508  # section 2.3: 4.2 million


def test_weights_of_campplus_are_3d_speakers_and_the_bias_of_the_embedding():
    assert weights(preset("campplus")) == 7_176_224 + 512  # speakerlab 0.0.6, CAMPPlus(80, 512)


@pytest.mark.parametrize(("filters", "published"), [(512, 13.4), (1024, 25.3)])
def test_weights_of_titanet_m_and_l_with_their_16681_speakers_are_the_papers(filters, published):
    classifier = 192 * 16681
    assert (weights(preset("titanet_s") | {"filters": filters}) + classifier) / 1e6 == pytest.approx(
        published, abs=0.05
    )


def test_weights_of_titanet_s():
    def block(a, b, kernel, repeat, residual):
        first = a * kernel + a * b + 2 * b
        se = 2 * b * (b // 8)
        return first + (repeat - 1) * (b * kernel + b * b + 2 * b) + se + residual * (a * b + 2 * b)

    nemo = block(80, 256, 3, 1, False) + sum(block(256, 256, k, 3, True) for k in (7, 11, 15))
    nemo += block(256, 3072, 1, 1, False)  # the encoder of NeMo's titanet-small.yaml
    nemo += (3 * 3072 + 1) * 128 + 2 * 128 + (128 + 1) * 3072 + 2 * 6144 + (6144 + 1) * 192  # and its decoder
    assert nemo == 6_825_264
    assert weights(preset("titanet_s")) == nemo - 256 == 6_825_008  # less a depthwise kernel of one frame


# -------------------------------------------------------------------------------------------------- QuartzNet


@pytest.mark.parametrize("separable", [True, False])
def test_no_dropout_comes_right_before_the_pooling_of_quartznet(separable):
    blocks = network(separable=separable).encoder.blocks
    assert [block.activation[1].p for block in blocks] == [0.5, 0.5, 0.5, 0]


@pytest.mark.parametrize(
    ("kind", "epsilon"), [("quartznet", 1e-3), ("titanet", 1e-3), ("ecapa", 1e-5), ("resnet", 1e-5), ("campplus", 1e-5)]
)
def test_epsilon_of_the_batch_norms_of_frames(kind, epsilon):
    net = network(kind, pooling="channel_attentive")
    norms = [m for m in net.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {epsilon}
    others = [m for m in net.modules() if hasattr(m, "running_var") and not any(m is norm for norm in norms)]
    assert {norm.eps for norm in others} == {1e-5}


# --------------------------------------------------------------------------------------------------- x-vector


def test_tdnn_frames_with_a_whole_context_are_kaldis():
    net, x = stir(TDNN(12, filters=8, last_filters=6)), torch.randn(2, 30, 12)
    y = x.transpose(1, 2)
    for conv, norm, dilation in zip(net.convs, net.norms, (1, 2, 3, 1, 1), strict=True):
        y = conv1d(y, conv.weight, conv.bias, dilation=dilation).relu()
        y = batch_norm(y, norm.running_mean, norm.running_var)  # after ReLU; no scale, no shift
    assert y.shape[2] == 30 - 14
    torch.testing.assert_close(net(x)[:, :, 7:-7], y)


# ------------------------------------------------------------------------------------------------------ ECAPA


def test_a_res2_layer_adds_each_group_to_the_next():
    layer, x = stir(Res2(16, 3, 2, "zeros")), torch.randn(2, 16, 20)
    groups, y = x.split(2, dim=1), [x[:, :2]]
    y.append(layer.convs[0](groups[1], None))
    for i in range(2, 8):
        y.append(layer.convs[i - 1](groups[i] + y[i - 1], None))
    torch.testing.assert_close(layer(x, None), torch.cat(y, dim=1))
    assert [conv.conv.dilation for conv in layer.convs] == [(2,)] * 7


def test_an_ecapa_block_sees_the_sum_of_all_outputs_before_it():
    net, seen = stir(ECAPA(12, filters=16, last_filters=6)), []
    for block in [net.first, *net.blocks]:
        block.register_forward_hook(lambda module, args, output: seen.append((args[0], output)))
    net.last.register_forward_hook(lambda module, args, output: seen.append((args[0], output)))
    y = net(torch.randn(2, 30, 12))
    (_, x1), (in2, x2), (in3, x3), (in4, x4), (last, out) = seen
    for found, expected in ((in2, x1), (in3, x1 + x2), (in4, x1 + x2 + x3), (last, torch.cat([x2, x3, x4], dim=1))):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(y, out.relu())
    assert [block.res2.convs[0].conv.dilation for block in net.blocks] == [(2,), (3,), (4,)]


def test_an_ecapa_block_whose_convolutions_say_nothing_is_its_input():
    block, x = network("ecapa").encoder.blocks[0], torch.randn(2, 16, 20)
    block.conv2.norm.weight.data.zero_()
    block.conv2.norm.bias.data.zero_()
    torch.testing.assert_close(block(x, None), x)


def test_ecapa_filters_that_do_not_split_into_groups_are_refused():
    with pytest.raises(InputError, match="model.filters: 20; expected a multiple of 8"):
        ECAPA(12, filters=20, last_filters=6)


@pytest.mark.parametrize("bias", [True, False])
def test_squeeze_and_excitation_against_the_formula(bias):
    layer, x, n = SqueezeExcitation(6, 3, bias), torch.randn(2, 6, 9), torch.tensor([9, 4])
    found = layer(x, (torch.arange(9) < n[:, None])[:, None])
    for i, frames in enumerate(n):
        z = x[i, :, :frames].mean(dim=1)
        s = torch.sigmoid(layer.w2(layer.w1(z).clamp(min=0)))
        torch.testing.assert_close(found[i], x[i] * s[:, None])
    assert (layer.w1.bias is not None) == bias


# ----------------------------------------------------------------------------------------------------- ResNet


@pytest.mark.parametrize(("dim", "frames"), [(80, 64), (12, 61), (13, 1)])
def test_resnet34_leaves_an_eighth_of_frequency_and_time(dim, frames):
    net = ResNet(dim, filters=2, blocks=[3, 4, 6, 3]).eval()
    assert len(net.blocks) * 2 + 2 == 34  # and the first convolution, and the embedding's layer
    y = net(torch.randn(2, frames, dim))
    assert y.shape == (2, net.output_dim, -(-frames // 8))
    assert net.output_dim == 16 * -(-dim // 8)
    changed = [i for i, block in enumerate(net.blocks) if not isinstance(block.shortcut, torch.nn.Identity)]
    assert changed == [3, 7, 13]


@pytest.mark.parametrize(("channels", "stride"), [(3, (1, 1)), (5, (1, 1)), (3, (2, 2)), (5, (2, 1))])
def test_a_residual_block_is_equation_1_or_2(channels, stride):
    block, x = BasicBlock(3, channels, stride).eval(), torch.randn(2, 3, 8, 9)
    f = conv2d(x, block.conv1.weight, stride=stride, padding=1)
    f = conv2d(block.norm1(f).relu(), block.conv2.weight, padding=1)
    w_s = x
    if (channels, stride) != (3, (1, 1)):
        w_s = block.shortcut[1](conv2d(x, block.shortcut[0].weight, stride=stride))
    torch.testing.assert_close(block(x, None), (block.norm2(f) + w_s).relu())


# ---------------------------------------------------------------------------------------------------- TitaNet


def test_titanet_squeezes_every_block_and_goes_round_the_mega_blocks():
    net = TitaNet(12, filters=8, kernels=[3, 5, 7, 9], repeat=3, last_filters=16, dropout=0.5)
    assert [len(block.convs) for block in net.blocks] == [1, 3, 3, 3, 1]
    assert [block.residual is not None for block in net.blocks] == [False, True, True, True, False]
    assert all(block.squeeze is not None for block in net.blocks)
    assert [block.activation[1].p for block in net.blocks] == [0, 0.5, 0.5, 0.5, 0]
    with pytest.raises(InputError, match="model.kernels: 4 is even"):
        TitaNet(12, filters=8, kernels=[3, 4], repeat=3, last_filters=16, dropout=0.5)


def test_a_titanet_block_is_squeezed_before_the_residual_connection():
    block, x = network("titanet").encoder.blocks[1], torch.randn(2, 8, 15)
    block.squeeze.w2.weight.data.fill_(-1e6)
    block.squeeze.w1.weight.data.abs_()
    block.norms[-1].bias.data.fill_(100)  # then the squeeze's inputs are positive, and nothing passes it
    torch.testing.assert_close(block(x, None), block.residual(x).relu())


# ------------------------------------------------------------------------------------------------------ CAM++


def test_context_aware_masking_against_the_formula():
    layer, x, n = ContextAwareMasking(6, 4, 2), torch.randn(3, 6, 230), torch.tensor([230, 120, 100])
    found = layer(x, (torch.arange(230) < n[:, None])[:, None])
    for i, frames in enumerate(n):
        utt = x[i : i + 1, :, :frames]
        local = layer.local(utt)
        for start in range(0, frames, 100):
            segment = slice(start, min(frames, start + 100))
            context = utt.mean(dim=2) + utt[:, :, segment].mean(dim=2)
            m = torch.sigmoid(layer.w2(layer.w1(context[:, :, None]).relu()))
            torch.testing.assert_close(found[i : i + 1, :, segment], local[:, :, segment] * m)


def test_campplus_keeps_what_each_layer_saw_and_halves_time_once():
    net = CAMPPlus(80, filters=128, growth=32, blocks=[12, 24, 16]).eval()
    assert net.output_dim == 512
    with torch.inference_mode():
        assert net(torch.randn(1, 31, 80)).shape == (1, 512, 16)
    layer, x = net.layers[0], torch.randn(1, 128, 9)
    y = layer(x, None)
    assert y.shape == (1, 160, 9)
    assert torch.equal(y[:, :128], x)
    assert [layer.cam.local.dilation[0] for layer in net.layers if hasattr(layer, "cam")] == [1] * 12 + [2] * 40
