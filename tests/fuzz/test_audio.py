"""Thousands of damaged and odd sound files, each read right or named."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.fuzz.mutants import mutants

FILES, SEED = 4000, 1
MAX_SECONDS, MAX_MB = 900, 1000  # of the clock, for all of them, on a machine that has other work; of memory


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutants")
    command = [sys.executable, "-m", "tests.fuzz.child", str(folder), str(FILES), str(SEED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=MAX_SECONDS)
    last = done.stdout.rstrip().rpartition("\n")[2]
    assert done.returncode == 0, f"ended with {done.returncode} at {last}: {done.stderr[-2000:]}"
    summary = json.loads(last)
    print(json.dumps(summary, indent=1))
    return summary


def test_each_file_is_read_right_or_named(summary):
    assert summary["wrong"] == []
    assert sum(summary["outcomes"].values()) == FILES


def test_little_memory_is_taken_and_no_file_takes_long(summary):
    assert summary["peak_mb"] < MAX_MB
    assert summary["slowest"] < 2


def test_whole_files_are_read_and_every_kind_of_damage_is_met(summary):
    outcomes = summary["outcomes"]
    assert outcomes["whole: right"] > 70 and "whole: named" not in outcomes
    named = {outcome.partition(":")[0] for outcome in outcomes if outcome.endswith(": named")}
    assert named == {mutant.kind for mutant in mutants(FILES, SEED)} - {"whole"}
