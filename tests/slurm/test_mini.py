"""The mini recipe, cut small, through profiles/slurm on a real SLURM: what its jobs got, and two that had a fault."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.slurm.cluster import CONF, DAEMONS, cluster, refusal, running

pytestmark = pytest.mark.slurm
QUICK = {  # this cluster is a small, empty one: nothing takes long
    "latency-wait": 5,
    "slurm-init-seconds-before-status-checks": 1,
    "slurm-status-command": "squeue",
    "set-threads": "train=2",
    "set-resources": "train:runtime=1",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with a whole run in it, what each spkr command noted, and SLURM's records of the jobs by number."""
    if reason := refusal() or not shutil.which("slurmctld") and "slurm-wlm is not installed":
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("slurm")
    options = [word for name, value in QUICK.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--directory", str(folder)]
    fewer = folder / "fewer.yaml"  # scores
    fewer.write_text("{backend: {kinds: [cosine, plda]}, trials: {enrol3: {sets: [test]}}}")
    command += ["--configfile", str(ROOT / "tests/e2e/small.yaml"), str(fewer)]
    command += ["--workflow-profile", str(ROOT / "profiles/slurm")]
    env = os.environ | {"PYTHONPATH": str(ROOT / "tests/slurm/witness"), "SPKR_WITNESS": str(folder / "notes")}
    with cluster():
        done = subprocess.run([*command, *options], env=env, capture_output=True, text=True, timeout=600)
        shown = subprocess.run(["scontrol", "show", "jobs", "-o"], check=True, capture_output=True, text=True).stdout
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    notes = [json.loads(line) for line in (folder / "notes").read_text().splitlines()]
    records = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in shown.splitlines()]
    return folder, notes, {record["JobId"]: record for record in records}


def jobs_of(run, rule: str) -> list[dict[str, str]]:
    """SLURM's records of a rule's jobs, in the order of their submission."""
    ours = re.compile(f"rule_{rule}(_wildcards_.*)?")
    return [job for _, job in sorted(run[2].items(), key=lambda item: int(item[0])) if ours.fullmatch(job["Comment"])]


def test_every_job_went_through_slurm_and_the_results_are_there(run):
    folder, notes, jobs = run
    assert len((folder / "exp/mini/main/results/results.tsv").read_text().splitlines()) == 1 + 3 * 2
    ran = [note for note in notes if note["job"]]
    assert {note["verb"] for note in notes if not note["job"]} == {"merge-feats"}  # a local rule
    assert {note["verb"] for note in ran} == {"augment", "feats", "train", "embed", "backend", "score", "eval"}
    assert {jobs[note["job"]]["NodeList"] for note in ran} == {"localhost"}
    assert len({note["job"] for note in ran}) == len(ran)
    assert len(jobs_of(run, "data")) == 1  # its command is a script of local/, which notes nothing
    assert len(jobs) == len(ran) + 1


def test_a_training_gets_one_gpu_and_the_others_none(run):
    _, notes, jobs = run
    for note in notes:
        if note["verb"] == "train":
            assert note["gpus"] in ("0", "1")
            assert jobs[note["job"]]["TresPerJob"] == "gres:gpu:1"
            assert jobs[note["job"]]["NumCPUs"] == "2"
        elif note["job"]:
            assert not note["gpus"]
            assert "TresPerJob" not in jobs[note["job"]]


def test_a_job_that_fails_once_runs_twice_the_second_time_with_more_memory(run):
    _, notes, _ = run
    failed, repeated = jobs_of(run, "backend")
    assert [note["job"] for note in notes if note["verb"] == "backend"] == [failed["JobId"], repeated["JobId"]]
    assert (failed["JobState"], repeated["JobState"]) == ("FAILED", "COMPLETED")
    assert (failed["MinMemoryNode"], repeated["MinMemoryNode"]) == ("4000M", "8000M")
    assert len(jobs_of(run, "embed")) == 3  # no other job was repeated


def test_a_training_at_its_time_limit_goes_on_and_ends_with_the_weights_of_an_undisturbed_one(run, tmp_path):
    folder, notes, _ = run
    stopped, resumed = jobs_of(run, "train")
    assert (stopped["JobState"], resumed["JobState"]) == ("TIMEOUT", "COMPLETED")
    log = (folder / "exp/mini/main/log/train.log").read_text()
    step = int(re.search(r"going on from step (\d+)", log)[1])
    assert step > 0

    command = next(note["command"] for note in notes if note["verb"] == "train")
    model = "exp/mini/main/model"
    undisturbed = [word.replace(model, str(tmp_path)).replace("main/log", "main") for word in command]
    subprocess.run([sys.executable, *undisturbed], cwd=folder, check=True, env=os.environ | {"OMP_NUM_THREADS": "2"})
    for name in ("final.pt", "valid.json"):
        assert (folder / model / name).read_bytes() == (tmp_path / name).read_bytes()


def test_nothing_of_the_cluster_is_left(run):
    assert not [CONF / name for name in ("slurm.conf", "gres.conf") if (CONF / name).exists()]
    assert not [daemon for daemon in DAEMONS if running(daemon)]
