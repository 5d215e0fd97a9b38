"""Jobs and Snakemake itself killed or interrupted, or short of memory; two runs at once."""

import os
import re
import resource
import signal
from pathlib import Path

import pytest

from tests.faults.conftest import ended, wait_for

pytestmark = pytest.mark.faults
FEATURES_BEGUN = "feats/*/test/.feats.1.ark.*.tmp"
TRAINING_BEGUN = "main/model/checkpoints/*/step-[3-9].pt"


def checkpoints(run) -> list[Path]:
    """Of the training, the newest last."""
    return sorted(run.exp.glob("main/model/checkpoints/*/step-*.pt"), key=step_of)


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.stem.removeprefix("step-"))


def went_on_from(run) -> int:
    """The step at which the last training took up an earlier one."""
    return int(re.search(r"resuming from step (\d+)", (run.exp / "main/log/train.log").read_text())[1])


def test_a_killed_feature_job_is_done_again(run, finish):
    run.back_to_test_features()
    with run.started() as snakemake:
        run.job(snakemake, "feats", FEATURES_BEGUN).kill()
        assert snakemake.wait(300) == 1
    assert not list(run.exp.glob("feats/*/test/feats*"))
    left_over = run.one(FEATURES_BEGUN)
    assert left_over.name in run.check(ok=False)
    run.check("--remove")
    assert not left_over.exists()
    finish(run)


def test_a_killed_training_goes_on_where_it_was(run, finish):
    run.back_to("train")
    with run.started() as snakemake:
        run.job(snakemake, "train", TRAINING_BEGUN).kill()
        assert snakemake.wait(300) == 1
    assert not (run.exp / "main/model/final.pt").exists()
    last = step_of(checkpoints(run)[-1])
    finish(run)
    assert went_on_from(run) == last >= 3


@pytest.mark.parametrize("damage", ["cut short", "empty"])
def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(run, finish, damage):
    run.back_to("train")
    with run.started() as snakemake:
        run.job(snakemake, "train", TRAINING_BEGUN).kill()
        assert snakemake.wait(300) == 1
    before, last = checkpoints(run)[-2:]
    os.truncate(last, last.stat().st_size // 2 if damage == "cut short" else 0)
    finish(run)
    assert f"{last.name} is damaged" in (run.exp / "main/log/train.log").read_text()
    assert went_on_from(run) == step_of(before)


def test_when_snakemake_is_killed_its_training_stops_and_writes_nothing_final(run, finish):
    run.back_to("train")
    with run.started() as snakemake:
        job = run.job(snakemake, "train", TRAINING_BEGUN)
        snakemake.kill()
        wait_for(lambda: ended(job))
    assert not (run.exp / "main/model/final.pt").exists()
    assert "unlock" in run.snakemake(ok=False)
    run.snakemake("--unlock")
    last = step_of(checkpoints(run)[-1])
    finish(run)
    assert went_on_from(run) == last >= 3


def test_when_snakemake_is_killed_a_feature_job_cannot_write_under_a_final_name(run, finish):
    run.back_to_test_features()
    with run.started() as snakemake:
        job = run.job(snakemake, "feats", FEATURES_BEGUN)
        job.suspend()  # so that nothing was renamed before
        snakemake.kill()
        snakemake.wait()
        job.resume()
        wait_for(lambda: ended(job))
    assert not list(run.exp.glob("feats/*/test/feats*"))
    run.snakemake("--unlock")
    finish(run)


def test_ctrl_c_at_a_terminal_costs_no_step(run, finish):
    run.back_to("train")
    with run.started() as snakemake:
        job = run.job(snakemake, "train", TRAINING_BEGUN)
        os.killpg(snakemake.pid, signal.SIGINT)
        wait_for(lambda: ended(job) and ended(snakemake))
    last = step_of(checkpoints(run)[-1])
    finish(run)
    assert went_on_from(run) == last


@pytest.mark.parametrize("whom", ["the job", "all"])
def test_sigterm_from_a_cluster_costs_no_step(run, finish, whom):
    run.back_to("train")
    with run.started() as snakemake:
        job = run.job(snakemake, "train", TRAINING_BEGUN)
        if whom == "all":
            os.killpg(snakemake.pid, signal.SIGTERM)
        else:
            job.terminate()
        wait_for(lambda: ended(job) and ended(snakemake))
    last = step_of(checkpoints(run)[-1])
    finish(run)
    assert went_on_from(run) == last


def test_of_two_runs_started_at_once_the_second_is_refused(run, finish):
    run.back_to("train")
    with run.started() as snakemake:
        run.job(snakemake, "train", TRAINING_BEGUN)
        assert "cannot be locked" in run.snakemake(ok=False)
        assert snakemake.wait(300) == 0
    assert finish(run) == {}


def test_a_job_out_of_memory_leaves_nothing_half_written(run, finish):
    run.back_to("embed")
    with run.started("--cores", "1") as snakemake:
        job = run.job(snakemake, "embed", "main/log/embed.*.log")
        job.rlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
        assert snakemake.wait(300) == 1
    assert not list(run.exp.glob("main/xvectors/*/*xvector*"))
    finish(run)
