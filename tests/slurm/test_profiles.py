"""What the profiles make of the rules' needs, without running a job."""

import re

import pytest
from torch.distributed.run import parse_args as torchrun_arguments

from tests.conftest import ROOT


@pytest.fixture
def plan(snakemake, tmp_path):
    """What a dry run prints about the first job of each rule: the resources, and all of it."""
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="needs the extra `cluster`")
    snakefile = tmp_path / "Snakefile"  # without messages, which Snakemake prints in place of resources
    snakefile.write_text(f'include: "{ROOT}/Snakefile"\nfor each in workflow.rules:\n    each.message = None\n')

    def plan_of(recipe, profile, *options):
        profile = str(ROOT / "profiles" / profile)
        options = ("all", "-n", "-p", "--config", f"recipe={recipe}", "--workflow-profile", profile, *options)
        output = snakemake(tmp_path, *options, snakefile=snakefile)
        jobs = {}
        for name, text in re.findall(r"^(?:local)?rule (\w+):\n(.*?)\n\n", output, re.M | re.S):
            jobs.setdefault(name, (set(re.search(r"    resources: (.*)", text)[1].split(", ")), text))
        return jobs

    return plan_of


@pytest.mark.parametrize(("profile", "stop_after"), [("slurm", "inf"), ("sge", "1420")])
def test_a_training_asks_for_what_the_rule_and_the_profile_say(plan, profile, stop_after):
    asked, printed = plan("mini", profile)["train"]
    assert {"gpu=1", "mem_mb=12000", "runtime=1440", f"stop_after={stop_after}"} <= asked
    assert f" --stop-after {stop_after} " in printed


@pytest.mark.parametrize("profile", ["slurm", "sge"])
def test_a_download_and_the_embeddings_of_a_large_set_have_hours(plan, profile):
    jobs = plan("himia", profile)
    for rule, runtime in (("corpus", 720), ("embed", 1440), ("backend", 60)):
        assert f"runtime={runtime}" in jobs[rule][0], rule


def test_more_gpus_are_as_many_processes(snakemake, tmp_path):
    options = ("-n", "-p", "--config", "recipe=mini", "--resources", "gpu=4", "--set-resources", "train:gpu=4")
    output = snakemake(tmp_path, *options)
    assert "if ((4 > 1)); then" in output
    words = re.search(r"'torchrun (--standalone .*? spkr)'", output)[1].split()
    launched = torchrun_arguments([*words, "--log", "train.log", "train"])
    assert (launched.module, launched.nproc_per_node) == (True, "4")
    assert [launched.training_script, *launched.training_script_args] == ["spkr", "--log", "train.log", "train"]


def test_several_nodes_are_one_job_with_a_torchrun_on_each(plan):
    asked, printed = plan("mini", "slurm", "--set-resources", "train:nodes=2", "train:gpu=4")["train"]
    assert {"gpu=4", "nodes=2", "mpi=srun", "tasks=2", "tasks_per_gpu=0"} <= asked
    assert "processes=$((1 + (4 - 1) / 2))" in printed
    assert "srun --nodes 2 --ntasks-per-node 1 " in printed and " torchrun --nnodes 2 " in printed


def test_a_training_on_one_node_asks_for_no_tasks(plan):
    asked, printed = plan("mini", "slurm")["train"]
    assert "nodes=1" in asked
    assert not [resource for resource in asked if resource.startswith(("mpi", "tasks"))]
    assert "if ((1 > 1)); then job=" in printed


def test_retries_stand_in_profiles_alone():
    assert not [path for path in (ROOT / "rules").glob("*.smk") if re.search(r"^ *retries:", path.read_text(), re.M)]
    for name in ("slurm", "sge"):
        assert "\nretries: 3 " in (ROOT / f"profiles/{name}/profile.yaml").read_text()
