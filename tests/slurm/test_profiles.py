"""What the profiles make of the rules' needs, without running a job."""

import re

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(("profile", "stop_after"), [("slurm", "inf"), ("sge", "1420")])
def test_a_training_asks_for_what_the_rule_and_the_profile_say(snakemake, tmp_path, profile, stop_after):
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="needs the extra `cluster`")
    options = ("-n", "-p", "--config", "recipe=mini", "--workflow-profile", str(ROOT / "profiles" / profile))
    jobs = snakemake(tmp_path, *options).partition("\nrule train:\n")[2]
    asked = re.search(r"    resources: (.*)", jobs)[1].split(", ")
    assert {"gpu=1", "mem_mb=12000", "runtime=1440", f"stop_after={stop_after}"} <= set(asked)
    assert f" --stop-after {stop_after} " in jobs.partition("\nrule ")[0]


@pytest.mark.parametrize("profile", ["slurm", "sge"])
def test_a_download_and_the_embeddings_of_a_large_set_have_hours(snakemake, tmp_path, profile):
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="needs the extra `cluster`")
    options = ("-n", "--config", "recipe=himia", "--workflow-profile", str(ROOT / "profiles" / profile))
    output = snakemake(tmp_path, *options)
    for rule, runtime in (("corpus", 720), ("embed", 1440), ("backend", 60)):
        asked = re.search(rf"\n(?:local)?rule {rule}:\n(?:    .*\n)*?    resources: (.*)", output)[1].split(", ")
        assert f"runtime={runtime}" in asked, rule


def test_more_gpus_are_as_many_processes(snakemake, tmp_path):
    options = ("-n", "-p", "--config", "recipe=mini", "--resources", "gpu=4", "--set-resources", "train:gpu=4")
    output = snakemake(tmp_path, *options)
    assert "if ((4 > 1)); then" in output
    assert "torchrun --standalone --nproc-per-node 4 -m spkr" in output


def test_retries_stand_in_profiles_alone():
    assert not [path for path in (ROOT / "rules").glob("*.smk") if re.search(r"^ *retries:", path.read_text(), re.M)]
    for name in ("slurm", "sge"):
        assert "\nretries: 3 " in (ROOT / f"profiles/{name}/profile.yaml").read_text()
