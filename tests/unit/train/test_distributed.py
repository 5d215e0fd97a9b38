import json
import os
import subprocess
import sys

import pytest

from spkr.errors import InputError
from spkr.train.distributed import Processes
from tests.conftest import ROOT
from tests.unit.train.runs import BATCHES, arguments, log_without_speed, run, settings

ENV = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}


def torchrun(*command):
    """Two processes on gloo, and what they said."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*torchrun, *map(str, command)], capture_output=True, text=True, env=ENV)
    return done.stdout + done.stderr


def test_two_processes_train_one_network_and_go_on_together(toy, tmp_path):
    options = {"epochs": 2, "accumulate": 2, "batches": BATCHES | {"batch_size": 12}, "model": {"ensemble": 2}}
    (tmp_path / "settings.json").write_text(json.dumps(settings(toy, **options)))

    def train(out, *more):
        return torchrun("-m", "spkr", *arguments(toy, out, tmp_path), *more)

    log = train(tmp_path / "whole")
    assert "2 times cpu, 6 steps in all" in log
    assert log.count("epoch 2/2") == 1  # one process speaks
    found = log_without_speed(tmp_path / "whole")
    assert len(found) == 3
    run(toy, tmp_path / "one", **options)
    assert [float(line[3]) for line in found[1:]] == pytest.approx(
        [float(line[3]) for line in log_without_speed(tmp_path / "one")[1:]], rel=0.3
    )  # batch norm's statistics, of three utterances, and dropout differ
    assert "0 minutes are over: stopped after step 1" in train(tmp_path / "parts", "--stop-after", "0")
    assert "resuming from step 1" in train(tmp_path / "parts")
    whole, parts = (tmp_path / name / "model/final.pt" for name in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()


SHARES = """
import torch
from spkr.train.distributed import Processes

processes = Processes.join(6)
torch.manual_seed(processes.rank)  # the first one's weights are taken
net, rows = torch.nn.Linear(3, 2), torch.arange(18.0).reshape(6, 3)
spread, own = processes.spread(net), rows[processes.rank :: 2]


def gradient(rows):
    return torch.autograd.grad(net(rows).square().mean(), net.weight)[0]


with processes.apart(spread):
    spread(own).square().mean().backward()
torch.testing.assert_close(net.weight.grad, gradient(own))
net.zero_grad()
spread(own).square().mean().backward()
torch.testing.assert_close(net.weight.grad, gradient(rows))
assert processes.sums([1.5, processes.rank]) == [3, 1] and processes.largest([processes.rank, 7]) == [1, 7]
assert processes.from_first(f"of {processes.rank}") == "of 0"
processes.leave()
print("all is as it should be")
"""


def test_gradients_are_those_of_the_whole_batch(tmp_path):
    (tmp_path / "shares.py").write_text(SHARES)
    said = torchrun(tmp_path / "shares.py")
    assert said.count("all is as it should be") == 2, said


def test_a_batch_without_equal_shares_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="batch_size: 64 is no multiple of the 3 processes"):
        Processes.join(64)


@pytest.mark.parametrize(("batch_size", "processes", "accumulate"), [(64, 1, 3), (64, 2, 12), (8, 1, 8), (6, 3, 2)])
def test_a_batch_without_equal_parts_is_refused(monkeypatch, batch_size, processes, accumulate):
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    message = f"train.accumulate: {accumulate}; expected equal parts.* of the {batch_size // processes} of a batch"
    with pytest.raises(InputError, match=message):
        Processes.join(batch_size, accumulate)


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "3")
    with pytest.raises(InputError, match="process 4 of this machine has no GPU of its own; expected at most 2"):
        Processes.join(8)
