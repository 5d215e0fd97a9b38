"""Snakemake for tests that start it many times: forked from a process that has imported it."""

import multiprocessing
import os
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.dag.dry_run import run_snakemake


@pytest.fixture(scope="session")
def snakemake(tmp_path_factory):
    """As the fixture of this name of all tests; `at` is another copy of the repository, and `directory` may be it."""
    context = multiprocessing.get_context("forkserver")
    ours = ["spkr.config.loading", "spkr.audio.recordings", "tests.dag.preloaded"]
    context.set_forkserver_preload(["pytest", "snakemake.cli", "snakemake.executors.dryrun", *ours])
    printed = tmp_path_factory.mktemp("snakemake") / "output"

    def run(directory: Path, *args: str, snakefile: str = "Snakefile", ok: bool = True, at: Path = ROOT, **env: str):
        words = ["--cores", "2", "-s", str(at / snakefile), "--directory", str(directory), *args]
        variables = {k: v for k, v in os.environ.items() if k not in ("SPKR_CORPORA", "SPKR_MODELS")} | env
        process = context.Process(target=run_snakemake, args=(words, variables, printed))
        process.start()
        process.join()
        output = printed.read_text()
        if (process.exitcode == 0) != ok:
            pytest.fail(f"snakemake {' '.join(args)} exited with {process.exitcode}:\n{output[-4000:]}")
        return output

    return run
