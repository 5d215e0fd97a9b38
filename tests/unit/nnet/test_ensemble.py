"""Several networks as one: what each learns, what they give together, and their model file."""

import json
import math

import pytest
import torch

from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.feats.reader import FeatureReader
from spkr.kaldi.maps import read_map
from spkr.nnet import network_options
from spkr.nnet.ensemble import Ensemble
from spkr.nnet.model import SpeakerNet, load_model, make_network, save_model
from spkr.train.start import init_from
from tests.unit.nnet.networks import SMALL, network, stir
from tests.unit.train.runs import MODEL, STEPS_PER_EPOCH, crash, log_without_speed, run

torch.set_num_threads(1)

AAM = SMALL | {"ensemble": 3, "head": {"type": "aam", "margin": 0.2, "margin_growth": [0.0, 1.0]}}


def ensemble(speakers=5, seed=1):
    torch.manual_seed(seed)
    return stir(make_network(network_options(AAM), 12, speakers), seed)


def test_members_begin_differently_and_their_embeddings_are_concatenated():
    net, feats, lengths = ensemble(), torch.randn(4, 30, 12), torch.tensor([30, 20, 30, 25])
    embedding = net.embed(feats, lengths)
    assert embedding.shape == (4, 3 * 10)
    for member, own in zip(net.members, embedding.split(10, dim=1), strict=True):
        torch.testing.assert_close(own, member.embed(feats, lengths))
    assert not torch.allclose(net.members[0].affine[0].weight, net.members[1].affine[0].weight, atol=0.1)


def test_logits_are_the_means_of_the_members():
    net, feats, speakers = ensemble(), torch.randn(4, 30, 12), torch.tensor([0, 1, 4, 2])
    own = [member(feats, None, speakers) for member in net.members]
    torch.testing.assert_close(net(feats, None, speakers), sum(own) / 3)
    assert not torch.allclose(own[0], own[1])


def test_all_margins_grow():
    net = ensemble()
    net.begin_step(5, 10)
    assert [float(member.head.share) for member in net.members] == [0.5] * 3


def test_one_is_no_ensemble_and_none_is_refused():
    assert not isinstance(make_network(network_options(SMALL | {"ensemble": 1}), 12, 5), Ensemble)
    with pytest.raises(InputError, match=r"model.ensemble: 0; expected at least 1"):
        network_options(SMALL | {"ensemble": 0})


def test_each_member_learns_what_it_would_learn_by_itself(toy, tmp_path):
    model = MODEL | {"dropout": 0.0, "ensemble": 2}
    together = load_model(run(toy, tmp_path / "together", model=model) / "final.pt")[0]
    speakers = sorted(set(read_map(f"{toy.data['train']}/utt2spk").values()))
    torch.manual_seed(1)  # as `run` does
    for k, begin in enumerate(make_network(network_options(model), toy.front_end.dim, len(speakers)).members):
        one, path = model | {"ensemble": 1}, tmp_path / f"{k}.pt"
        save_model(path, begin, network_options(one), toy.front_end, speakers, {})
        alone = load_model(run(toy, tmp_path / str(k), model=one, init_from=str(path)) / "final.pt")[0].state_dict()
        assert all(torch.equal(value, alone[name]) for name, value in together.members[k].state_dict().items())
        assert not torch.equal(begin.affine[0].weight, alone["affine.0.weight"])


def test_members_learn_one_after_another(toy, tmp_path, monkeypatch):
    """So that the activations of one alone are held."""
    order = []

    def seen(self, *args, forward=SpeakerNet.forward, **options):
        found = forward(self, *args, **options)
        logits = found[0] if options else found
        if logits.requires_grad:
            order.append("forward")
            logits.register_hook(lambda gradient: order.append("backward"))
        return found

    monkeypatch.setattr(SpeakerNet, "forward", seen)
    run(toy, tmp_path, model={"ensemble": 2}, epochs=1)
    assert order == ["forward", "backward"] * 2 * STEPS_PER_EPOCH


def test_it_is_measured_by_what_its_members_say_together(toy, tmp_path):
    model = run(toy, tmp_path, model={"ensemble": 3}, epochs=2)
    net, _, speakers = load_model(model / "final.pt")
    valid = FeatureReader([toy.feats["valid"]], toy.front_end)
    with torch.no_grad():
        right = [
            speakers[int(net(torch.from_numpy(valid[utt])[None]).argmax())] == spk
            for utt, spk in read_map(f"{toy.data['valid']}/utt2spk").items()
        ]
    assert json.loads((model / "valid.json").read_text())["valid_accuracy"] == sum(right) / len(right)
    assert float(log_without_speed(tmp_path)[-1][3]) < 2 * math.log(6)  # the mean of their losses, not the sum


def test_a_killed_training_of_an_ensemble_ends_with_the_same_bytes(toy, tmp_path, monkeypatch):
    model = {"ensemble": 2}
    whole = run(toy, tmp_path / "whole", model=model) / "final.pt"
    crash(monkeypatch, toy, tmp_path / "crashed", 17, model=model)
    crashed = run(toy, tmp_path / "crashed", model=model) / "final.pt"
    assert whole.read_bytes() == crashed.read_bytes()


def test_a_training_starts_from_an_ensemble_with_all_its_heads(tmp_path):
    path, net = tmp_path / "final.pt", ensemble()
    save_model(path, net, network_options(AAM), make_front_end({"num_mel_bins": 12}), list("abcde"), {})
    other = ensemble(speakers=3, seed=2)
    before = [member.head.weight.clone() for member in other.members]
    init_from(other, path, ["c", "x", "a"])
    for old, new, untouched in zip(net.members, other.members, before, strict=True):
        assert torch.equal(new.affine[0].weight, old.affine[0].weight)
        assert torch.equal(new.head.weight[[0, 2]], old.head.weight[[2, 0]])
        assert torch.equal(new.head.weight[1], untouched[1])
    with pytest.raises(
        InputError, match=r"final.pt: trained with model.ensemble: 3, and the config has 1; give it the same"
    ):
        init_from(network(head=AAM["head"]), path, ["a"])
