"""Fine-tuning that keeps what a network knows: train.tuning."""

import logging

import pytest
import torch
from torch.nn.functional import normalize

from spkr.errors import InputError
from spkr.feats.reader import FeatureReader
from spkr.kaldi.maps import read_map
from spkr.nnet.embed import embed_utterance
from spkr.nnet.model import HEAD, load_model
from tests.unit.train.runs import EPOCHS, STEPS_PER_EPOCH, crash, log_without_speed, only_folder, run

ANGULAR = {"embedding_layers": [12], "head": {"type": "aam", "margin": 0.2, "scale": 10}}


@pytest.fixture(scope="module")
def start(toy, tmp_path_factory):
    """The file of a network to start from."""
    return str(run(toy, tmp_path_factory.mktemp("start"), model=ANGULAR, epochs=1) / "final.pt")


@pytest.fixture
def tuned(toy, start, tmp_path):
    """Fine-tune with these options, and return the state dicts before and after."""

    def tune(name="tuned", **options):
        options = {"lr": 0.01, "epochs": 2, **options}
        path = run(toy, tmp_path / name, model=ANGULAR, seed=2, init_from=start, **options) / "final.pt"
        return load_model(start)[0].state_dict(), load_model(path)[0].state_dict()

    return tune


def differing(before, after):
    """Names of the weights that are others, without counters."""
    return {k for k in before if not torch.equal(before[k], after[k]) and not k.endswith("num_batches_tracked")}


def test_a_frozen_encoder_stays_as_it_was_while_the_head_is_trained(tuned):
    for options in ({"encoder_lr": 0.0}, {"head_steps": 2 * STEPS_PER_EPOCH}):
        assert differing(*tuned(tuning=options | {"freeze_norms": True})) == {"head.weight"}
    assert {name for name in differing(*tuned(tuning={"encoder_lr": 0.5})) if not HEAD.match(name)}


def test_batch_norm_keeps_its_statistics(tuned):
    changed = differing(*tuned(tuning={"freeze_norms": True}))
    assert changed and not any("running" in name for name in changed)


def test_a_pull_keeps_the_weights_nearer(tuned):
    def distance(pull):
        before, after = tuned(tuning={"freeze_norms": True, "pull": pull})
        return sum((before[k] - after[k]).square().sum().item() for k in before if k.startswith("affine"))

    assert distance(100.0) < 0.5 * distance(0.01)


def test_the_result_is_interpolated(tuned):
    before, whole = tuned(tuning={"freeze_norms": True, "interpolate": 1.0})
    _, part = tuned(tuning={"freeze_norms": True, "interpolate": 0.25})
    for name in before:
        if not HEAD.match(name) and before[name].dtype.is_floating_point:
            torch.testing.assert_close(part[name], 0.75 * before[name] + 0.25 * whole[name])
    assert torch.equal(part["head.weight"], whole["head.weight"])


def test_the_head_may_start_from_the_means_of_embeddings(toy, start, tuned):
    _, after = tuned(tuning={"head": "means", "encoder_lr": 0.0, "freeze_norms": True}, lr=1e-12, epochs=1)
    net, reader = load_model(start)[0], FeatureReader([toy.feats["train"]], toy.front_end)
    utt2spk = read_map(f"{toy.data['train']}/utt2spk")
    for k, spk in enumerate(sorted(set(utt2spk.values()))):
        utts = [utt for utt, of in utt2spk.items() if of == spk]
        vectors = [torch.from_numpy(embed_utterance(net, reader[utt], torch.device("cpu"))) for utt in utts]
        mean = normalize(torch.stack([normalize(v, dim=0) for v in vectors]).sum(0), dim=0)
        torch.testing.assert_close(after["head.weight"][k], mean, atol=1e-5, rtol=1e-4)


def test_the_result_is_the_epoch_that_is_best_on_dev(toy, start, tuned, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        _, after = tuned(tuning={"select": "dev", "head": "means"}, epochs=EPOCHS)
    assert "before training: valid " in caplog.text
    eers = [float(line[7]) for line in log_without_speed(tmp_path / "tuned")[1:]]
    best = torch.load(only_folder(tmp_path / "tuned") / f"step-{EPOCHS * STEPS_PER_EPOCH}.pt", weights_only=True)[
        "best"
    ]
    assert best[0] <= min(eers) and not differing(best[2], after)


def test_a_network_that_no_epoch_improves_stays_as_it_was(tuned, caplog):
    with caplog.at_level(logging.INFO):
        before, after = tuned(tuning={"select": "dev"}, lr=10.0)
    assert "no epoch is better on dev than before training" in caplog.text
    assert not any(not HEAD.match(name) for name in differing(before, after))


def test_a_killed_fine_tuning_ends_with_the_same_bytes(toy, start, tmp_path, monkeypatch):
    options = {"model": ANGULAR, "init_from": start, "epochs": 2}
    options["tuning"] = {"head": "means", "select": "dev", "interpolate": 0.5, "pull": 0.1, "encoder_lr": 0.3}
    whole = run(toy, tmp_path / "whole", **options)
    crash(monkeypatch, toy, tmp_path / "crashed", 7, **options)
    again = run(toy, tmp_path / "crashed", **options)
    assert (again / "final.pt").read_bytes() == (whole / "final.pt").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tuning": {"pull": 0.1}}, "tuning: without init_from; expected the model file"),
        ({"init_from": "x.pt", "average": 2, "tuning": {"select": "dev"}}, "average: 2; expected 1 with tuning.select"),
        ({"init_from": "x.pt", "tuning": {"interpolate": 1.5}}, "tuning.interpolate: 1.5; expected at most 1"),
    ],
)
def test_options_that_cannot_be_are_refused(toy, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        run(toy, tmp_path, **options)


def test_no_epoch_is_chosen_on_dev_where_dev_is_trained_on(toy, start, tmp_path):
    with pytest.raises(InputError, match="train.tuning.select: dev, which is trained on, too"):
        run(toy, tmp_path, ["train", "dev"], ANGULAR, init_from=start, tuning={"select": "dev"})


def test_a_head_without_directions_has_no_means(toy, tmp_path):
    start = str(run(toy, tmp_path / "plain", epochs=1) / "final.pt")
    with pytest.raises(
        InputError, match=r"train.tuning.head: means; expected one network with one of model.embedding_layers"
    ):
        run(toy, tmp_path, init_from=start, tuning={"head": "means"})
