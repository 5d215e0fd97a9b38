import logging
import re
import shutil

import pytest
import torch

from spkr.config.train_options import Running
from spkr.errors import InputError
from spkr.kaldi.maps import read_map, write_map
from spkr.nnet.model import load_model, read_model
from spkr.train.checkpoint import RunFolder
from tests.unit.train.runs import EPOCHS, STEPS_PER_EPOCH, crash, log_without_speed, only_folder, run, train_options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lable_smoothing": 0.1}, "settings.train.lable_smoothing: no such key; did you mean label_smoothing?"),
        ({"batches": {"batch_size": 7.5}}, "settings.train.batches.batch_size: 7.5; expected a whole number"),
        ({"betas": [2, 3]}, "settings.train.betas.0: 2; expected less than 1"),
        ({"weight_decay": float("nan")}, "settings.train.weight_decay: nan; expected a number"),
        ({"min_lr": 1.0}, "settings.train.min_lr: 1; expected at most lr, 0.02"),
        ({"filter": {"min_utts_per_speaker": 7, "min_voiced_frames": 1}}, "0 of 6 speakers are left"),
        ({"filter": {"min_utts_per_speaker": 1, "min_voiced_frames": 99}}, "0 of 6 speakers are left"),
        ({"optimizer": "adam"}, "train.optimizer: 'adam'; expected novograd, adamw or sgd"),
        ({"epochs": 2, "average": 3}, "train.average: 3 of 2 epochs"),
        ({"model": {"pooling": "max"}}, "model.pooling: 'max'"),
        ({"data": {"valid": "/nowhere"}}, "/nowhere/utt2spk: no such file"),
        ({"sets": ["train", "more"]}, "set 'more': no directory is given"),
    ],
)
def test_wrong_input_is_refused_before_any_work(toy, tmp_path, options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        run(toy, tmp_path, **options)
    assert not (tmp_path / "model").exists()


def test_an_utterance_without_features_is_refused(toy, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "utt2spk").write_text("s0-a s0\n")
    with pytest.raises(InputError, match=r"feats.scp: 1 of 1 entries of utt2spk missing, first 's0-a'"):
        run(toy, tmp_path, data={"train": str(data)})


def test_filters_are_counted(toy, tmp_path, caplog):
    voiced = sorted(int(n) for n in read_map(f"{toy.feats['train']}/utt2num_voiced").values())
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, epochs=1, filter={"min_voiced_frames": voiced[4], "min_utts_per_speaker": 1})
    kept = sum(n >= voiced[4] for n in voiced)
    assert f"training on {kept} of 36 utterances" in caplog.text


def test_the_network_is_the_average_of_the_last_epochs(toy, finished, tmp_path, monkeypatch):
    kept = {}

    def keep(self, step, state, best=False, save=RunFolder.save):
        kept[step] = {name: value.clone() for name, value in state["net"].items()}
        save(self, step, state, best)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "save", keep)
        run(toy, tmp_path / "whole", average=3)
    average = load_model(tmp_path / "whole/model/final.pt")[0].state_dict()
    for name, value in average.items():
        mean = sum(kept[step][name].double() for step in (20, 25, 30)) / 3
        torch.testing.assert_close(value, mean.to(value.dtype))
    last = load_model(finished / "model/final.pt")[0].state_dict()
    assert all(torch.equal(kept[30][name], value) for name, value in last.items())
    crash(monkeypatch, toy, tmp_path / "crashed", 27, average=3)
    run(toy, tmp_path / "crashed", average=3)
    whole, crashed = ((tmp_path / name / "model/final.pt").read_bytes() for name in ("whole", "crashed"))
    assert whole == crashed


def test_the_best_checkpoint_is_kept(finished):
    log = log_without_speed(finished)[1:]
    best = min(log, key=lambda line: float(line[7]))
    assert torch.load(only_folder(finished) / "best.pt", weights_only=True)["step"] == int(best[1])


def test_a_run_may_start_from_another_network(toy, finished, tmp_path, caplog):
    path = str(finished / "model/final.pt")
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, init_from=path, epochs=1, lr=1e-12, min_lr=0.0)
    assert f"starting from the weights of {path}, which knows 6 of 6 speakers" in caplog.text
    before, after = (load_model(p)[0] for p in (path, tmp_path / "model/final.pt"))
    for (name, a), b in zip(before.named_parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path / "new", init_from=path, epochs=1, lr=1e-12, sets=["train", "dev"])
    assert "which knows 6 of 10 speakers" in caplog.text
    new = load_model(tmp_path / "new/model/final.pt")[0]
    torch.testing.assert_close(new.affine[0].weight, before.affine[0].weight)
    assert new.head.affine.weight.shape[0] == 10


def test_a_network_that_does_not_fit_is_no_start(toy, finished, tmp_path):
    path = str(finished / "model/final.pt")
    for changes, message in (
        ({"filters": 8}, "final.pt is a network with model.filters 16, and the config has 8"),
        ({"unbiased_std": True}, "final.pt is a network with model.unbiased_std False, and the config has True"),
    ):
        with pytest.raises(InputError, match=message):
            run(toy, tmp_path, init_from=path, model=changes)
    other = toy.front_end.to_dict() | {"preemphasis_coefficient": 0.9}
    model = read_model(path) | {"front_end": other}
    torch.save(model, tmp_path / "other.pt")
    with pytest.raises(InputError, match="with feats.preemphasis_coefficient 0.9, and the config has 0.97"):
        run(toy, tmp_path, init_from=str(tmp_path / "other.pt"))


def test_the_model_file_says_how_it_was_trained_and_not_when(toy, finished, tmp_path):
    training = read_model(finished / "model/final.pt")["training"]
    numbers = {k: v for k, v in train_options().to_dict().items() if k not in Running.model_fields}
    assert training == {
        "seed": 1,
        "settings": numbers,
        "sets": ["train"],
        "steps": EPOCHS * STEPS_PER_EPOCH,
        "lr_factor": 1.0,
    }
    again = run(toy, tmp_path)
    assert (again / "final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def test_another_seed_gives_another_network(toy, finished, tmp_path):
    assert (run(toy, tmp_path, seed=2) / "final.pt").read_bytes() != (finished / "model/final.pt").read_bytes()


def test_a_checkpoint_says_what_is_trained_and_the_best_is_that_of_the_lowest_eer(toy, tmp_path, monkeypatch):
    saved = []

    def seen(self, step, state, best=False, save=RunFolder.save):
        saved.append((step, best, state["history"][-1]["dev_eer"] if state["history"] else None))
        save(self, step, state, best)

    monkeypatch.setattr(RunFolder, "save", seen)
    crash(monkeypatch, toy, tmp_path, 29)
    best = torch.load(only_folder(tmp_path) / "best.pt", weights_only=True)
    assert best["speakers"] == [f"s{i}" for i in range(6)]
    assert best["settings"]["train"] == train_options().to_dict()
    assert best["settings"]["model"]["filters"] == 16
    eers = {step: eer for step, _, eer in saved if step % STEPS_PER_EPOCH == 0}
    assert best["step"] == min(eers, key=eers.get)
    lowest = [step for step in eers if all(eers[step] < eers[before] for before in eers if before < step)]
    assert [step for step, is_best, _ in saved if is_best] == lowest


def test_where_dev_is_trained_on_no_epoch_is_the_best(toy, tmp_path, monkeypatch):
    crash(monkeypatch, toy, tmp_path, 29, sets=["train", "dev"])
    assert not (only_folder(tmp_path) / "best.pt").exists()


@pytest.mark.parametrize("what", ["train", "valid", "dev", "dev_trials", "init_from"])
def test_other_data_start_in_another_folder(toy, tmp_path, monkeypatch, caplog, what):
    """Of each only a copy is changed, in a way that leaves it good."""
    options, data = {}, {}
    if what == "init_from":
        options["init_from"] = str(tmp_path / "first.pt")
        shutil.copy(run(toy, tmp_path / "a", epochs=1) / "final.pt", options["init_from"])
    else:
        name = what.partition("_")[0]
        data[name] = str(tmp_path / "data")
        shutil.copytree(toy.data[name], data[name])
    crash(monkeypatch, toy, tmp_path, 12, data=data, **options)
    if what == "init_from":
        shutil.copy(run(toy, tmp_path / "b", epochs=2) / "final.pt", options["init_from"])
    elif what == "dev_trials":
        lines = (tmp_path / "data/trials_pairs").read_text().splitlines(keepends=True)
        (tmp_path / "data/trials_pairs").write_text("".join(lines[1:]))
    else:
        swapped = {"s0": "s1", "s1": "s0", "d0": "d1", "d1": "d0"}
        utt2spk = read_map(tmp_path / "data/utt2spk")
        write_map(tmp_path / "data/utt2spk", {utt: swapped.get(spk, spk) for utt, spk in utt2spk.items()})
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, data=data, epochs=EPOCHS, **options)
    assert f"differs in data.{what}" in caplog.text
    assert "resuming from" not in caplog.text
