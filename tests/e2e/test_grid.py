"""A grid of two rows and two seeds, from espeak-ng to its table: run, run again, and mended."""

import csv
import json
import re
import shutil
from statistics import fmean, stdev

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow
CONFIG = ("--configfile", str(ROOT / "tests/e2e/grid.yaml"))
ROWS = {row: [f"exp/mini/{row}-s{seed}" for seed in (1, 2)] for row in ("plain", "margin")}


@pytest.fixture(scope="module")
def run(snakemake, tmp_path_factory):
    """A folder with all runs in it, and what Snakemake printed."""
    folder = tmp_path_factory.mktemp("grid")
    return folder, snakemake(folder, *CONFIG)


def eers(folder, row, trials) -> list[float]:
    results = [json.loads((folder / path / "results/results.json").read_text())["results"] for path in ROWS[row]]
    return [next(one["eer"] for one in of if one["trials"] == trials) for of in results]


def test_the_table_has_the_numbers_of_the_runs_and_dev_chooses(run):
    folder, output = run
    with (folder / "exp/mini/grid/heads.tsv").open() as f:
        table = list(csv.DictReader(f, delimiter="\t"))
    assert [(r["row"], r["trials"]) for r in table] == [(r, f"{s}trials_pairs") for r in ROWS for s in ("dev_", "")]
    for found in table:
        values = eers(folder, found["row"], found["trials"])
        assert float(found["eer_mean"]) == pytest.approx(fmean(values), rel=1e-4)
        assert float(found["eer_sd"]) == pytest.approx(stdev(values), rel=1e-4, abs=1e-4)
    on_dev = {row: fmean(eers(folder, row, "dev_trials_pairs")) for row in ROWS}
    assert {r["row"] for r in table if r["chosen"] == "yes"} == {min(on_dev, key=on_dev.get)}
    assert (folder / "exp/mini/grid/heads.txt").read_text() in output


def test_runs_of_one_graph_share_data_and_features_and_each_has_its_page(run):
    folder, output = run
    (counts,) = re.findall(r"^\d+ jobs: (.*)$", output, re.M)
    assert "1 corpus, 1 data, 4 feats, 4 merge_feats, 4 train, " in counts and " 1 grid, 4 html" in counts
    assert re.search(r"^[\d:]{8} margin-s2: train: \S+ on train", output, re.M)
    for path in [path for paths in ROWS.values() for path in paths]:
        page = (folder / path / "results/report.html").read_text()
        assert f"-s Snakefile {path}/results/report.html --configfile tests/e2e/grid.yaml" in page


def test_a_second_call_runs_nothing(run, snakemake):
    assert "Nothing to be done" in snakemake(run[0], *CONFIG)


def test_lost_results_redo_that_run_alone(run, snakemake, tmp_path):
    copy = shutil.copytree(run[0], tmp_path, dirs_exist_ok=True)
    shutil.rmtree(copy / "exp/mini/margin-s1/results")
    output = snakemake(copy, *CONFIG)
    assert "\n4 jobs: 1 report, 1 grid, 1 html, 1 all\n" in output
    assert (copy / "exp/mini/grid/heads.tsv").read_bytes() == (run[0] / "exp/mini/grid/heads.tsv").read_bytes()
