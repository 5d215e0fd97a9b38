"""The table of a grid: its numbers are those of the runs, dev chooses, and differences are paired by seeds."""

import csv
import io
import json
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest

from spkr.cli import main
from spkr.report.grid_table import compare_rows
from tests.unit.report.made_up_runs import DRAWS, write_data, write_run

DEV, TEST = "dev_trials_pairs", "trials_pairs"
OUT = "exp/an4/grid/main.txt"


@pytest.fixture(autouse=True)
def corpus(tmp_path, monkeypatch):
    monkeypatch.setattr("spkr.metrics.bootstrap.MOST", DRAWS)
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path, lists=(DEV, TEST))
    return tmp_path


def row(root, name, margins, seeds=(1, 2, 3), **of_run) -> list[str]:
    """Runs with these margins of PLDA on dev and on test."""
    return [
        write_run(root, f"{name}-s{seed}", {"plda": margins[0], "cosine": 0.1}, lists=(DEV, TEST), seed=seed, **of_run)
        if margins[0] == margins[1]
        else two_margins(root, f"{name}-s{seed}", margins, seed)
        for seed in seeds
    ]


def two_margins(root, run, margins, seed) -> str:
    """A run that is of one margin on dev and of another on test."""
    folder, rows, lists = Path(f"exp/an4/{run}"), [], {}
    for trials, margin in zip((DEV, TEST), margins, strict=True):
        part = Path(write_run(root, f"{run}-{trials}", {"plda": margin}, lists=(trials,), seed=seed))
        rows += json.loads((part / "results/results.json").read_text())["results"]
        lists |= json.loads((part / "results/lists.json").read_text())
    (folder / "results").mkdir(parents=True)
    (folder / "results/results.json").write_text(json.dumps({"results": rows}))
    (folder / "results/lists.json").write_text(json.dumps(lists))
    return str(folder)


def made(capsys, rows, *options) -> tuple[str, dict, list[dict]]:
    """What `spkr grid` prints, and its files."""
    words = [word for name, runs in rows.items() for word in ("--row", name, *runs)]
    capsys.readouterr()
    main(["grid", OUT, *words, "--choose-by", DEV, *options])
    text = capsys.readouterr().out
    assert text == Path(OUT).read_text()
    table = list(csv.DictReader(io.StringIO(Path(OUT).with_suffix(".tsv").read_text()), delimiter="\t"))
    return text, json.loads(Path(OUT).with_suffix(".json").read_text()), table


def eers(runs, trials) -> list[float]:
    rows = [json.loads(Path(run, "results/results.json").read_text())["results"] for run in runs]
    return [next(r["eer"] for r in of if r["trials"] == trials and r["primary"] == "yes") for of in rows]


def test_numbers_are_those_of_the_runs_and_dev_chooses_where_test_says_otherwise(corpus, capsys):
    rows = {"main": row(corpus, "main", (1, 3)), "better": row(corpus, "better", (2.5, 0.5))}
    text, content, table = made(capsys, rows, "--trials", TEST)
    assert fmean(eers(rows["better"], DEV)) < fmean(eers(rows["main"], DEV))
    assert fmean(eers(rows["better"], TEST)) > fmean(eers(rows["main"], TEST))
    assert content["chosen"] == "better" and content["resolved"] is True
    assert [r["row"] for r in content["rows"] if r["chosen"]] == ["better"]
    assert [(r["row"], r["trials"], r["chosen"], r["seeds"]) for r in table] == [
        (name, trials, chosen, "1, 2, 3")
        for name, chosen in (("main", "no"), ("better", "yes"))
        for trials in (DEV, TEST)
    ]
    for found, in_tsv in zip([(r, t) for r in content["rows"] for t in (DEV, TEST)], table, strict=True):
        values = eers(rows[found[0]["row"]], found[1])
        eer = found[0]["lists"][found[1]]["eer"]
        assert eer["values"] == values and eer["mean"] == pytest.approx(fmean(values))
        assert eer["sd"] == pytest.approx(stdev(values))
        assert (eer["lowest"], eer["highest"]) == (min(values), max(values))
        assert float(in_tsv["eer_mean"]) == pytest.approx(fmean(values), abs=1e-4)
        assert float(in_tsv["eer_sd"]) == pytest.approx(stdev(values), rel=1e-4)
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[2:6]] == [DEV, "better*", TEST, "better*"]
    assert f"better is better than main on {DEV}" in lines
    assert f"{fmean(eers(rows['main'], DEV)):.2f} ± {stdev(eers(rows['main'], DEV)):.2f} (" in lines[2]
    assert lines[4].rstrip().endswith(")")  # nothing is compared on test


def test_a_difference_that_is_not_resolved_is_said(corpus, capsys):
    rows = {"main": row(corpus, "main", (1, 1)), "same": row(corpus, "same", (1.2, 1.2))}
    text, content, _ = made(capsys, rows)
    one = next(r["compared"] for r in content["rows"] if r["row"] == "same")
    assert content["chosen"] == "same" and one["lo"] <= 0 <= one["hi"] and content["resolved"] is False
    assert f"same cannot be told apart from main on {DEV}: the interval of the difference includes 0" in text


def test_of_equal_rows_the_first_is_chosen_and_their_difference_is_none(corpus, capsys):
    rows = {"main": row(corpus, "main", (1, 1)), "twin": row(corpus, "twin", (1, 1))}
    _, content, _ = made(capsys, rows)
    assert content["chosen"] == "main" and content["resolved"] is None
    one = content["rows"][1]["compared"]
    assert (one["difference"], one["lo"], one["hi"]) == (0, 0, 0)  # so seeds and speakers are drawn in pairs


def test_the_difference_is_paired_by_seeds(corpus):
    """Seeds that differ much, by as much in both rows, do not widen the interval."""
    rows = {name: [] for name in ("main", "other")}
    for seed, margin in ((1, 0.5), (2, 2.0), (3, 3.5)):
        rows["main"] += row(corpus, f"main{seed}", (margin, margin), seeds=(seed,))
        rows["other"] += row(corpus, f"other{seed}", (margin, margin), seeds=(seed,))
    one = compare_rows(rows, DEV).compared["other"]
    assert np.allclose((one.value, *one.interval), 0)


def test_one_row_and_one_seed(corpus, capsys):
    text, content, table = made(capsys, {"main": row(corpus, "main", (1, 1), seeds=(1,))})
    assert content["chosen"] == "main" and "±" not in text
    assert "seed 1 alone: another may turn the order round" in text
    assert table[0]["eer_sd"] == "" and content["rows"][0]["lists"][DEV]["eer"]["sd"] is None


def test_few_speakers_are_not_compared(corpus, capsys):
    write_data(corpus, n_speakers=4, lists=(DEV, TEST))
    rows = {"main": row(corpus, "main", (1, 1)), "better": row(corpus, "better", (4, 4))}
    text, content, _ = made(capsys, rows)
    assert content["chosen"] == "better" and content["resolved"] is False
    assert f"better cannot be told apart from main on {DEV}: intervals need 5 speakers" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--row", "a", "exp/an4/main-s1", "--choose-by", TEST],
            f"{TEST}: is no list of dev, and nothing is chosen on",
        ),
        (["--row", "a", "--choose-by", DEV], "--row a: no runs; expected their folders"),
        (["--row", "a", "exp/an4/main-s1", "--row", "a", "exp/an4/main-s2", "--choose-by", DEV], "--row: a name twice"),
        (
            ["--row", "a", "exp/an4/main-s1", "--row", "b", "exp/an4/main-s2", "--choose-by", DEV],
            "b: its seeds are 2, and those of a are 1; expected the same",
        ),
        (
            ["--row", "a", "exp/an4/main-s1", "--choose-by", "dev_trials_mic"],
            "no list 'dev_trials_mic'; expected one of",
        ),
    ],
)
def test_rows_that_cannot_be_compared_are_errors(corpus, caplog, words, message):
    row(corpus, "main", (1, 1))
    with pytest.raises(SystemExit) as raised:
        main(["grid", OUT, *words])
    assert raised.value.code == 1
    assert message in caplog.text
    assert not Path(OUT).exists()
