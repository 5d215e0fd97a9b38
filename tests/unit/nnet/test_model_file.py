import json
import math

import pytest
import torch

from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.nnet import network_options
from spkr.nnet.model import FORMAT, load_model, read_model, save_model
from spkr.train.start import init_from
from tests.unit.nnet.networks import FRAME_ENCODERS, SMALL, SMALL_OF, network

torch.set_num_threads(1)

FRONT_END = make_front_end({"num_mel_bins": 12})


def save(path, net=None, settings=SMALL):
    save_model(path, net or network(), network_options(settings), FRONT_END, list("abcde"), {"seed": 1, "steps": 3})
    return path


@pytest.mark.parametrize("kind", FRAME_ENCODERS)
def test_a_model_file_carries_all_of_a_network(kind, tmp_path):
    net = network(kind, pooling="channel_attentive")
    path = save(tmp_path / "final.pt", net, SMALL_OF[kind] | {"pooling": "channel_attentive"})
    loaded, front_end, speakers = load_model(path)
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
        with pytest.raises(InputError, match="final.pt: not a model of spkr, or damaged.*train again"):
            load_model(tmp_path / "final.pt")


def test_foreign_and_older_model_files_are_refused(tmp_path):
    path = tmp_path / "final.pt"
    with pytest.raises(InputError, match="final.pt: no such file"):
        load_model(path)
    path.write_text("not a model\n")
    with pytest.raises(InputError, match="final.pt: not a model of spkr, or damaged"):
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


def test_a_model_file_with_an_options_old_name_is_read(tmp_path):
    path = save(tmp_path / "final.pt")
    old, expected = read_model(path), load_model(path)[0].state_dict()
    old["settings"]["affine"] = old["settings"].pop("embedding_layers")
    torch.save(old, path)
    found = load_model(path)[0].state_dict()
    assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("kind", FRAME_ENCODERS)
def test_a_network_that_was_computed_differently_is_refused(kind, tmp_path):
    path = save(tmp_path / "final.pt", network(kind), SMALL_OF[kind])
    torch.save(read_model(path) | {"format": "spkr model 1"}, path)
    if kind in ("quartznet", "tdnn", "titanet"):
        with pytest.raises(InputError, match=f"final.pt: written by an older spkr .* computes {kind} networks diff"):
            load_model(path)
        with pytest.raises(InputError, match=r"final.pt: written by an older spkr .*; train it again"):
            init_from(network(kind), path, list("abcde"))
    else:
        feats = torch.randn(2, 30, 12)
        assert torch.equal(load_model(path)[0].embed(feats), network(kind).embed(feats))


def test_the_oldest_settings_are_of_a_quartznet(tmp_path):
    path = save(tmp_path / "final.pt")
    torch.save(read_model(path) | {"format": "spkr model 1"}, path)
    with pytest.raises(InputError, match="computes quartznet networks differently"):
        read_model(path)


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    net = network()
    net.affine[0].weight.data[2, 3] = math.nan
    with pytest.raises(InputError, match="affine.0.weight is not finite"):
        save(tmp_path / "final.pt", net)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------- init_from


@pytest.mark.parametrize(
    "head",
    [{"type": "softmax"}, {"type": "aam"}, {"type": "subcentre", "centres": 2}],
    ids=lambda head: head["type"],
)
def test_a_network_starts_from_another_and_keeps_the_speakers_that_both_know(head, tmp_path):
    old = network(head=head)
    path = save(tmp_path / "final.pt", old, SMALL | {"head": head})  # speakers a b c d e
    wider = head if head["type"] == "softmax" else head | {"margin": 0.5}
    net, fresh = (network(seed=2, speakers=4, head=wider) for _ in range(2))
    init_from(net, path, ["e", "x", "b", "y"])
    for name, tensor in net.state_dict().items():
        if not name.startswith("head."):
            assert torch.equal(tensor, old.state_dict()[name]), name
            continue
        rows, old_rows, new_rows = (
            t.view(n, -1) for t, n in ((tensor, 4), (old.state_dict()[name], 5), (fresh.state_dict()[name], 4))
        )
        assert torch.equal(rows[[0, 2]], old_rows[[4, 1]]), name
        assert torch.equal(rows[[1, 3]], new_rows[[1, 3]]), name


@pytest.mark.parametrize(
    ("before", "after"),
    [({"type": "softmax"}, {"type": "aam"}), ({"type": "am"}, {"type": "subcentre", "centres": 3})],
)
def test_a_head_of_another_shape_stays_new(before, after, tmp_path):
    path = save(tmp_path / "final.pt", network(head=before), SMALL | {"head": before})
    net, fresh = network(seed=2, head=after), network(seed=2, head=after)
    init_from(net, path, list("abcde"))
    assert torch.equal(net.head.weight, fresh.head.weight)
    assert not torch.equal(net.affine[0].weight, fresh.affine[0].weight)


def test_a_network_of_another_kind_is_no_start(tmp_path):
    path = save(tmp_path / "final.pt")
    for net in (network(filters=16), network("tdnn"), network(embedding_layers=[10])):
        before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        with pytest.raises(InputError, match="final.pt: not the network of the config, first in "):
            init_from(net, path, list("abcde"))
        assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
