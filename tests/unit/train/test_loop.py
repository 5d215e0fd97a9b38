import dataclasses
import logging
import re
import shutil

import pytest
import torch

from spkr.errors import InputError
from spkr.kaldi.maps import read_map, write_map
from spkr.nnet.model import read_model
from spkr.train.batches import CropBatches
from tests.unit.train.runs import BATCHES, EPOCHS, batches, crash, log_without_speed, only_folder, run


@pytest.mark.parametrize("step", [2, 8, 10, 29])
def test_a_run_that_crashed_goes_on_and_ends_with_the_same_bytes(toy, finished, tmp_path, monkeypatch, caplog, step):
    crash(monkeypatch, toy, tmp_path, step)
    last = max((s for s in range(step + 1) if s % 5 == 0 or s % 3 == 0), default=0)  # an epoch's end, or every third
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path)
    assert (f"resuming from step {last}" in caplog.text) == (last > 0)
    for file in ("final.pt", "valid.json"):
        assert (tmp_path / "model" / file).read_bytes() == (finished / "model" / file).read_bytes()
    assert log_without_speed(tmp_path) == log_without_speed(finished)  # sums over an epoch are taken up, too


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "novograd", "betas": [0.95, 0.5], "model": {"dropout": 0.5, "pooling": "super"}},
        {"mixed_precision": True, "model": {"head": {"type": "aam", "margin": 0.2, "scale": 30.0}}},
        {"optimizer": "sgd", "batches": BATCHES | {"short": "pad", "crop": [0.6, 0.6]}, "workers": 1},
        {"accumulate": 3, "batches": BATCHES | {"batch_size": 6, "shuffle_buffer": 20}, "workers": 1},
        {"batches": BATCHES | {"batch_size": 6, "utts_per_speaker": 6, "utts_per_speaker_in_batch": 2}},
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
    assert "resuming from step 12" in caplog.text
    assert (tmp_path / "model/final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def test_a_finished_run_starts_again(toy, finished, tmp_path, caplog):
    before = run(toy, tmp_path)
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path)
    assert "holds a finished run; starting again" in caplog.text
    assert "going on" not in caplog.text
    assert (before / "final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def test_other_settings_start_in_another_folder_and_the_pace_does_not(toy, finished, tmp_path, monkeypatch, caplog):
    crash(monkeypatch, toy, tmp_path, 12)
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, epochs=EPOCHS, checkpoint_steps=50)
    assert "resuming from step 12" in caplog.text
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
    assert f"not resuming {other}, which differs in settings.train.epochs, settings.train.lr" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path)  # the first again
    assert "resuming from step 12" in caplog.text
    assert "not going on" not in caplog.text


def test_newer_code_is_said_and_goes_on(toy, finished, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("spkr.train.run.code_version", lambda *folders: "before")
    crash(monkeypatch, toy, tmp_path, 12)
    monkeypatch.undo()
    run(toy, tmp_path)
    assert "the code has changed since that step" in caplog.text
    assert (tmp_path / "model/final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def test_a_loss_that_is_no_number_names_the_utterances_and_writes_nothing(toy, tmp_path):
    with pytest.raises(InputError, match=r"step \d+: the loss is .*(nan|inf); lower train.lr, or look at s\d-train\d"):
        run(toy, tmp_path, lr=1e30)
    assert not (tmp_path / "model").exists()


def spoil(monkeypatch, steps):
    """Let the features of the batches of some steps be infinite, each once."""
    left = list(steps)

    def spoilt(self, step, get=CropBatches.__getitem__):
        feats, *rest = get(self, step)
        if step in left:
            left.remove(step)
            feats[2] = torch.inf
        return feats, *rest

    monkeypatch.setattr(CropBatches, "__getitem__", spoilt)


@pytest.mark.parametrize("step", [1, 13])
def test_a_retry_goes_on_from_the_last_checkpoint_at_half_the_rate(toy, finished, tmp_path, monkeypatch, caplog, step):
    with monkeypatch.context() as patch:
        spoil(patch, [step])
        run(toy, tmp_path, nan_retry=True)
    utts = " ".join(batches(toy).utterances(step))
    assert re.search(rf"step {step}: the loss is nan, .* look at {utts}; trying once more", caplog.text)
    last = 12 if step == 13 else 0
    rates, whole = ([float(line[2]) for line in log_without_speed(out)[1:]] for out in (tmp_path, finished))
    halved = [e for e in range(6) if 5 * (e + 1) > last]
    assert rates == pytest.approx([rate / 2 if e in halved else rate for e, rate in enumerate(whole)], rel=1e-5)
    assert read_model(tmp_path / "model/final.pt")["training"]["lr_factor"] == 0.5


def test_a_run_that_was_retried_goes_on_exactly(toy, tmp_path, monkeypatch):
    for out, crashes in (("whole", []), ("crashed", [14, 21])):
        with monkeypatch.context() as patch:
            spoil(patch, [13])
            for step in crashes:
                crash(patch, toy, tmp_path / out, step, nan_retry=True)
            run(toy, tmp_path / out, nan_retry=True)
    whole, crashed = ((tmp_path / out / "model/final.pt").read_bytes() for out in ("whole", "crashed"))
    assert whole == crashed


def test_a_second_loss_that_is_no_number_stops_the_run(toy, tmp_path, monkeypatch):
    spoil(monkeypatch, [13, 13])
    with pytest.raises(InputError, match="step 13: the loss is nan"):
        run(toy, tmp_path, nan_retry=True)
    assert not (tmp_path / "model").exists()


def test_a_run_without_retry_may_be_given_one(toy, tmp_path, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        spoil(patch, [13])
        with pytest.raises(InputError, match="step 13"):
            run(toy, tmp_path)
    with caplog.at_level(logging.INFO), monkeypatch.context() as patch:
        spoil(patch, [13])
        run(toy, tmp_path, nan_retry=True)
    assert caplog.text.count("resuming from step 12") == 2


@pytest.mark.parametrize("ensemble", [1, 2])
def test_parts_of_a_batch_give_the_gradient_of_the_whole(toy, tmp_path, monkeypatch, ensemble):
    """Without batch norm's statistics, which are each part's own."""
    norms, model = {}, {"dropout": 0.0, "ensemble": ensemble}
    monkeypatch.setattr(torch.nn.modules.batchnorm._BatchNorm, "forward", lambda self, x: x)
    for parts in (1, 2, 3):
        out, options = tmp_path / str(parts), BATCHES | {"batch_size": 6, "short": "pad", "crop": [0.6, 0.6]}
        run(toy, out, epochs=1, accumulate=parts, lr=1e-12, warmup=0, batches=options, model=model)
        norms[parts] = [float(x) for x in log_without_speed(out)[1][3:6]]  # loss, norm, accuracy
    assert norms[2] == pytest.approx(norms[1], rel=1e-4)
    assert norms[3] == pytest.approx(norms[1], rel=1e-4)


def test_too_little_memory_of_a_gpu_names_batch_and_crop(toy, tmp_path, monkeypatch):
    def full(*args):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr("spkr.train.distillation.cross_entropy", lambda *args, **options: full())
    message = (
        r"step 0: .* too little memory for train.batches.batch_size 7 and crop \[0.2, 0.4\]; .* train.accumulate, 1"
    )
    with pytest.raises(InputError, match=message):
        run(toy, tmp_path)


def change(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("ark", ["feats.ark", "vad.ark"])
def test_an_ark_that_changed_since_the_run_began_is_named(toy, tmp_path, monkeypatch, caplog, ark):
    feats = shutil.copytree(toy.feats["train"], tmp_path / "feats")
    for scp in ("feats.scp", "vad.scp"):
        (feats / scp).write_text((feats / scp).read_text().replace(toy.feats["train"], str(feats)))
    other = dataclasses.replace(toy, feats=toy.feats | {"train": str(feats)})
    crash(monkeypatch, other, tmp_path, 17)
    whole = (feats / ark).read_bytes()
    change(feats / ark, 1000)
    with pytest.raises(InputError, match=rf"{ark}: changed since the training in .*checkpoints/\w+ began; restore"):
        run(other, tmp_path)
    (feats / ark).write_bytes(whole)  # now, not then: what it holds counts
    with caplog.at_level(logging.INFO):
        run(other, tmp_path)
    assert "resuming from step 15" in caplog.text


def test_an_ark_that_changes_during_a_run_is_named_and_nothing_is_saved(toy, tmp_path, monkeypatch):
    feats = shutil.copytree(toy.feats["train"], tmp_path / "feats")
    (feats / "feats.scp").write_text((feats / "feats.scp").read_text().replace(toy.feats["train"], str(feats)))
    other = dataclasses.replace(toy, feats=toy.feats | {"train": str(feats)})

    def changing(self, step, get=CropBatches.__getitem__):
        if step == 13:
            replaced = feats / "replaced"
            replaced.write_bytes((feats / "feats.ark").read_bytes())
            change(replaced, -1)
            replaced.rename(feats / "feats.ark")
        return get(self, step)

    monkeypatch.setattr(CropBatches, "__getitem__", changing)
    with pytest.raises(InputError, match="feats.ark: changed while it was trained on"):
        run(other, tmp_path)
    assert sorted(p.name for p in only_folder(tmp_path).glob("step-*")) == ["step-10.pt", "step-12.pt"]


def test_a_speaker_with_one_utterance_may_be_trained_on_or_left_out(toy, tmp_path, caplog):
    data = shutil.copytree(toy.data["train"], tmp_path / "data")
    utt2spk = read_map(data / "utt2spk") | {"s0-train0": "lonely"}
    write_map(data / "utt2spk", utt2spk)
    for least, speakers in ((1, 7), (2, 6)):
        out, options = tmp_path / str(least), {"filter": {"min_voiced_frames": 10, "min_utts_per_speaker": least}}
        balance = BATCHES | {"utts_per_speaker": 4, "utts_per_speaker_in_batch": 2, "batch_size": 8}
        run(toy, out, epochs=1, data={"train": str(data)}, batches=balance, **options)
        assert len(read_model(out / "model/final.pt")["speakers"]) == speakers
