import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from spkr.config.model_options import AdditiveMarginHead, AngularMarginHead, SoftmaxHead, SubCentreHead
from spkr.nnet.heads import AdditiveAngularMargin, AdditiveMargin, Softmax, SubCentre, make_head, margin_share
from tests.unit.nnet.networks import network

torch.set_num_threads(1)

SUBCENTRE = {"centres": 3, "top_k": 2, "penalty": 0.06}


def make(kind, margin, scale=30.0, seed=2, **options):
    torch.manual_seed(seed)
    head = kind(8, 6, margin, scale, **options)
    head.weight.data.normal_()
    return head


def aam(margin, **options):
    return make(AdditiveAngularMargin, margin, **options)


def cosines(x, weight):
    return (normalize(x.double()) @ normalize(weight.detach().double()).T).numpy()


def test_softmax_head_is_affine():
    head, x = Softmax(4, 3), torch.randn(2, 4)
    torch.testing.assert_close(head(x, torch.tensor([0, 2])), x @ head.affine.weight.T + head.affine.bias)


def test_additive_margin_against_the_formula():
    head, speakers, x = make(AdditiveMargin, 0.35), torch.tensor([0, 5, 2, 2]), torch.randn(4, 8)
    expected = 30 * (cosines(x, head.weight) - 0.35 * np.eye(6)[speakers])
    np.testing.assert_allclose(head(x, speakers).detach(), expected, atol=1e-4)


def test_additive_angular_margin_against_the_formula():
    head, speakers, x = aam(0.35), torch.tensor([0, 5, 2, 2]), torch.randn(4, 8)
    x[2] = head.weight.data[2] * 3  # the same direction
    x[3] = -head.weight.data[2] + 0.01 * torch.randn(8)  # nearly opposite
    theta = np.arccos(cosines(x, head.weight).clip(-1, 1))
    expected = 30 * np.cos(theta + 0.35 * np.eye(6)[speakers])
    expected[3, 2] = 30 * (np.cos(theta[3, 2]) - 1 + np.cos(0.35))
    found = head(x, speakers).detach()
    np.testing.assert_allclose(found[:2], expected[:2], atol=1e-4)
    np.testing.assert_allclose(found[2:], expected[2:], atol=2e-2)


@pytest.mark.parametrize(("theta", "logit"), [(0.5, 22.9453), (2.9, -29.9741), (3.05, -30.4723)])
@pytest.mark.parametrize(("kind", "options"), [(AdditiveAngularMargin, {}), (SubCentre, SUBCENTRE | {"centres": 1})])
def test_the_angular_margin_goes_on_beyond_pi_less_the_margin(kind, options, theta, logit):
    head = kind(2, 3, 0.2, 30.0, **options)
    head.weight.data = torch.tensor([[1.0, 0], [0, 1], [0, -1]])
    angle = torch.tensor(theta, requires_grad=True)
    found = head(torch.stack([angle.cos(), angle.sin()])[None], torch.tensor([0]))[0, 0]
    assert found.item() == pytest.approx(logit, abs=2e-4)
    found.backward()
    assert angle.grad < -1  # a smaller angle always gives a higher logit


def test_the_angular_margin_is_continuous_where_its_formula_changes_while_the_margin_grows():
    head = aam(0.4)
    for share in (0.0, 0.25, 1.0):
        head.share.fill_(share)
        at = math.cos(math.pi - 0.4 * share)
        low, high = head.with_margin(torch.tensor([at - 1e-5, at + 1e-5]).clamp(-1, 1))
        assert low.item() == pytest.approx(-1, abs=1e-4)
        assert high.item() == pytest.approx(-1, abs=1e-4)


def test_sub_centres_and_the_penalty_against_the_formula():
    head, speakers, x = make(SubCentre, 0.2, **SUBCENTRE), torch.tensor([0, 5, 2, 2]), torch.randn(4, 8)
    nearest = cosines(x, head.weight).reshape(4, 6, 3).max(axis=2)
    expected = np.arccos(nearest)
    for theta, cosine, speaker in zip(expected, nearest, speakers, strict=True):
        hardest = sorted((j for j in range(6) if j != speaker), key=lambda j, c=cosine: -c[j])[:2]
        theta[hardest] -= 0.06
        theta[speaker] += 0.2
    np.testing.assert_allclose(head(x, speakers).detach(), 30 * np.cos(expected), atol=1e-4)
    np.testing.assert_allclose(head(x).detach(), 30 * nearest, atol=1e-4)


def test_one_centre_without_penalty_is_the_plain_head():
    x, speakers = torch.randn(20, 8), torch.arange(20) % 6
    plain, sub = aam(0.2), make(SubCentre, 0.2, centres=1, top_k=0, penalty=0.06)
    assert torch.equal(plain(x, speakers), sub(x, speakers))
    few = SubCentre(8, 2, 0.2, 30.0, centres=1, top_k=5, penalty=0.06)  # only one wrong speaker to penalise
    few.weight.data.normal_()
    assert few(x, speakers % 2).shape == (20, 2)


@pytest.mark.parametrize(("kind", "options"), [(AdditiveMargin, {}), (AdditiveAngularMargin, {})])
def test_margin_zero_is_the_scaled_cosine(kind, options):
    head, x = make(kind, 0.0, scale=12.0, **options), torch.randn(20, 8)
    expected = 12 * normalize(x) @ normalize(head.weight).T
    torch.testing.assert_close(head(x), expected)
    torch.testing.assert_close(head(x, torch.arange(20) % 6), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(make(kind, 0.3, scale=12.0)(x), expected)  # without speakers there is no margin


@pytest.mark.parametrize(("kind", "options"), [(AdditiveAngularMargin, {}), (SubCentre, SUBCENTRE)])
def test_margin_has_finite_gradients_where_the_angle_is_0_or_pi(kind, options):
    head = make(kind, 0.2, **options)
    x = torch.stack([head.weight.detach()[0], -head.weight.detach()[1], head.weight.detach()[5]]).requires_grad_()
    head(x, torch.tensor([0, 1, 2])).sum().backward()
    assert x.grad.isfinite().all()
    assert head.weight.grad.isfinite().all()


# ----------------------------------------------------------------------------------------------- schedule


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0), (100, 0), (150, 0.25), (200, 0.5), (299, 0.995), (300, 1), (999, 1)]
)
def test_the_margin_grows_linearly_between_two_steps(step, share):
    assert margin_share(step, 1000, [0.1, 0.3]) == pytest.approx(share)


def test_a_margin_that_need_not_grow_is_whole_from_the_first_step():
    assert margin_share(0, 1000, [0, 0]) == 1
    assert margin_share(0, 1000, [0, 0.1]) == 0
    assert [margin_share(step, 10, [0.5, 0.5]) for step in (4, 5)] == [0, 1]


@pytest.mark.parametrize("kind", ["am", "aam", "subcentre"])
def test_a_step_sets_the_margin_and_the_penalty(kind):
    def head(margin, penalty):
        return {"type": kind, "margin": margin, "scale": 30.0} | ({"penalty": penalty} if kind == "subcentre" else {})

    net = network(head=head(0.4, 0.2) | {"margin_growth": [0.0, 0.5]})
    whole, half, none = (network(head=head(*sizes)) for sizes in ((0.4, 0.2), (0.2, 0.1), (0.0, 0.0)))
    feats, speakers = torch.randn(4, 30, 12), torch.arange(4)
    for step, same in ((0, none), (25, half), (60, whole)):
        net.begin_step(step, 100)
        torch.testing.assert_close(net(feats, None, speakers), same(feats, None, speakers))
    assert not any("share" in name for name in net.state_dict())  # it follows from the step


def test_a_head_without_a_margin_needs_no_schedule():
    network().begin_step(3, 10)


def test_make_head_takes_its_options():
    options, more = {"margin": 0.1, "scale": 20.0}, {"centres": 2, "top_k": 1, "penalty": 0.05}
    assert isinstance(make_head(SoftmaxHead(type="softmax"), 4, 3), Softmax)
    assert type(make_head(AdditiveMarginHead(type="am", **options), 4, 3)) is AdditiveMargin
    assert type(make_head(AngularMarginHead(type="aam", **options), 4, 3)) is AdditiveAngularMargin
    head = make_head(SubCentreHead(type="subcentre", **options, **more), 4, 3)
    assert (head.margin, head.scale, head.weight.shape) == (0.1, 20.0, (6, 4))
    assert (head.centres, head.top_k, head.penalty) == (2, 1, 0.05)
