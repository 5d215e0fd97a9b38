"""The mini recipe, cut small, through profiles/slurm on a real SLURM: what its jobs got, and those that had a fault."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.slurm.cluster import CONF, DAEMONS, NODES, cluster, refusal, running

pytestmark = pytest.mark.slurm
QUICK = {  # this cluster is a small, empty one: nothing takes long
    "latency-wait": 5,
    "slurm-init-seconds-before-status-checks": 1,
    "slurm-status-command": "squeue",
    "set-threads": "train=2",
    "set-resources": "train:runtime=2*attempt",  # minutes: enough for a slow machine, too
}
TWO_NODES = {"set-resources": "train:nodes=2 train:gpu=2", "config": "run=two", "until": "train"}


@dataclass(frozen=True)
class Ran:
    """A run of Snakemake."""

    folder: Path
    notes: list[dict]  # of each spkr command
    jobs: dict[str, dict[str, str]]  # SLURM's records, by the job's number


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A whole run, then in the same folder a training on two nodes."""
    if reason := refusal() or not shutil.which("slurmctld") and "slurm-wlm is not installed":
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("slurm")
    with cluster():
        one = snakemake(folder, "one", **QUICK)
        two = snakemake(folder, "two", **QUICK | TWO_NODES)
    return one, replace(two, jobs={number: job for number, job in two.jobs.items() if number not in one.jobs})


def snakemake(folder, name, **options):
    """Run the workflow with a value, or several, for each option."""
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--directory", str(folder)]
    fewer = folder / "fewer.yaml"  # scores
    settings = "backend: {kinds: [cosine, plda]}, trials: {enrol3: {sets: [test]}}, calibration: {trials: null}"
    fewer.write_text(f"{{{settings}}}")
    command += ["--configfile", str(ROOT / "tests/e2e/small.yaml"), str(fewer)]
    command += ["--workflow-profile", str(ROOT / "profiles/slurm")]
    command += [word for option, values in options.items() for word in (f"--{option}", *str(values).split())]
    python_path = f"{ROOT / 'tests/slurm/witness'}:{ROOT}"
    env = os.environ | {"PYTHONPATH": python_path, "SPKR_WITNESS": str(folder / name)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=2400)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    shown = subprocess.run(["scontrol", "show", "jobs", "-o"], check=True, capture_output=True, text=True).stdout
    records = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in shown.splitlines()]
    notes = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    return Ran(folder, notes, {record["JobId"]: record for record in records})


@pytest.fixture(scope="module")
def run(runs):
    """The whole run."""
    return runs[0]


def jobs_of(run: Ran, rule: str) -> list[dict[str, str]]:
    """SLURM's records of a rule's jobs, in the order of their submission."""
    ours = re.compile(f"rule_{rule}(_wildcards_.*)?")
    return [job for _, job in sorted(run.jobs.items(), key=lambda item: int(item[0])) if ours.fullmatch(job["Comment"])]


def test_every_job_went_through_slurm_and_the_results_are_there(run):
    notes, jobs = run.notes, run.jobs
    assert len((run.folder / "exp/mini/main/results/results.tsv").read_text().splitlines()) == 1 + 3 * 2
    assert all(note["job"] for note in notes)
    verbs = {"augment", "feats", "merge-feats", "train", "embed", "merge-xvectors", "backend", "score"}
    assert {note["verb"] for note in notes} == verbs | {"eval", "report"}
    assert {jobs[note["job"]]["NodeList"] for note in notes} <= set(NODES)
    assert len({note["job"] for note in notes}) == len(notes)
    assert len(jobs_of(run, "corpus")) == len(jobs_of(run, "data")) == 1  # scripts of local/, which note nothing
    assert len(jobs) == len(notes) + 2


def test_networks_get_one_gpu_and_other_jobs_none(run):
    for note in run.notes:
        job = run.jobs[note["job"]]
        if note["verb"] in ("train", "embed"):
            assert note["gpus"] in ("0", "1")
            assert job["TresPerJob"] == "gres:gpu:1"
            assert (job["NumCPUs"], job["NumNodes"]) == ({"train": "2", "embed": "8"}[note["verb"]], "1")
        else:
            assert not note["gpus"]
            assert "TresPerJob" not in job


def test_a_job_that_fails_once_runs_twice_the_second_time_with_more_memory(run):
    failed, repeated = jobs_of(run, "backend")
    assert [note["job"] for note in run.notes if note["verb"] == "backend"] == [failed["JobId"], repeated["JobId"]]
    assert (failed["JobState"], repeated["JobState"]) == ("FAILED", "COMPLETED")
    assert (failed["MinMemoryNode"], repeated["MinMemoryNode"]) == ("4000M", "8000M")
    assert len(jobs_of(run, "embed")) == 3  # no other job was repeated


def test_a_training_at_its_time_limit_goes_on_and_ends_with_the_weights_of_an_undisturbed_one(run, tmp_path):
    stopped, resumed = jobs_of(run, "train")
    assert (stopped["JobState"], resumed["JobState"]) == ("TIMEOUT", "COMPLETED")
    assert resumed_from(run, "main") > 0
    assert_weights_of_an_undisturbed_one(run, tmp_path, "main", "-m", "spkr")


def test_a_training_on_two_nodes_is_resumed_and_ends_with_the_weights_of_two_processes_on_one(runs, tmp_path):
    run = runs[1]
    stopped, resumed = jobs_of(run, "train")
    assert (stopped["JobState"], resumed["JobState"]) == ("FAILED", "COMPLETED")
    assert set(run.jobs) == {stopped["JobId"], resumed["JobId"]}
    assert (resumed["NumNodes"], resumed["TresPerJob"]) == ("2", "gres:gpu:2")
    for job in (stopped, resumed):
        processes = [note for note in run.notes if note["job"] == job["JobId"]]
        assert sorted(note["node"] for note in processes) == sorted(NODES)
        assert sorted(note["rank"] for note in processes) == ["0", "1"]
        assert all(note["gpus"] in ("0", "1") for note in processes)
    assert resumed_from(run, "two") > 0
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--", "spkr")
    assert_weights_of_an_undisturbed_one(run, tmp_path, "two", *torchrun)


def resumed_from(run, name):
    """The step from which the second job went on."""
    log = (run.folder / f"exp/mini/{name}/log/train.log").read_text()
    return int(re.search(r"resuming from step (\d+)", log)[1])


def assert_weights_of_an_undisturbed_one(run, tmp_path, name, *start):
    """Train again here, as the run of that name did, and compare; `start` are Python's words before `--log`."""
    model = f"exp/mini/{name}/model"
    words = next(note["words"] for note in run.notes if note["verb"] == "train")
    words = [word.replace(model, str(tmp_path)).replace(f"{name}/log", name) for word in words]
    subprocess.run(
        [sys.executable, *start, *words], cwd=run.folder, check=True, env=os.environ | {"OMP_NUM_THREADS": "2"}
    )
    for file in ("final.pt", "valid.json"):
        assert (run.folder / model / file).read_bytes() == (tmp_path / file).read_bytes()


def test_nothing_of_the_cluster_is_left(run):
    assert not [CONF / name for name in ("slurm.conf", "gres.conf") if (CONF / name).exists()]
    assert not [daemon for daemon in DAEMONS if running(daemon)]
