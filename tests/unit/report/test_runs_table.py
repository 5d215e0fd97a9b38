import csv
import io
import json
import re
import shutil
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
import yaml

from spkr.cli import main
from tests.unit.report.made_up_runs import DATA, DRAWS, write_data, write_run


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr("spkr.metrics.bootstrap.MOST", DRAWS)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """Six runs: three seeds of a network, two of a better one, and one of other settings, as good as the first."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr("spkr.metrics.bootstrap.MOST", DRAWS)
        write_data(root)
        for seed in (1, 2, 3):
            write_run(root, f"t_{seed}", {"plda": 1, "cosine": 0.5}, seed=seed)
        for seed in (4, 5):
            write_run(root, f"r_{seed}", {"plda": 4}, seed=seed, model="resnet_34")
        write_run(root, "s", {"plda": 1}, seed=6, config={"train": {"epochs": 3}})
    return root


@pytest.fixture
def corpus(made_once, tmp_path, monkeypatch):
    """A copy of these runs, in the working directory."""
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(capsys, *args):
    capsys.readouterr()
    main(["results", *args])
    return capsys.readouterr().out


def refused(caplog, *args):
    with pytest.raises(SystemExit) as end:
        main(["results", *args])
    assert end.value.code == 1
    return caplog.text


def in_csv(capsys, *args):
    return list(csv.DictReader(io.StringIO(printed(capsys, *args, "--format", "csv"))))


def measured(run, measure, backend="plda"):
    rows = json.loads(Path(f"exp/an4/{run}/results/results.json").read_text())["results"]
    return next(row[measure] for row in rows if row["backend"] == backend)


def change_results(run, **values):
    path = Path(f"exp/an4/{run}/results/results.json")
    rows = [row | values for row in json.loads(path.read_text())["results"]]
    path.write_text(json.dumps({"results": rows}))


def test_csv_has_a_row_for_each_run_and_seeds_as_mean_and_spread(corpus, capsys):
    r, s, t = in_csv(capsys, "exp/an4")
    assert [row["run"] for row in (r, s, t)] == ["r_4, r_5", "s", "t_1, t_2, t_3"]
    assert [(row["seed"], row["n_seeds"]) for row in (r, s, t)] == [("4, 5", "2"), ("6", "1"), ("1, 2, 3", "3")]
    for measure in ("eer", "mindcf_0.01"):
        of_seeds = [measured(f"t_{seed}", measure) for seed in (1, 2, 3)]
        assert float(t[measure]) == pytest.approx(fmean(of_seeds))
        assert float(t[f"{measure}_sd"]) == pytest.approx(stdev(of_seeds))
        assert (t[f"{measure}_lo"], t[f"{measure}_hi"], s[f"{measure}_sd"]) == ("", "", "")
        of_one = (s[measure], s[f"{measure}_lo"], s[f"{measure}_hi"])
        assert tuple(map(float, of_one)) == tuple(measured("s", f"{measure}{end}") for end in ("", "_lo", "_hi"))
        assert [row[f"{measure}_best"] for row in (r, s, t)] == ["yes", "no", "no"]
    assert s["n_speakers"] == "12" and s["trials_sha256"] == measured("s", "trials_sha256")


def test_nothing_is_best_that_does_not_survive_the_comparison(corpus, capsys):
    write_run(corpus, "r", {"plda": 4.05}, seed=7, model="resnet_18")
    text = printed(capsys, "exp/an4", "--measures", "eer")
    assert "*" not in text and "**" not in printed(capsys, "exp/an4", "--measures", "eer", "--format", "markdown")
    assert "the lowest cannot be told apart from another: trials_pairs EER %" in text
    assert "yes" not in {row["eer_best"] for row in in_csv(capsys, "exp/an4", "--measures", "eer")}


def test_text_marks_the_best_and_explains(corpus, capsys):
    text = printed(capsys, "exp/an4")
    values = [measured(f"r_{seed}", "eer") for seed in (4, 5)]
    assert f"{fmean(values):.2f} ± {stdev(values):.2f}*" in text
    low, high = (measured("s", f"eer_{end}") for end in ("lo", "hi"))
    assert f"{measured('s', 'eer'):.2f} ({low:.1f}-{high:.1f})  " in text
    assert "\n*: better than each other one in its column: p < 0.05" in text
    assert "\n±: mean and standard deviation over seeds\n" in text and "\n(): 95 % interval" in text
    few = "trials_pairs: 12 speakers; with fewer than 20, intervals are too narrow"
    assert few in text and few in printed(capsys, "exp/an4/s")


def test_markdown_is_a_table_with_the_best_in_bold(corpus, capsys):
    lines = printed(capsys, "exp/an4", "--format", "markdown").splitlines()
    assert lines[0].startswith(
        "| name | run | model | back-end | seed | trials_pairs EER % | trials_pairs minDCF 0.01 |"
    )
    assert {line.count("|") for line in lines[:5]} == {8} and lines[5] == ""
    assert re.search(r"\| \*\*\d+\.\d\d ± \d\.\d\d\*\* \| \*\*0\.\d{4} ± ", lines[2])
    assert "**" not in lines[3] + lines[4]


def test_latex_has_booktabs_and_escapes(corpus, capsys):
    text = printed(capsys, "exp/an4", "--format", "latex")
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("%"))
    assert [body.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert r"\multicolumn{2}{c}{trials\_pairs} \\" in body and r"\cmidrule(lr){6-7}" in body
    assert r"resnet\_34" in body and r"EER \%" in body and r" $\pm$ " in body and r"\textbf{" in body
    assert re.search(r"(?<!\\)[_%]", body) is None
    assert {line.count(" & ") for line in body.splitlines() if line.startswith("an4")} == {6}


def test_runs_are_joined_only_if_nothing_but_the_seed_differs(corpus, capsys):
    def joined():
        return {row["run"] for row in in_csv(capsys, "exp/an4")}

    config = Path("exp/an4/t_3/results/config.yaml")
    settings = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(settings | {"train": {"lr": 1}}))
    assert joined() == {"r_4, r_5", "s", "t_1, t_2", "t_3"}
    config.unlink()
    assert joined() == {"r_4, r_5", "s", "t_1, t_2", "t_3"}
    config.write_text(yaml.safe_dump(settings))
    change_results("t_3", front_end="mfcc30")
    assert joined() == {"r_4, r_5", "s", "t_1, t_2", "t_3"}
    change_results("t_3", front_end="fbank80", seed=2)  # as t_2: a copy is no further seed
    assert joined() == {"r_4, r_5", "s", "t_1", "t_2", "t_3"}


def test_seeds_that_vary_widen_the_comparison(corpus, capsys):
    write_run(corpus, "v_1", {"plda": 1.0}, seed=1, model="v")
    write_run(corpus, "v_2", {"plda": 5.0}, seed=2, model="v")
    rows = in_csv(capsys, "exp/an4/v_1", "exp/an4/v_2", "exp/an4/s", "--measures", "eer")
    assert float(rows[0]["eer"]) < 0.7 * float(rows[1]["eer"])
    assert {row["eer_best"] for row in rows} == {"no"}
    rows = in_csv(capsys, "exp/an4/v_2", "exp/an4/s", "--measures", "eer")
    assert [row["eer_best"] for row in rows] == ["yes", "no"]


def test_folders_without_results_are_skipped_with_a_note(corpus, capsys, caplog):
    caplog.set_level("INFO")
    (corpus / "exp/an4/log").mkdir()
    found = sorted(str(path) for path in Path("exp/an4").glob("*"))
    assert printed(capsys, *found) == printed(capsys, "exp/an4", "exp/an4/s")
    assert "skipped, as there is no results/results.json: exp/an4/data, exp/an4/log" in caplog.text
    assert "exp/an4/log: no results/results.json; expected runs" in refused(caplog, "exp/an4/log")
    assert "exp/an4/nosuch: no such folder" in refused(caplog, "exp/an4/nosuch")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "JSONDecodeError"),
        ('{"results": 3}', "TypeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError: 'results'"),
        ('{"results": []}', "no results of a primary back-end"),
        ('{"results": [{"trials": "x"}]}', "KeyError: 'name'"),
    ],
)
def test_a_broken_results_json_is_refused(corpus, caplog, text, message):
    Path("exp/an4/s/results/results.json").write_text(text)
    found = refused(caplog, "exp/an4")
    assert "exp/an4/s/results/results.json: " in found and message in found
    assert "run `snakemake -R report` again" in found


def test_runs_on_different_trials_are_refused_by_name(corpus, caplog):
    change_results("s", trials_sha256="0" * 64)
    assert (
        "trials_pairs is not the same list in exp/an4/r_4/results/results.json (sha256 "
        f"{measured('r_4', 'trials_sha256')[:12]}) and in exp/an4/s/results/results.json (000000000000)"
    ) in refused(caplog, "exp/an4")


def test_a_list_that_a_run_lacks_is_a_dash(corpus, capsys, caplog):
    write_data(corpus, lists=("trials_pairs", "trials_more"))
    write_run(corpus, "m", {"plda": 2}, lists=("trials_pairs", "trials_more"), seed=8, model="m")
    text = printed(capsys, "exp/an4/m", "exp/an4/s", "--trials", "trials_more")
    assert re.search(r"an4 +s +tdnn +plda +6 +- +-\n", text)
    assert "no run has a list 'trials_x'; expected one of trials_pairs" in refused(
        caplog, "exp/an4/s", "--trials", "trials_x"
    )


def test_scores_that_have_changed_are_refused(corpus, caplog):
    change_results("s", eer=1.0)
    found = refused(caplog, "exp/an4")
    assert "exp/an4/s/results/results.json: eer of trials_pairs by plda is 1.0, but exp/an4/s/scores/" in found


def test_runs_of_different_code_are_said(corpus, capsys):
    assert "different versions of the code" not in printed(capsys, "exp/an4/s", "exp/an4/t_1")
    path = Path("exp/an4/s/results/results.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"made_by": {"code": "0" * 12}}))
    assert "\nthe runs were made by different versions of the code" in printed(capsys, "exp/an4/s", "exp/an4/t_1")


def test_results_without_scores_are_a_table_without_bold(corpus, capsys):
    shutil.rmtree("exp/an4/s/scores")
    text = printed(capsys, "exp/an4")
    assert "trials_pairs: not compared, as exp/an4/s/scores/trials_pairs.plda is missing" in text
    assert "*:" not in text and f"{measured('s', 'eer'):.2f} (" in text


def test_another_back_end_and_other_measures_can_be_chosen(corpus, capsys, caplog):
    [row] = in_csv(capsys, "exp/an4/t_1", "--backend", "cosine", "--measures", "mincllr", "cllr")
    assert float(row["mincllr"]) == measured("t_1", "mincllr", "cosine") and row["cllr"] == ""
    assert "r_4/results/results.json: no back-end 'cosine'; expected one of plda" in refused(
        caplog, "exp/an4", "--backend", "cosine"
    )
    assert "no column mindcf_0.2; `spkr eval --priors` adds priors" in refused(
        caplog, "exp/an4/s", "--measures", "mindcf_0.2"
    )


def test_too_few_speakers_are_not_compared(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path, n_speakers=4)
    write_run(tmp_path, "a", {"plda": 0.5}, seed=1)
    write_run(tmp_path, "b", {"plda": 5}, seed=2, model="b")
    text = printed(capsys, "exp/an4")
    assert "trials_pairs: 4 speakers; 5 are needed for intervals and comparisons" in text
    assert "*" not in text and "nan" not in text and np.isfinite(measured("a", "eer"))
    assert (tmp_path / DATA).exists()
