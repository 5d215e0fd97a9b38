"""The mini recipe, cut small, from espeak-ng to the results: run, rerun, repeated, and taken to another corpus."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

CONFIG = ("--configfile", str(ROOT / "tests/e2e/small.yaml"))
LISTS = ("trials_pairs", "trials_enrol3", "dev_trials_pairs", "dev_trials_enrol3")
BACKENDS = ("cosine", "lda_cosine", "plda")


@pytest.fixture(scope="module")
def run(snakemake, tmp_path_factory):
    """A folder with a whole run in it, and what Snakemake printed."""
    folder = tmp_path_factory.mktemp("mini")
    return folder, snakemake(folder, *CONFIG)


@pytest.fixture
def copy(run, tmp_path_factory):
    """A copy of that folder, as far from the code as it is: relative paths stay what they are."""
    return shutil.copytree(run[0], tmp_path_factory.mktemp("copy"), dirs_exist_ok=True)


def jobs(output: str) -> dict[str, int]:
    """The jobs that Snakemake says it runs, by rule."""
    (counts,) = re.findall(r"^\d+ jobs?: (.*)$", output, re.M)
    return {name: int(n) for n, name in re.findall(r"(\d+) (\w+)", counts) if name != "all"}


def rows(folder, run="main") -> list[dict]:
    with (folder / f"exp/mini/{run}/results/results.tsv").open() as f:
        return list(csv.DictReader(f, delimiter="\t"))


def test_results_have_a_row_for_each_list_and_back_end(run):
    folder, output = run
    table = rows(folder)
    assert [(r["trials"], r["backend"]) for r in table] == [(t, b) for t in LISTS for b in BACKENDS]
    assert [r["n_target"] for r in table[::3]] == ["40", "8", "20", "4"]  # four test speakers and two of dev, 5 each
    assert [r["n_nontarget"] for r in table[::3]] == ["150", "24", "25", "4"]
    assert {r["backend"] for r in table if r["primary"] == "yes"} == {"cosine"}
    assert (folder / "exp/mini/main/results/table.txt").read_text() in output  # printed at the end of the run


def test_the_console_has_a_line_for_each_job_the_progress_of_training_and_the_results(run):
    folder, output = run
    lines = output.splitlines()
    assert len(lines) <= 100  # a demo has ten jobs and six epochs more, and 15 lines are for the installation
    for what in ("feats: test, part 1 of 1", "score: trials_pairs by plda", "report: results of all lists"):
        assert len([line for line in lines if re.fullmatch(rf"[\d:]{{8}} {what}", line)]) == 1
    assert re.search(r"^[\d:]{8} epoch 2/2: loss .* left$", output, re.M)
    assert "Reason:" not in output and "jobid" not in output and "utterances embedded" not in output
    assert "utterances embedded" in (folder / "exp/mini/main/log/embed.test.1.log").read_text()


def test_identification_accuracy_is_reported(run):
    found = json.loads((run[0] / "exp/mini/main/results/results.json").read_text())["identification"]
    assert found["valid"]["n"] == 6
    assert found["trials_enrol3"]["cosine"].items() >= {"n": 8, "n_speakers": 4, "left_out": True}.items()
    assert (run[0] / "exp/mini/main/results/confusions.tsv").exists()


def test_thresholds_are_chosen_on_dev_and_the_run_ends_with_a_line_to_paste(run):
    folder, output = run
    with (folder / "exp/mini/main/results/thresholds.tsv").open() as f:
        found = {(row["trials"], row["dev"], row["backend"]) for row in csv.DictReader(f, delimiter="\t")}
    assert found == {(name, f"dev_{name}", b) for name in ("trials_pairs", "trials_enrol3") for b in BACKENDS}
    lines = (folder / "exp/mini/main/results/summary.txt").read_text()
    assert re.match(r"mini/main \S+ cosine, trials_pairs \(190 trials, 4 speakers, sha256 \w{8}\): EER ", lines)
    assert lines in output


def test_running_again_does_nothing(run, snakemake):
    assert "Nothing to be done" in snakemake(run[0], *CONFIG)


def test_two_runs_agree_to_the_byte(run, snakemake, tmp_path):
    folder, _ = run
    snakemake(tmp_path, *CONFIG)
    made = [
        p.relative_to(folder)
        for p in (folder / "exp").rglob("*")
        if p.is_file()
        and not {"log", "benchmark", "checkpoints", "pretrained"} & set(p.parts)
        and not p.name.endswith((".log", ".benchmark.tsv", "report.html", "report.html.json"))  # the page has times
    ]
    assert len(made) > 80
    for path in made:
        assert (tmp_path / path).read_bytes() == (folder / path).read_bytes(), path


def test_a_copy_of_the_folder_has_nothing_to_do(copy, snakemake):
    assert "Nothing to be done" in snakemake(copy, *CONFIG)


def test_a_trained_network_and_back_end_go_to_another_corpus(run, snakemake, tmp_path):
    """The same corpus in fact, under another run's name: so the scores must be the same."""
    folder, _ = run
    mine = tmp_path / "mine.yaml"
    mine.write_text("backend: {from: exp/mini/main/backend}\n")
    model = ("--config", "model=exp/mini/main/model/final.pt", "run=pretrained")
    output = snakemake(folder, "--configfile", CONFIG[1], str(mine), *model)
    assert "train:" not in output
    for path in sorted((folder / "exp/mini/main/scores").glob("[!m]*")):  # manifests name their run
        assert (folder / "exp/mini/pretrained/scores" / path.name).read_bytes() == path.read_bytes()
    assert {r["model"] for r in rows(folder, "pretrained")} == {"exp/mini/main/model/final.pt"}


def test_a_lost_recording_is_named(copy, snakemake):
    lost = next((copy / "exp/corpora/mini/an4/wav/an4test_clstk").rglob("*.wav"))
    lost.unlink()
    output = snakemake(copy, *CONFIG, "-R", "feats", ok=False)
    assert f"{lost.relative_to(copy)}: no such audio file" in output
    assert not list(copy.glob("exp/mini/feats/fbank80*/test/*feats.1.*"))  # nothing half-written


def test_damage_is_found_taken_away_and_mended_and_nothing_else_runs(copy, snakemake):
    (ark,) = copy.glob("exp/mini/feats/fbank80*/test/feats.1.ark")
    xvectors = "exp/mini/main/xvectors/test/xvector.1.ark"
    whole = ark.read_bytes()
    ark.write_bytes(whole[:-1])
    output = snakemake(copy, *CONFIG, "-R", "embed", ok=False)
    assert f"{ark.relative_to(copy)}: {len(whole) - 1} bytes; the stage feats wrote {len(whole)}; `spkr check" in output
    check = [str(Path(sys.executable).with_name("spkr")), "check", "exp/mini"]
    assert subprocess.run(check, cwd=copy).returncode == 1
    done = subprocess.run([*check, "--remove"], cwd=copy, check=True, capture_output=True, text=True)
    gone = ark.relative_to(copy), xvectors  # the failed job took its own outputs away
    assert set(done.stdout.splitlines()) == {f"snakemake --cores all {path}" for path in gone}
    ran = jobs(snakemake(copy, *CONFIG, "-R", "embed"))
    assert ran["feats"] == ran["merge_feats"] == 1
    assert ran["embed"] > 0
    assert "train" not in ran
    assert ark.read_bytes() == whole

    (copy / xvectors).unlink()
    assert jobs(snakemake(copy, xvectors, *CONFIG)) == {"embed": 1}
    assert "Nothing to be done" in snakemake(copy, *CONFIG)
    assert subprocess.run(check, cwd=copy).returncode == 0


def test_an_empty_recording_is_named_before_any_data_are_written(copy, snakemake):
    empty = next((copy / "exp/corpora/mini/an4/wav/an4_clstk").rglob("*.wav"))
    empty.write_bytes(b"")
    output = snakemake(copy, *CONFIG, "-R", "data", ok=False)
    assert f"an4.py: error: {empty.relative_to(copy)}: " in output
    assert "missing locally" not in output  # the job failed by itself, not by what it did not write
    assert not [f for name in ("train", "valid", "dev", "test") for f in (copy / "exp/mini/data" / name).glob("*")]
