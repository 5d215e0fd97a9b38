"""Trainings that are killed, signalled or out of time, and go on."""

import logging
import os
import random
import re
import signal
import time

import pytest

from spkr.train.batches import CropBatches
from tests.unit.train.runs import STEPS_PER_EPOCH, log_without_speed, only_folder, run, spkr_train


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


def wait_for_step(process, out, step):
    """Until a checkpoint of this step or a later one is there."""
    while process.poll() is None:
        if any(int(p.stem.split("-")[1]) >= step for p in out.glob("checkpoints/*/step-*.pt")):
            return
        time.sleep(0.002)
    pytest.fail(f"training ended before step {step}:\n{process.stderr.read()}")


def test_killed_three_times_the_command_ends_with_the_same_bytes(toy, tmp_path):
    epochs, out = 20, tmp_path / "killed"
    uninterrupted = run(toy, tmp_path / "whole", epochs=epochs, model={"dropout": 0.5})
    for step in (10, 35, 60):
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
    assert int(re.search(r"resuming from step (\d+)", log)[1]) >= 60
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
    assert f"signal {stop:d}: stopped after step {step + 1}; the next start resumes there" in caplog.text
    with caplog.at_level(logging.INFO):
        run(toy, tmp_path)
    assert f"resuming from step {step + 1}" in caplog.text
    assert (tmp_path / "model/final.pt").read_bytes() == (finished / "model/final.pt").read_bytes()


def test_a_signal_to_all_processes_leaves_the_loader_at_work(toy, tmp_path):
    """As a cluster sends one to all of a job: the batch that the step needs still comes."""
    process = spkr_train(toy, tmp_path / "out", tmp_path, epochs=20, workers=1, checkpoint_steps=1000)
    wait_for_step(process, tmp_path / "out", STEPS_PER_EPOCH)  # the end of an epoch
    os.killpg(process.pid, signal.SIGTERM)
    log = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM
    step = int(re.search(r"signal 15: stopped after step (\d+)", log)[1])
    assert (only_folder(tmp_path / "out") / f"step-{step}.pt").exists()
