import json
import logging
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from spkr.errors import InputError
from spkr.feats.reader import FeatureReader
from spkr.kaldi.datadir import read_map
from spkr.kaldi.trials import read_trials, write_trials
from spkr.metrics.eer import eer_kaldi
from spkr.nnet.embed import embed_utterance
from spkr.nnet.model import load_model, read_model
from spkr.train.batches import BatchOptions, CropBatches, loader
from spkr.train.checkpoint import RunFolder
from spkr.train.distributed import Processes
from spkr.train.evaluate import Evaluation
from spkr.train.loop import LOG_COLUMNS
from spkr.train.novograd import NovoGrad
from spkr.train.run import BATCH_OPTIONS, FILTER_OPTIONS, OPTIONS, train
from spkr.train.schedule import learning_rate, make_optimizer

torch.set_num_threads(1)

EPOCHS, STEPS_PER_EPOCH = 6, 5  # 36 utterances, 7 at a time
BATCHES = {
    "batch_size": 7,
    "crop": [0.2, 0.4],
    "short": "tile",
    "time_masks": 1,
    "time_mask_width": 5,
    "freq_masks": 1,
    "freq_mask_width": 2,
}
TRAIN = {
    "filter": {"min_voiced_frames": 10, "min_utts_per_speaker": 2},
    "batches": BATCHES,
    "epochs": EPOCHS,
    "optimizer": "adamw",
    "lr": 0.02,
    "min_lr": 0.0,
    "warmup": 0.1,
    "betas": [0.9, 0.98],
    "weight_decay": 0.05,
    "label_smoothing": 0.0,
    "init_from": None,
    "average": 1,
    "mixed_precision": False,
    "compile": False,
    "deterministic": False,
    "workers": 0,
    "checkpoint_steps": 3,
}
MODEL = {
    "filters": 16,
    "kernels": [3, 5],
    "repeat": 1,
    "last_filters": 20,
    "dropout": 0.2,
    "separable": True,
    "pooling": "xvector",
    "affine": [12, 8],
    "head": {"type": "softmax"},
}


def settings(toy, model=None, **options):
    return {"model": MODEL | (model or {}), "train": TRAIN | options, "feats": toy.front_end.to_dict()}


def run(toy, out, sets=("train",), model=None, data=None, seed=1, stop_after=None, **options):
    """Train in this process; out/model gets the results, out/checkpoints the runs' folders. Returns out/model."""
    trials = f"{toy.data['dev']}/trials_pairs"
    train(
        *(out / "model", out / "checkpoints", settings(toy, model, **options), list(sets)),
        *(toy.data | (data or {}), toy.feats, trials, seed, stop_after),
    )
    return out / "model"


@pytest.fixture(scope="module")
def finished(toy, tmp_path_factory):
    """The folder of an uninterrupted run."""
    out = tmp_path_factory.mktemp("finished")
    run(toy, out)
    return out


def only_folder(out):
    (folder,) = (out / "checkpoints").iterdir()
    return folder


def log_without_speed(out):
    lines = (only_folder(out) / "train_log.tsv").read_text().splitlines()
    assert lines[0].split("\t") == list(LOG_COLUMNS)
    return [line.split("\t")[:-2] for line in lines]


# ------------------------------------------------------------------------------------- optimiser and schedule


def test_novograd_against_a_scalar_implementation():
    lr, beta1, beta2, decay, eps = 0.1, 0.95, 0.5, 0.01, 1e-8
    layers = {"a": [0.5, -1.0, 2.0], "b": [3.0]}
    parameters = {name: torch.nn.Parameter(torch.tensor(w, dtype=torch.float64)) for name, w in layers.items()}
    optimizer = NovoGrad(parameters.values(), lr=lr, betas=(beta1, beta2), weight_decay=decay)
    v, m = {}, {name: [0.0] * len(w) for name, w in layers.items()}
    rng = random.Random(1)
    for step in range(6):
        if step == 3:
            lr = optimizer.param_groups[0]["lr"] = 0.03
        for name, w in layers.items():
            gradient = [rng.gauss(0, 1) for _ in w]
            parameters[name].grad = torch.tensor(gradient, dtype=torch.float64)
            norm2 = sum(g * g for g in gradient)
            v[name] = norm2 if step == 0 else beta2 * v[name] + (1 - beta2) * norm2
            for i, g in enumerate(gradient):
                m[name][i] = beta1 * m[name][i] + g / (math.sqrt(v[name]) + eps) + decay * w[i]
                w[i] -= lr * m[name][i]
        optimizer.step()
        for name, w in layers.items():
            assert parameters[name].tolist() == pytest.approx(w, rel=1e-12)


def test_make_optimizer():
    w = torch.nn.Parameter(torch.ones(1))
    for name, kind in (("novograd", NovoGrad), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)):
        assert type(make_optimizer([w], TRAIN | {"optimizer": name})) is kind
    assert make_optimizer([w], TRAIN | {"optimizer": "sgd", "betas": [0, 0]}).defaults["momentum"] == 0
    with pytest.raises(InputError, match="train.optimizer: 'adam'; expected novograd, adamw or sgd"):
        make_optimizer([w], TRAIN | {"optimizer": "adam"})


def test_learning_rate_warms_up_and_follows_half_a_cosine():
    options = {"lr": 0.5, "min_lr": 0.1, "warmup": 0.1}
    rates = [learning_rate(step, 200, options) for step in range(200)]
    assert rates[:20] == pytest.approx([0.5 * (step + 1) / 20 for step in range(20)])
    assert rates[20] == 0.5
    assert rates[110] == pytest.approx(0.3)  # half-way
    assert rates[65] == pytest.approx(0.1 + 0.4 * (1 + math.cos(math.pi / 4)) / 2)
    assert all(a > b for a, b in zip(rates[20:-1], rates[21:], strict=True))
    assert 0.1 < rates[-1] < 0.1001


@pytest.mark.parametrize("total", [1, 7, 109, 1000])
@pytest.mark.parametrize("warmup", [0, 0.1, 0.33, 1])
def test_learning_rate_is_never_above_lr_nor_zero(total, warmup):
    rates = [learning_rate(step, total, {"lr": 0.5, "min_lr": 0.0, "warmup": warmup}) for step in range(total)]
    assert min(rates) > 0
    assert max(rates) <= 0.5


# ---------------------------------------------------------------------------------------------------- batches


def batches(toy, seed=1, rank=0, size=1, **options):
    reader = FeatureReader([toy.feats["train"]], toy.front_end)
    labels = {utt: int(spk[1:]) for utt, spk in read_map(f"{toy.data['train']}/utt2spk").items()}
    num_frames = {utt: len(reader[utt]) for utt in labels}
    options = BatchOptions(**(BATCHES | {"time_masks": 0, "freq_masks": 0} | options))
    return CropBatches(reader, labels, num_frames, options, seed, rank, size)


def same(a, b):
    return all(torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y for x, y in zip(a, b, strict=True))


def test_a_batch_is_a_function_of_seed_and_step(toy):
    forth, back = batches(toy, time_masks=2), batches(toy, time_masks=2)
    for step in (11, 3, 0, 7):
        assert same(forth[step], back[step])
    assert not same(forth[3], forth[8])
    assert not same(forth[3], batches(toy, time_masks=2, seed=2)[3])


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_the_same_whatever_the_number_of_workers(toy, workers):
    source = batches(toy, time_masks=2, short="pad", crop=[0.4, 0.5])
    expected = [source[step] for step in range(3, 12)]
    found = list(loader(source, 3, 12, workers, pin_memory=False))
    assert len(found) == len(expected)
    assert all(same(a, b) for a, b in zip(found, expected, strict=True))


def test_an_epoch_is_a_shuffle_of_all_utterances(toy):
    source = batches(toy)
    assert source.steps_per_epoch == STEPS_PER_EPOCH
    epochs = [[utt for step in range(5 * e, 5 * e + 5) for utt in source[step][3]] for e in range(3)]
    for utts in epochs:
        assert len(set(utts)) == len(utts) == 35
    assert epochs[0] != epochs[1] != epochs[2]
    assert set(epochs[0]) | set(epochs[1]) | set(epochs[2]) == set(source.utts)


@pytest.mark.parametrize("short", ["tile", "pad"])
def test_processes_share_the_rows_of_a_batch(toy, short):
    options = {"batch_size": 6, "short": short, "crop": [0.3, 0.5], "time_masks": 1}
    whole = batches(toy, **options)
    shares = [batches(toy, rank=rank, size=3, **options) for rank in range(3)]
    for step in (0, 7):
        feats, lengths, speakers, utts = whole[step]
        for rank, share in enumerate(share[step] for share in shares):
            assert share[3] == utts[rank::3]
            assert torch.equal(share[2], speakers[rank::3])
            assert torch.equal(share[0], feats[rank::3, : share[0].shape[1]])
            if lengths is not None and share[1] is not None:
                assert torch.equal(share[1], lengths[rank::3])


def test_padded_batches_are_of_like_lengths(toy):
    padded, tiled = batches(toy, short="pad", crop=[9, 9]), batches(toy)
    spread = {}
    for source in (padded, tiled):
        lengths = [[source.num_frames[source.utts.index(utt)] for utt in source[step][3]] for step in range(5)]
        spread[source] = sum(max(batch) - min(batch) for batch in lengths)
        assert [max(batch) for batch in lengths] != sorted(max(batch) for batch in lengths)
    assert spread[padded] < spread[tiled] / 3
    utts = [utt for step in range(5, 10) for utt in padded[step][3]]
    assert len(set(utts)) == 35
    assert same(padded[2], batches(toy, short="pad", crop=[9, 9])[2])  # whatever epoch was asked for before


def test_crops_are_stretches_of_the_right_utterance_and_speaker(toy):
    source, lengths = batches(toy), set()
    for step in range(20):
        feats, real, speakers, utts = source[step]
        assert real is None
        lengths.add(feats.shape[1])
        for row, speaker, utt in zip(feats.numpy(), speakers, utts, strict=True):
            whole = source.reader[utt]
            assert speaker == int(utt[1])
            starts = [s for s in range(len(whole)) if np.array_equal(whole[s : s + 1], row[:1])]
            assert any(np.array_equal(np.tile(whole, (3, 1))[s : s + len(row)], row) for s in starts)
    assert min(lengths) >= 20
    assert max(lengths) <= 40
    assert len(lengths) > 5


def padded_to(feats, frames):
    return torch.cat([feats, torch.zeros(frames - len(feats), feats.shape[1])])


def test_short_utterances_are_tiled_or_padded(toy):
    tiled, padded = batches(toy, crop=[0.5, 0.5]), batches(toy, crop=[0.5, 0.5], short="pad")
    short = 0
    for source in (tiled, padded):
        for step in range(5):
            feats, lengths, _, utts = source[step]
            frames = [len(source.reader[utt]) for utt in utts]
            expected = [50 if source is tiled else min(n, 50) for n in frames]
            assert (lengths is None and {feats.shape[1]} == set(expected)) or lengths.tolist() == expected
            assert feats.shape[1] == max(expected)
            for row, utt, n in zip(feats, utts, frames, strict=True):
                if n < 50:
                    short += 1
                    whole = torch.from_numpy(source.reader[utt])
                    assert torch.equal(row, whole.repeat(3, 1)[:50] if source is tiled else padded_to(whole, len(row)))
    assert short > 20


def test_spec_augment_masks_with_the_mean(toy):
    plain = batches(toy)
    for masks, axis in (({"time_masks": 1, "time_mask_width": 10}, 1), ({"freq_masks": 1, "freq_mask_width": 3}, 0)):
        masked, widths = batches(toy, **masks), []
        for step in range(10):
            before, after = plain[step][0][0], masked[step][0][0]  # later crops of a batch begin elsewhere
            changed = (before != after).any(dim=axis).nonzero().ravel().tolist()
            widths.append(len(changed))
            assert changed == list(range(min(changed, default=0), max(changed, default=-1) + 1))
            mean = before.mean(dim=0)
            if axis:
                torch.testing.assert_close(after[changed], mean.expand(len(changed), -1))
            else:
                torch.testing.assert_close(after[:, changed], mean[changed].expand(len(after), -1))
        assert max(widths) <= (10 if axis else 3)
        assert len(set(widths)) > 2


def test_masks_wider_than_the_crop_are_cut_to_it(toy):
    feats = batches(toy, time_masks=3, time_mask_width=500, freq_masks=3, freq_mask_width=500)[0][0]
    assert feats.isfinite().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 37}, "batch_size: 37, but only 36 utterances"),
        ({"short": "repeat"}, "short: 'repeat'; expected tile or pad"),
        ({"crop": [3, 2]}, r"crop: \[3, 2\]; expected \[shortest, longest\]"),
        ({"crop": [0, 2]}, "crop"),
    ],
)
def test_wrong_batch_options_are_named(toy, options, message):
    with pytest.raises(InputError, match=message):
        batches(toy, **options)


# ------------------------------------------------------------------------------------------------- evaluation


def evaluation(toy, utt2spk=None, sets=("train",), trials=None, data=None):
    utt2spk = utt2spk or read_map(f"{toy.data['train']}/utt2spk")
    trials = trials or f"{toy.data['dev']}/trials_pairs"
    speakers = sorted(set(utt2spk.values()))
    return Evaluation.read(toy.data | (data or {}), toy.feats, trials, toy.front_end, utt2spk, speakers, sets)


def test_accuracy_and_eer_are_those_of_the_written_network(toy, finished):
    net, _, speakers = load_model(finished / "model/final.pt")
    right = []
    valid = FeatureReader([toy.feats["valid"]], toy.front_end)
    for utt, spk in read_map(f"{toy.data['valid']}/utt2spk").items():
        with torch.no_grad():
            right.append(speakers[int(net(torch.from_numpy(valid[utt])[None])[0].argmax())] == spk)
    dev, trials = FeatureReader([toy.feats["dev"]], toy.front_end), read_trials(f"{toy.data['dev']}/trials_pairs")
    vectors = {utt: embed_utterance(net, dev[utt]).astype(np.float64) for utt in dev.feats}
    mean = sum(vectors.values()) / len(vectors)
    unit = {utt: (v - mean) / np.linalg.norm(v - mean) for utt, v in vectors.items()}
    scores = np.array([unit[a] @ unit[b] for a, b in map(trials.pair, range(len(trials)))])
    last = log_without_speed(finished)[-1]
    assert float(last[6]) == pytest.approx(np.mean(right), abs=1e-6)
    assert float(last[7]) == pytest.approx(eer_kaldi(scores[trials.target], scores[~trials.target])[0], abs=1e-6)
    assert json.loads((finished / "model/valid.json").read_text()) == {"valid_accuracy": np.mean(right), "n": 12}
    assert np.mean(right) > 0.7  # and it has learnt something
    assert float(last[7]) < 0.3


def test_utterances_of_valid_whose_speaker_was_filtered_out_do_not_count(toy, caplog):
    utt2spk = {utt: spk for utt, spk in read_map(f"{toy.data['train']}/utt2spk").items() if spk != "s3"}
    with caplog.at_level(logging.INFO):
        held_out = evaluation(toy, utt2spk)
    assert sorted(set(held_out.valid_speakers.values())) == [0, 1, 2, 3, 4]
    assert held_out.valid_speakers["s4-valid0"] == 3
    assert "10 of 12 utterances of valid are of training speakers" in caplog.text


def test_valid_without_a_training_speaker_is_refused(toy):
    with pytest.raises(InputError, match="valid/utt2spk: none of its speakers is a training speaker"):
        evaluation(toy, {"x-1": "x", "y-1": "y"})


def test_an_utterance_of_valid_in_training_is_refused(toy, tmp_path):
    with pytest.raises(InputError, match="valid/utt2spk: s0-valid0 is in training, too"):
        run(toy, tmp_path, sets=["train", "valid"])


def test_a_speaker_of_dev_in_training_is_refused(toy):
    with pytest.raises(InputError, match="dev/utt2spk: speaker d1 is in training, too"):
        evaluation(toy, read_map(f"{toy.data['train']}/utt2spk") | {"d1-other": "d1"})


def test_a_final_network_may_learn_from_dev_and_its_eer_is_nan(toy, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, sets=["train", "dev"], epochs=2)
    assert "dev is learnt from; its EER would mean nothing" in caplog.text
    assert [line[7] for line in log_without_speed(tmp_path)] == ["dev_eer", "nan", "nan"]
    assert len(read_model(tmp_path / "model/final.pt")["speakers"]) == 10
    assert math.isnan(evaluation(toy, sets=["train", "dev_speed3"]).eer(None, None))  # so is an augmented copy


def test_trials_of_models_are_refused(toy, tmp_path):
    write_trials(tmp_path / "trials", [("d0", "d0-dev0", True), ("d0", "d1-dev0", False)])
    with pytest.raises(InputError, match="trials: d0 is no utterance of .*expected a list without models"):
        evaluation(toy, trials=tmp_path / "trials")


# ------------------------------------------------------------------------------------------------ the door


def test_options_are_those_of_the_default_config():
    default = yaml.safe_load((Path(__file__).parents[2] / "conf/default.yaml").read_text())["train"]
    assert set(OPTIONS) == default.keys() - {"preset", "sets", "augment", "dev_trials"}  # which say what data to take
    assert set(FILTER_OPTIONS) == default["filter"].keys()
    assert set(BATCH_OPTIONS) == default["batches"].keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lable_smoothing": 0.1}, "settings: train: .*first 'lable_smoothing'"),
        ({"batches": {"batch_size": 7}}, "settings: train.batches: .* missing, first 'crop'"),
        ({"filter": {"min_utts_per_speaker": 7, "min_voiced_frames": 1}}, "0 of 6 speakers are left"),
        ({"filter": {"min_utts_per_speaker": 1, "min_voiced_frames": 99}}, "0 of 6 speakers are left"),
        ({"optimizer": "adam"}, "train.optimizer: 'adam'"),
        ({"epochs": 2, "average": 3}, "train.average: 3 of 2 epochs"),
        ({"model": {"pooling": "max"}}, "model.pooling: 'max'"),
        ({"data": {"valid": "/nowhere"}}, "/nowhere/utt2spk: no such file"),
        ({"sets": ["train", "more"]}, "set 'more': no directory is given"),
    ],
)
def test_wrong_input_is_refused_before_any_work(toy, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
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
    assert f"learning from {kept} of 36 utterances" in caplog.text


# ------------------------------------------------------------------------------------------------ resuming


def crash(monkeypatch, toy, out, step, **options):
    """Train until batch `step` is asked for, where the process meets its end."""

    def until(self, index, get=CropBatches.__getitem__):
        if index == step:
            raise OSError("the power went")
        return get(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(CropBatches, "__getitem__", until)
        with pytest.raises(OSError, match="the power went"):
            run(toy, out, **options)
    assert not (out / "model").exists()


@pytest.mark.parametrize("step", [2, 8, 10, 29])
def test_a_run_that_crashed_goes_on_and_ends_with_the_same_bytes(toy, finished, tmp_path, monkeypatch, caplog, step):
    crash(monkeypatch, toy, tmp_path, step)
    last = max((s for s in range(step + 1) if s % 5 == 0 or s % 3 == 0), default=0)  # an epoch's end, or every third
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path)
    assert (f"going on from step {last}" in caplog.text) == (last > 0)
    for file in ("final.pt", "valid.json"):
        assert (tmp_path / "model" / file).read_bytes() == (finished / "model" / file).read_bytes()
    assert log_without_speed(tmp_path) == log_without_speed(finished)  # sums over an epoch are taken up, too


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "novograd", "betas": [0.95, 0.5], "model": {"dropout": 0.5, "pooling": "super"}},
        {"mixed_precision": True, "model": {"head": {"type": "aam", "margin": 0.2, "scale": 30.0}}},
        {"optimizer": "sgd", "batches": BATCHES | {"short": "pad", "crop": [0.6, 0.6]}, "workers": 1},
    ],
)
def test_every_kind_of_run_goes_on_exactly(toy, tmp_path, monkeypatch, options):
    whole = run(toy, tmp_path / "whole", epochs=2, **options)
    crash(monkeypatch, toy, tmp_path / "crashed", 8, epochs=2, **(options | {"workers": 0}))
    assert (run(toy, tmp_path / "crashed", epochs=2, **options) / "final.pt").read_bytes() == (
        whole / "final.pt"
    ).read_bytes()


def test_a_damaged_checkpoint_is_passed_over(toy, finished, tmp_path, monkeypatch, caplog):
    crash(monkeypatch, toy, tmp_path, 17)
    newest = only_folder(tmp_path) / "step-15.pt"
    newest.write_bytes(newest.read_bytes()[:-500])
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path)
    assert "step-15.pt is damaged" in caplog.text
    assert "going on from step 12" in caplog.text
    assert (tmp_path / "model/final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def test_a_finished_run_starts_afresh(toy, finished, tmp_path, caplog):
    before = run(toy, tmp_path)
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path)
    assert "holds a finished run; starting afresh" in caplog.text
    assert "going on" not in caplog.text
    assert (before / "final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def test_other_settings_start_in_another_folder_and_the_pace_does_not(toy, finished, tmp_path, monkeypatch, caplog):
    crash(monkeypatch, toy, tmp_path, 12)
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, epochs=EPOCHS, checkpoint_steps=50)
    assert "going on from step 12" in caplog.text
    assert (tmp_path / "model/final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, epochs=1, seed=2)
        run(toy, tmp_path, epochs=1, lr=0.01)
    assert "going on" not in caplog.text
    assert len(list((tmp_path / "checkpoints").iterdir())) == 3


def test_a_run_says_why_it_goes_not_on_with_another(toy, tmp_path, monkeypatch, caplog):
    crash(monkeypatch, toy, tmp_path, 12)
    other = only_folder(tmp_path)
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, epochs=1, lr=0.01)
    assert f"not going on with {other}, which differs in settings.train.epochs, settings.train.lr" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path)  # the first again
    assert "going on from step 12" in caplog.text
    assert "not going on" not in caplog.text


def test_newer_code_is_said_and_goes_on(toy, finished, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("spkr.train.run._code_version", lambda: "before")
    crash(monkeypatch, toy, tmp_path, 12)
    monkeypatch.undo()
    run(toy, tmp_path)
    assert "the code has changed since that step" in caplog.text
    assert (tmp_path / "model/final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def test_time_that_is_up_stops_the_run_with_a_status_of_its_own(toy, finished, tmp_path):
    starts = 0
    while not (tmp_path / "model/final.pt").exists():
        starts += 1
        try:
            run(toy, tmp_path, stop_after=0.001)  # 0.06 s
        except SystemExit as end:
            assert end.code == 75
    assert starts > 1
    assert (tmp_path / "model/final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def arguments(toy, out, tmp_path):
    return [
        *("train", out / "model", "--checkpoints", out / "checkpoints", "--settings", tmp_path / "settings.json"),
        *("--train", "train", "--data", *(f"{k}={v}" for k, v in toy.data.items())),
        *("--feats", *(f"{k}={v}" for k, v in toy.feats.items())),
        *("--dev-trials", f"{toy.data['dev']}/trials_pairs"),
    ]


def spkr_train(toy, out, tmp_path, **options):
    """The command line that trains, as a process of its own."""
    (tmp_path / "settings.json").write_text(json.dumps(settings(toy, **options)))
    command = [sys.executable, "-c", "from spkr.cli import main; main()", *arguments(toy, out, tmp_path)]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, env=env)


def test_two_processes_train_one_network_and_go_on_together(toy, tmp_path):
    (tmp_path / "settings.json").write_text(json.dumps(settings(toy, epochs=2, batches=BATCHES | {"batch_size": 6})))
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}

    def torchrun(out, *more):
        command = [*(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"), "-m"]
        command += ["spkr", *arguments(toy, out, tmp_path), *more]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, env=env).stderr

    log = torchrun(tmp_path / "whole")
    assert "2 times cpu, 12 steps in all" in log
    assert log.count("epoch 2/2") == 1  # one process speaks
    assert len(log_without_speed(tmp_path / "whole")) == 3
    assert "0 minutes are over: stopped after step 2" in torchrun(tmp_path / "parts", "--stop-after", "0")
    assert "going on from step 2" in torchrun(tmp_path / "parts")
    whole, parts = (tmp_path / name / "model/final.pt" for name in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()


def test_a_batch_without_equal_shares_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="batch_size: 64 is no multiple of the 3 processes"):
        Processes.join(64)


def wait_for_step(process, out, step):
    """Until a checkpoint of this step or a later one is there."""
    while process.poll() is None:
        if any(int(p.stem.split("-")[1]) >= step for p in out.glob("checkpoints/*/step-*.pt")):
            return
        time.sleep(0.002)
    pytest.fail(f"training ended before step {step}:\n{process.stderr.read()}")


def test_killed_twice_the_command_ends_with_the_same_bytes(toy, tmp_path):
    epochs, out = 20, tmp_path / "killed"
    uninterrupted = run(toy, tmp_path / "whole", epochs=epochs, model={"dropout": 0.5})
    for step in (25, 60):
        process = spkr_train(toy, out, tmp_path, epochs=epochs, model={"dropout": 0.5})
        wait_for_step(process, out, step)
        time.sleep(random.uniform(0, 0.05))  # whatever it may be at
        process.kill()
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        assert not (out / "model").exists()
    process = spkr_train(toy, out, tmp_path, epochs=epochs, model={"dropout": 0.5})
    log = process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert int(re.search(r"going on from step (\d+)", log)[1]) >= 60
    assert re.search(r"epoch 20/20: loss .*valid.*dev EER.*frames/s, .* waiting, 00:00 left", log)
    for file in ("final.pt", "valid.json"):
        assert (out / "model" / file).read_bytes() == (uninterrupted / file).read_bytes()
    assert log_without_speed(out) == log_without_speed(tmp_path / "whole")


@pytest.mark.parametrize(
    ("stop", "times", "step"), [(signal.SIGTERM, 1, 7), (signal.SIGINT, 1, 14), (signal.SIGTERM, 2, 15)]
)
def test_a_signal_saves_a_checkpoint_and_has_its_exit_status(
    toy, finished, tmp_path, monkeypatch, caplog, stop, times, step
):
    def signalled(self, index, get=CropBatches.__getitem__):
        for _ in range(times if index == step else 0):
            os.kill(os.getpid(), stop)
        return get(self, index)

    before = signal.getsignal(stop)
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(CropBatches, "__getitem__", signalled)
        with pytest.raises(SystemExit) as end:
            run(toy, tmp_path)
        assert end.value.code == 128 + stop
    assert signal.getsignal(stop) == before
    assert not (tmp_path / "model").exists()
    assert f"signal {stop:d}: stopped after step {step + 1}; the next start goes on there" in caplog.text
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path)
    assert f"going on from step {step + 1}" in caplog.text
    assert (tmp_path / "model/final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def test_a_loss_that_is_no_number_names_the_utterances_and_writes_nothing(toy, tmp_path):
    with pytest.raises(InputError, match=r"step \d+: the loss is (nan|inf); lower train.lr, or look at s\d-train\d"):
        run(toy, tmp_path, lr=1e30)
    assert not (tmp_path / "model").exists()


# --------------------------------------------------------------------------------- what it starts and ends with


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
    assert f"weights of {path}; 6 of 6 speakers are known to it" in caplog.text
    before, after = (load_model(p)[0] for p in (path, tmp_path / "model/final.pt"))
    for (name, a), b in zip(before.named_parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path / "new", init_from=path, epochs=1, lr=1e-12, sets=["train", "dev"])
    assert "6 of 10 speakers are known to it" in caplog.text
    new = load_model(tmp_path / "new/model/final.pt")[0]
    torch.testing.assert_close(new.affine[0].weight, before.affine[0].weight)
    assert new.head.affine.weight.shape[0] == 10


def test_a_network_that_does_not_fit_is_no_start(toy, finished, tmp_path):
    path = str(finished / "model/final.pt")
    with pytest.raises(InputError, match="final.pt: another network than the config's model"):
        run(toy, tmp_path, init_from=path, model={"filters": 8})
    other = toy.front_end.to_dict() | {"preemphasis_coefficient": 0.9}
    model = read_model(path) | {"front_end": other}
    torch.save(model, tmp_path / "other.pt")
    with pytest.raises(InputError, match="train.init_from: .* has another front end"):
        run(toy, tmp_path, init_from=str(tmp_path / "other.pt"))


# ---------------------------------------------------------------------------------------------- what is logged


def test_the_log_has_a_line_an_epoch(finished):
    log = log_without_speed(finished)
    assert [line[:2] for line in log[1:]] == [[str(e), str(5 * e)] for e in range(1, EPOCHS + 1)]
    loss, accuracy = ([float(line[i]) for line in log[1:]] for i in (3, 5))
    assert loss[-1] < loss[0]
    assert accuracy[-1] > accuracy[0]
    rates = [float(line[2]) for line in log[1:]]
    assert rates == pytest.approx([learning_rate(5 * e - 1, 30, TRAIN) for e in range(1, EPOCHS + 1)], rel=1e-5)


def test_the_sums_of_an_epoch_are_over_all_of_its_steps(toy, tmp_path):
    whole = run(toy, tmp_path, epochs=1, lr=1e-12, warmup=0, model={"dropout": 0.0})
    net = load_model(whole / "final.pt")[0].train()
    source, losses, right = batches(toy, time_masks=1, freq_masks=1), [], 0
    for step in range(5):
        feats, _, speakers, _ = source[step]
        logits = net(feats)
        losses.append(torch.nn.functional.cross_entropy(logits, speakers).item())
        right += int((logits.argmax(1) == speakers).sum())
    line = log_without_speed(tmp_path)[1]
    assert float(line[3]) == pytest.approx(np.mean(losses), rel=1e-4)
    assert float(line[5]) == pytest.approx(right / 35, rel=1e-4)


def test_tensorboard_has_each_epoch_once(toy, tmp_path, monkeypatch):
    crash(monkeypatch, toy, tmp_path, 17)
    run(toy, tmp_path)
    events = EventAccumulator(str(only_folder(tmp_path) / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == set(LOG_COLUMNS[2:])
    for name in LOG_COLUMNS[2:]:
        assert [e.step for e in events.Scalars(name)] == [5, 10, 15, 20, 25, 30]
    assert [e.value for e in events.Scalars("loss")] == pytest.approx(
        [float(line[3]) for line in log_without_speed(tmp_path)[1:]], rel=1e-5
    )


def test_the_model_file_says_how_it_was_trained_and_not_when(toy, finished, tmp_path):
    training = read_model(finished / "model/final.pt")["training"]
    numbers = {k: v for k, v in TRAIN.items() if k not in ("workers", "checkpoint_steps")}
    assert training == {"seed": 1, "settings": numbers, "sets": ["train"], "steps": EPOCHS * STEPS_PER_EPOCH}
    again = run(toy, tmp_path)
    assert (again / "final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def test_another_seed_gives_another_network(toy, finished, tmp_path):
    assert (run(toy, tmp_path, seed=2) / "final.pt").read_bytes() != (finished / "model/final.pt").read_bytes()
