import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.nn.functional import linear, normalize

from spkr.errors import InputError
from spkr.feats.options import FrontEnd
from spkr.nnet.dropout import Dropout
from spkr.nnet.heads import AdditiveAngularMargin, Softmax, make_head
from spkr.nnet.model import FORMAT, SpeakerNet, load_model, read_model, save_model
from spkr.nnet.pooling import VARIANCE_FLOOR, Pooling

torch.set_num_threads(1)

CONF = Path(__file__).parents[2] / "conf/model"
SMALL = {
    "filters": 8,
    "kernels": [3, 5, 7],
    "repeat": 2,
    "last_filters": 6,
    "dropout": 0.5,
    "separable": True,
    "pooling": "xvector",
    "affine": [10, 7],
    "head": {"type": "softmax"},
}
FRONT_END = FrontEnd.from_dict({"num_mel_bins": 12})


def network(seed=1, speakers=5, **changes):
    """A small network whose batch norms have seen something, in evaluation mode."""
    torch.manual_seed(seed)
    net = SpeakerNet(SMALL | changes, 12, speakers)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return net.eval()


# -------------------------------------------------------------------------------------------------- network


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize(
    ("preset", "repeat", "kernels"),
    [("3x1", 1, [3, 5, 7, 9]), ("3x2", 2, [3, 5, 7, 9]), ("5x1", 1, [3, 3, 5, 5, 7, 9])],
)
def test_parameters_of_the_quartznet_presets(preset, repeat, kernels, separable):
    settings = yaml.safe_load((CONF / f"quartznet{preset}.yaml").read_text())["model"] | {"separable": separable}
    bands, speakers = 64, 100

    def convolution(a, b, kernel):
        return (a * kernel + a * b) if separable else a * b * kernel

    def block(a, b, kernel, convolutions):
        first = convolution(a, b, kernel) + 2 * b  # 2 b: scale and shift of batch norm
        return first + (convolutions - 1) * (convolution(b, b, kernel) + 2 * b) + (a * b + 2 * b)  # residual

    expected = block(bands, 512, kernels[0], 1) + sum(block(512, 512, k, repeat) for k in kernels[1:])
    expected += 512 * 1500 + 2 * 1500  # pointwise, no residual connection
    expected += (2 * 1500 + 1) * 1024 + (1024 + 1) * 1024 + (1024 + 1) * speakers
    assert sum(p.numel() for p in SpeakerNet(settings, bands, speakers).parameters()) == expected


@pytest.mark.parametrize(("pooling", "pooled"), [("xvector", 12), ("gram", 36), ("super", 48)])
def test_shapes(pooling, pooled):
    net = network(pooling=pooling)
    feats = torch.randn(3, 20, 12)
    assert net.encoder(feats).shape == (3, 6, 20)
    assert net.pooling(net.encoder(feats)).shape == (3, pooled)
    assert net.embed(feats).shape == (3, 10)
    assert net(feats).shape == (3, 5)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.999])
def test_dropout_zeroes_its_share_and_keeps_the_mean(p):
    layer, x = Dropout(p), (torch.rand(101, 1003, dtype=torch.float64) + 0.5).requires_grad_()
    torch.manual_seed(1)
    y = layer(x)
    kept = y != 0
    assert kept.double().mean().item() == pytest.approx(1 - p, abs=0.005)
    scale = (y / x)[kept].unique()
    assert scale.max() - scale.min() < 1e-9 * scale.max()
    assert 1 / scale.mean().item() == pytest.approx(1 - p, abs=0.004)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.where(kept, scale.mean(), 0.0))
    rows = kept.double().mean(dim=1)
    assert p in (0.0, 0.999) or rows.std() < 2 * math.sqrt(p * (1 - p) / 1003)  # no two of them alike, either
    assert p in (0.0, 0.999) or len({bytes(row.numpy()) for row in kept}) == 101
    assert torch.equal(layer.eval()(x), x)
    torch.manual_seed(1)
    assert torch.equal(layer.train()(x), y)
    assert layer(x.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("pooling", ["xvector", "gram", "super"])
def test_an_utterance_beside_a_longer_one_gives_what_it_gives_alone(pooling, separable):
    net = network(pooling=pooling, separable=separable)
    utts = [torch.randn(frames, 12) + 3 for frames in (40, 11, 1)]
    batch = torch.full((3, 40, 12), 1e3)  # padding that would be seen
    for row, utt in zip(batch, utts, strict=True):
        row[: len(utt)] = utt
    together = net.embed(batch, torch.tensor([40, 11, 1]))
    for row, utt in zip(together, utts, strict=True):
        torch.testing.assert_close(row, net.embed(utt[None])[0], atol=1e-5, rtol=1e-5)


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
    net = SpeakerNet(SMALL | {"filters": 40, "head": {"type": "aam"}}, 12, 50)
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pooling": "mean"}, "model.pooling: 'mean'; expected one of xvector, gram, super"),
        ({"kernels": [3, 4]}, "model.kernels: 4 is even"),
        ({"head": {"type": "am"}}, "model.head.type: 'am'; expected softmax or aam"),
        ({"filter": 8}, "model: 1 entries .* first 'filter'"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        SpeakerNet(SMALL | changes, 12, 5)


def test_a_missing_setting_is_named():
    with pytest.raises(InputError, match="model: .* missing, first 'dropout'"):
        SpeakerNet({k: v for k, v in SMALL.items() if k != "dropout"}, 12, 5)


# -------------------------------------------------------------------------------------------------- pooling


@pytest.mark.parametrize("mode", ["xvector", "gram", "super"])
def test_pooling_of_real_frames_only(mode):
    rng = np.random.default_rng(1)
    x, lengths = rng.normal(2, 1, size=(3, 4, 9)).astype(np.float32), [9, 5, 1]
    mask = torch.arange(9) < torch.tensor(lengths)[:, None]
    pooled = Pooling(mode, 4)(torch.from_numpy(x), mask[:, None])
    for row, utt, n in zip(pooled, x.astype(np.float64), lengths, strict=True):
        real = utt[:, :n]
        moments = [real.mean(axis=1), np.sqrt(np.maximum(real.var(axis=1), VARIANCE_FLOOR))]
        gram = [(real @ real.T / n).ravel()]
        expected = np.concatenate({"xvector": moments, "gram": gram, "super": moments + gram}[mode])
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-5)
    whole = torch.from_numpy(x[:1])
    torch.testing.assert_close(Pooling(mode, 4)(whole), Pooling(mode, 4)(whole, mask[:1, None]))


def test_pooling_of_a_constant_has_a_finite_gradient():
    x = torch.zeros(1, 4, 9, requires_grad=True)
    Pooling("super", 4)(x).sum().backward()
    assert x.grad.isfinite().all()


def test_what_follows_the_encoder_is_float32_under_autocast():
    net = network(head={"type": "aam", "margin": 0.2, "scale": 30.0})
    feats, speakers = torch.randn(6, 50, 12), torch.arange(6) % 5
    seen = []
    net.encoder.register_forward_hook(lambda module, args, output: seen.append(output))
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(feats, None, speakers)
    assert seen[0].dtype == torch.bfloat16
    assert logits.dtype == torch.float32
    net.encoder.forward = lambda feats, mask: seen[0].double().float()
    torch.testing.assert_close(logits, net(feats, None, speakers), rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------------------------------------------- heads


def test_softmax_head_is_affine():
    head, x = Softmax(4, 3), torch.randn(2, 4)
    torch.testing.assert_close(head(x, torch.tensor([0, 2])), x @ head.affine.weight.T + head.affine.bias)


def aam(margin, scale=30.0, seed=2):
    torch.manual_seed(seed)
    head = AdditiveAngularMargin(8, 6, margin, scale)
    head.weight.data.normal_()
    return head


def test_additive_angular_margin_against_the_formula():
    head, speakers, x = aam(0.35), torch.tensor([0, 5, 2, 2]), torch.randn(4, 8)
    x[2] = head.weight.data[2] * 3  # the same direction
    x[3] = -head.weight.data[2] + 0.01 * torch.randn(8)  # nearly opposite: the angle stops at pi
    found = head(x, speakers).detach().double().numpy()
    rows, weights = x.double().numpy(), head.weight.data.double().numpy()
    for i, row in enumerate(rows):
        for j, w in enumerate(weights):
            theta = math.acos(max(-1, min(1, row @ w / np.linalg.norm(row) / np.linalg.norm(w))))
            expected = 30 * math.cos(min(math.pi, theta + 0.35 * (j == speakers[i])))
            assert found[i, j] == pytest.approx(expected, abs=2e-2 if i > 1 else 1e-4)


def test_margin_zero_is_the_scaled_cosine():
    head, x = aam(0.0, scale=12.0), torch.randn(20, 8)
    expected = 12 * normalize(x) @ normalize(head.weight).T
    torch.testing.assert_close(head(x), expected)
    torch.testing.assert_close(head(x, torch.arange(20) % 6), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(aam(0.3, scale=12.0)(x), expected)  # without speakers there is no margin


def test_margin_has_finite_gradients_where_the_angle_is_0_or_pi():
    head = aam(0.2)
    x = torch.stack([head.weight.detach()[0], -head.weight.detach()[1]]).requires_grad_()
    head(x, torch.tensor([0, 1])).sum().backward()
    assert x.grad.isfinite().all()
    assert head.weight.grad.isfinite().all()


def test_make_head_takes_its_own_options_only():
    assert isinstance(make_head({"type": "softmax", "margin": 0.2, "scale": 30.0}, 4, 3), Softmax)
    head = make_head({"type": "aam", "margin": 0.1, "scale": 20.0}, 4, 3)
    assert (head.margin, head.scale) == (0.1, 20.0)


# ----------------------------------------------------------------------------------------------- model files


def save(path, net=None, settings=SMALL):
    save_model(path, net or network(), settings, FRONT_END, list("abcde"), {"seed": 1, "steps": 3})
    return path


def test_a_model_file_carries_all_of_a_network(tmp_path):
    net = network()
    loaded, front_end, speakers = load_model(save(tmp_path / "final.pt", net))
    feats = torch.randn(2, 30, 12)
    assert not loaded.training
    assert torch.equal(loaded(feats), net(feats))
    assert front_end == FRONT_END
    assert speakers == list("abcde")
    assert read_model(tmp_path / "final.pt")["training"] == {"seed": 1, "steps": 3}


def test_the_same_network_gives_the_same_bytes(tmp_path):
    read_elsewhere = json.loads(json.dumps(SMALL), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert save(tmp_path / "a.pt").read_bytes() == save(tmp_path / "b.pt", None, read_elsewhere).read_bytes()
    assert save(tmp_path / "c.pt", network(seed=2)).read_bytes() != save(tmp_path / "a.pt").read_bytes()


def test_a_model_file_cut_short_is_refused(tmp_path):
    whole = save(tmp_path / "final.pt").read_bytes()
    for length in (*range(0, len(whole), len(whole) // 25), len(whole) - 1):
        (tmp_path / "final.pt").write_bytes(whole[:length])
        with pytest.raises(InputError, match="final.pt: not readable as a model .*train again"):
            load_model(tmp_path / "final.pt")


def test_foreign_and_older_model_files_are_refused(tmp_path):
    path = tmp_path / "final.pt"
    with pytest.raises(InputError, match="final.pt: no such model"):
        load_model(path)
    path.write_text("not a model\n")
    with pytest.raises(InputError, match="final.pt: not readable as a model"):
        load_model(path)
    for content in ({"weights": {}}, [1, 2], torch.zeros(3), {"format": "spkr model 0"}):
        torch.save(content, path)
        with pytest.raises(InputError, match=f"final.pt: not a model of spkr .*{FORMAT}"):
            load_model(path)
    model = read_model(save(path))
    for key in ("weights", "settings", "speakers", "front_end"):
        torch.save({k: v for k, v in model.items() if k != key}, path)
        with pytest.raises(InputError, match="final.pt: not a network that this version can build"):
            load_model(path)
    torch.save(model | {"speakers": ["a", "b"]}, path)
    with pytest.raises(InputError, match="final.pt: not a network that this version can build"):
        load_model(path)


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    net = network()
    net.affine[0].weight.data[2, 3] = math.nan
    with pytest.raises(InputError, match="affine.0.weight is not finite"):
        save(tmp_path / "final.pt", net)
    assert not list(tmp_path.iterdir())
