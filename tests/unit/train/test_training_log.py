import logging
import re
import time

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from spkr.nnet.model import load_model
from spkr.train.batches import CropBatches
from spkr.train.schedule import learning_rate
from spkr.train.training_log import LOG_COLUMNS, NO_SUMS, SPEED_COLUMNS, means
from tests.unit.train.runs import EPOCHS, batches, crash, log_without_speed, only_folder, run, train_options


def test_the_log_has_a_line_an_epoch(finished):
    log = log_without_speed(finished)
    assert [line[:2] for line in log[1:]] == [[str(e), str(5 * e)] for e in range(1, EPOCHS + 1)]
    loss, accuracy = ([float(line[i]) for line in log[1:]] for i in (3, 5))
    assert loss[-1] < loss[0]
    assert accuracy[-1] > accuracy[0]
    rates = [float(line[2]) for line in log[1:]]
    assert rates == pytest.approx(
        [learning_rate(5 * e - 1, 30, train_options()) for e in range(1, EPOCHS + 1)], rel=1e-5
    )


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
    time.sleep(1)  # by which TensorBoard orders the files of two processes
    run(toy, tmp_path)
    events = EventAccumulator(str(only_folder(tmp_path) / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == set((LOG_COLUMNS + SPEED_COLUMNS)[2:])
    for name in (LOG_COLUMNS + SPEED_COLUMNS)[2:]:
        assert [e.step for e in events.Scalars(name)] == [5, 10, 15, 20, 25, 30]
    assert [e.value for e in events.Scalars("loss")] == pytest.approx(
        [float(line[3]) for line in log_without_speed(tmp_path)[1:]], rel=1e-5
    )


def test_the_log_says_how_a_long_epoch_goes(toy, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, epochs=2)
    found = re.findall(
        r"step (\d+)/10: loss [\d.]+, accuracy [\d.]+ %, \d+ frames/s, \d+ % waiting, \S+ left", caplog.text
    )
    assert found == ["3", "6", "9"]


def test_means_are_over_the_steps_rows_and_seconds():
    sums = {"steps": 4, "loss": 6.0, "grad_norm": 2.0, "right": 30, "frames": 8000, "seconds": 5.0, "waited": 1.0}
    assert sums.keys() == NO_SUMS.keys()
    found = means(sums, batch_size=10)
    assert found == {"loss": 1.5, "grad_norm": 0.5, "train_accuracy": 0.75, "waiting": 0.2, "frames_per_second": 1600}


def test_the_time_spent_waiting_and_the_time_left_are_those_of_the_run(toy, tmp_path, monkeypatch, caplog):
    def slow(self, index, get=CropBatches.__getitem__):
        time.sleep(0.2)
        return get(self, index)

    monkeypatch.setattr(CropBatches, "__getitem__", slow)
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path, epochs=2)
    ((speed, waiting, left),) = re.findall(r"epoch 1/2: .* (\d+) frames/s, (\d+) % waiting, 00:0(\d) left", caplog.text)
    assert 1 <= int(left) <= 3  # five steps of 0.2 s and a little
    assert int(waiting) > 70
    assert int(speed) < 7 * 40 / 0.2
