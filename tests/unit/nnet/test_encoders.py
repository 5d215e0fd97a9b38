"""Each network against its paper: the number of weights, and what makes it what it is."""

import pytest
import torch
from torch.nn.functional import batch_norm, conv1d, conv2d, gelu, layer_norm

from spkr.errors import InputError
from spkr.nnet import network_options
from spkr.nnet.campplus import CAMPPlus, ContextAwareMasking
from spkr.nnet.ecapa import ECAPA, Res2
from spkr.nnet.eres2netv2 import ERes2NetV2, Fusion, Res2Block
from spkr.nnet.layers import SqueezeExcitation, frame_mask
from spkr.nnet.model import SpeakerNet
from spkr.nnet.redimnet2 import Attention, WeightedSum, to_image, to_map
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
        ("eres2netv2", 17.86),  # 3D-Speaker, speakerlab/models/eres2net/ERes2NetV2.py
    ],
)
def test_weights_are_as_many_as_published(name, published):
    assert weights(preset(name)) / 1e6 == pytest.approx(published, abs=0.01)


def test_weights_of_the_xvector_network_without_segment7_are_the_papers():
    assert weights(preset("tdnn") | {"embedding_layers": [512]}, bands=24) == 4_204_508  # section 2.3: 4.2 million


def test_weights_of_campplus_are_3d_speakers_and_the_bias_of_the_embedding():
    assert weights(preset("campplus")) == 7_176_224 + 512  # speakerlab 0.0.6, CAMPPlus(80, 512)


@pytest.mark.parametrize(
    ("name", "theirs", "width"),  # PalabraAI/redimnet2, commit ffe8f27; its README says 1.1M and 3.6M
    [("redimnet2_b0", 1_115_220, 72 * 12), ("redimnet2_b2", 3_677_760, 72 * 20)],
)
def test_weights_of_redimnet2_are_its_authors_less_those_that_do_nothing(name, theirs, width):
    settings = preset(name)
    frozen = width  # of a sum of one map
    before_norm = 4 * sum(settings["widths"])  # biases of the convolutions over time
    assert weights(settings, bands=72) == theirs - frozen - before_norm


def test_weights_of_the_wide_eres2netv2_are_3d_speakers():
    assert weights(preset("eres2netv2") | {"width": 24, "scale": 4, "expansion": 4}) == 53_513_632  # w24s4ep4


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


@pytest.mark.parametrize("lengths", [None, [40, 23]])
def test_multi_level_quartznet_pools_what_each_block_puts_out(lengths):
    settings = preset("quartznet3x1_small") | {"filters": 8, "last_filters": 12, "multi_level": True}
    net = stir(SpeakerNet(network_options(settings), 5, 2)).eval()
    encoder, lengths = net.encoder, lengths and torch.tensor(lengths)
    feats, mask = torch.randn(2, 40, 5), frame_mask(lengths, 40)
    with torch.no_grad():
        levels = encoder(feats, mask)
        x, first = feats.transpose(1, 2), 0
        for block in encoder.blocks:
            x = block(x, mask)
            torch.testing.assert_close(levels[:, first : first + x.shape[1]], x)
            first += x.shape[1]
    assert levels.shape == (2, encoder.output_dim, 40) == (2, 4 * 8 + 12, 40)
    if lengths is not None:
        alone = net.embed(feats[1:, : lengths[1]])
        torch.testing.assert_close(net.embed(feats, lengths)[1:], alone)


@pytest.mark.parametrize("separable", [True, False])
def test_no_dropout_comes_right_before_the_pooling_of_quartznet(separable):
    blocks = network(separable=separable).encoder.blocks
    assert [block.activation[1].p for block in blocks] == [0.5, 0.5, 0.5, 0]


@pytest.mark.parametrize(
    ("kind", "epsilon"),
    [
        ("quartznet", 1e-3),
        ("titanet", 1e-3),
        ("ecapa", 1e-5),
        ("resnet", 1e-5),
        ("campplus", 1e-5),
        ("eres2netv2", 1e-5),
    ],
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


# ------------------------------------------------------------------------------------------------- ERes2NetV2


def test_a_fusion_weights_two_inputs_by_numbers_that_add_up_to_two():
    fusion, x, y = stir(Fusion(8)), torch.randn(2, 8, 3, 4), torch.randn(2, 8, 3, 4)
    hidden = fusion.norm1(fusion.w1(torch.cat([x, y], dim=1)))
    a = fusion.norm2(fusion.w2(hidden * hidden.sigmoid())).tanh()
    torch.testing.assert_close(fusion(x, y), x * (1 + a) + y * (2 - (1 + a)))
    torch.testing.assert_close(fusion(x, x), 2 * x)
    assert fusion.w1.weight.shape == (2, 16, 1, 1)


@pytest.mark.parametrize("fused", [False, True])
def test_a_group_of_an_eres2netv2_block_sees_the_one_before_it(fused):
    block = stir(Res2Block(6, 8, 1, width=32, scale=3, expansion=2, fused=fused))
    x, ys = 50 * torch.randn(2, 6, 5, 7), []

    def limited(y):
        return y.clamp(0, 20)

    for i, group in enumerate(limited(block.norm1(block.conv1(x))).split(4, dim=1)):
        if i:
            group = block.fusions[i - 1](ys[-1], group) if fused else ys[-1] + group
        ys.append(limited(block.norms[i](block.convs[i](group))))
    y = block.norm3(block.conv3(torch.cat(ys, dim=1)))
    torch.testing.assert_close(block(x, None), limited(y + block.shortcut(x)))
    assert (block(x, None) == 20).any()


def test_eres2netv2_fuses_its_last_two_stages_and_their_blocks():
    net = ERes2NetV2(80, filters=4, blocks=[1, 1, 2, 1], width=64, scale=2, expansion=2).eval()
    assert [[block.fusions is not None for block in stage] for stage in net.stages] == [[False]] * 2 + [[True] * 2] + [
        [True]
    ]
    outputs = []
    for stage in net.stages[2:]:
        stage[-1].register_forward_hook(lambda module, args, output: outputs.append(output))
    y = net(torch.randn(2, 33, 80))
    third, fourth = outputs
    torch.testing.assert_close(y, net.fusion(fourth, net.down(third)).flatten(1, 2))
    assert y.shape == (2, net.output_dim, 5) == (2, 64 * 10, 5)


# -------------------------------------------------------------------------------------------------- ReDimNet2


def test_an_image_of_a_map_is_a_view_and_neighbouring_bands_become_channels():
    x = torch.randn(2, 5, 12)
    image, reduced = to_image(x, 6), to_image(x, 3)
    assert image.shape == (2, 2, 5, 6) and image.data_ptr() == to_map(image).data_ptr() == x.data_ptr()
    torch.testing.assert_close(to_map(image), x)
    for band in range(6):
        torch.testing.assert_close(reduced[:, 2 * (band % 2) :, :, band // 2][:, :2], image[..., band])


def test_maps_begin_with_equal_weights_and_end_with_those_of_a_softmax():
    layer, maps = WeightedSum(3, 4), torch.randn(3, 2, 5, 4)
    torch.testing.assert_close(layer(list(maps)), maps.mean(dim=0))
    layer.w.data[4] = 2.0  # of the second map's first value
    weights = torch.tensor([0.0, 2.0, 0.0]).softmax(dim=0)
    torch.testing.assert_close(layer(list(maps))[..., 0], (weights[:, None, None] * maps[..., 0]).sum(dim=0))
    torch.testing.assert_close(layer(list(maps))[..., 1:], maps[..., 1:].mean(dim=0))


def test_attention_is_that_of_torch():
    layer, x = Attention(8).eval(), torch.randn(2, 9, 8)
    theirs = torch.nn.MultiheadAttention(8, 4, batch_first=True)
    theirs.in_proj_weight.data = torch.cat([m.weight for m in (layer.q, layer.k, layer.v)])
    theirs.in_proj_bias.data = torch.cat([m.bias for m in (layer.q, layer.k, layer.v)])
    theirs.out_proj.load_state_dict(layer.out.state_dict())
    y = layer_norm(x + theirs(x, x, x)[0], (8,), eps=1e-6)
    expected = layer_norm(y + layer.w2(gelu(layer.w1(y), approximate="tanh")), (8,), eps=1e-6)
    torch.testing.assert_close(layer(x, None), expected)


def test_stages_of_redimnet2_divide_bands_and_frames_and_put_out_maps_of_one_size():
    net = SpeakerNet(network_options(preset("redimnet2_b2")), 72, 2).encoder.eval()
    seen = []
    for stage in net.stages:
        stage.down.register_forward_hook(lambda module, args, output: seen.append(tuple(output.shape[1:])))
        stage.register_forward_hook(lambda module, args, output: seen.append(tuple(output.shape)))
    assert net(torch.randn(1, 16, 72)).shape == (1, 1440, 16)
    images = [(40, 16, 72), (40, 16, 36), (40, 8, 36), (120, 8, 12), (120, 4, 12), (240, 4, 6)]  # C, T, F
    assert seen[::2] == images
    assert seen[1::2] == [(1, 16, 1440)] * 6


def test_bands_are_filled_up_with_zeros_to_a_multiple_of_the_strides():
    net, feats = SpeakerNet(network_options(preset("redimnet2_b2")), 80, 2).encoder.eval(), torch.randn(1, 8, 80)
    assert (net.bands, net.output_dim) == (84, 84 * 20)
    seen = []
    net.conv.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    net(feats)
    torch.testing.assert_close(seen[0][0, 0], torch.cat([feats[0], torch.zeros(8, 4)], dim=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strides": [1, 2]}, "model.strides: 2 stages; expected 6, as in blocks"),
        ({"widths": [24, 24, 24, 24, 48, 50]}, "model.widths: 50; expected multiples of 4"),
        ({"expansion": [2, 1, 1, 1, 1, 0]}, "model.expansion.5: 0"),
    ],
)
def test_stages_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        network_options(preset("redimnet2_b0") | changes)
