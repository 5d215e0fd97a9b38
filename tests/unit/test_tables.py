"""Tables of measured numbers: they are written from results, and known to be old once code or recipe have changed."""

import json
import re
from pathlib import Path

import pytest
import tables

from spkr.errors import InputError
from spkr.report.origin import origin
from tests.made_up_results import write_results

CONFIG = "config=recipes/an4/config.yaml"
CODE = "code 000000000000, recipe [0-9a-f]{12}"


@pytest.fixture
def filled(tmp_path):
    """Fill a README that has one table, with this mark; the lines between the marks."""

    def fill(words: str, content: str = "") -> list[str]:
        readme = tmp_path / "README.md"
        readme.write_text(f"before\n<!-- table: {words} -->\n{content}<!-- /table -->\nafter\n")
        tables.fill(readme, tmp_path)
        before, *lines, last, after = readme.read_text().splitlines()
        assert (before, lines.pop(0), last, after) == ("before", f"<!-- table: {words} -->", "<!-- /table -->", "after")
        return lines

    return fill


def test_a_run_by_list_and_back_end(tmp_path, filled):
    write_results(tmp_path / "exp/main", 4.0, interval=(None, None))
    lines = filled(f"results exp/main lists=trials_pairs {CONFIG}")
    assert lines[:6] == [
        "| trials | back-end | EER % (95 % interval) | minDCF 0.01 | minDCF 0.001 |",
        "|---|---|---|---|---|",
        "| `trials_pairs` | cosine | 5.00 | 0.5000 | 0.7500 |",
        "| `trials_pairs` | **plda** | **4.00** | 0.5000 | 0.7500 |",
        "",
        "Who is speaking? valid: 50.00 % of 4 right.",
    ]
    assert re.fullmatch(f"Measured on 2026-11-28; Abacus, 2 cores; seed 1; {CODE}\\.", lines[7]) and len(lines) == 8


def test_a_run_with_a_column_for_each_back_end(tmp_path, filled):
    write_results(tmp_path / "exp/main", 4.0)
    lines = filled(f"backends exp/main lists=trials_pairs,dev_trials_pairs {CONFIG}")
    assert lines[:4] == [
        "| trials | cosine | plda | minDCF 0.01, plda |",
        "|---|---|---|---|",
        "| `trials_pairs` | 5.00 (1.0-9.0) | **4.00** (1.0-9.0) | 0.5000 |",
        "| `dev_trials_pairs` | 5.00 (1.0-9.0) | **4.00** (1.0-9.0) | 0.5000 |",
    ]


def test_several_runs_and_their_mean(tmp_path, filled):
    for seed, eer in ((1, 4.0), (2, 5.0), (3, 7.5)):
        write_results(tmp_path / f"exp/seed{seed}", eer, seed=seed, day=f"2026-11-2{min(7 + seed, 9)}")
    runs = " ".join(f"'seed {seed}=exp/seed{seed}'" for seed in (1, 2, 3))
    lines = filled(f"runs {runs} mean primary lists=trials_pairs {CONFIG}")
    assert lines[:3] == [
        "| trials | back-end | seed 1 | seed 2 | seed 3 | mean |",
        "|---|---|---|---|---|---|",
        "| `trials_pairs` | plda | 4.00 (1.0-9.0) | 5.00 (1.0-9.0) | 7.50 (1.0-9.0) | 5.50 |",
    ]
    dates = "2026-11-28 and 2026-11-29"
    assert re.fullmatch(f"Measured on {dates}; Abacus, 2 cores; seeds 1 2 3; {CODE}\\.", lines[-1])
    every = filled(f"runs {runs} {CONFIG}")
    assert every[2].startswith("| `dev_trials_pairs` | cosine | 5.00 (1.0-9.0) |")
    assert every[3].startswith("| `dev_trials_pairs` | **plda** | **4.00** (1.0-9.0) |") and len(every) == 10


def test_a_table_stays_while_one_of_its_runs_is_missing(tmp_path, filled):
    write_results(tmp_path / "exp/main", 4.0)
    assert filled(f"runs a=exp/main b=exp/other {CONFIG}", "as it was\n") == ["as it was"]


def test_a_grid_has_a_row_for_each_of_its_rows_with_the_chosen_one_in_bold(tmp_path, filled):
    eers = {"main": [5.0, 6.0], "tdnn": [4.0, 4.5]}
    rows = []
    for name, values in eers.items():
        runs = {f"exp/an4/{name}-s{seed}": seed for seed in (1, 2)}
        for (run, seed), eer in zip(runs.items(), values, strict=True):
            write_results(tmp_path / run, eer, seed=seed)
        eer = {"mean": sum(values) / 2, "sd": 0.5, "lowest": min(values), "highest": max(values)}
        row = {"row": name, "chosen": name == "tdnn", "model": "m", "backend": "plda", "runs": runs, "compared": None}
        rows.append(row | {"lists": {"dev_trials_pairs": {"eer": eer}}})
    rows[1]["compared"] = {"difference": -1.25, "lo": -2, "hi": 0.5, "p": 0.1, "p_holm": 0.2}
    words = f"grid exp/an4/grid/main {CONFIG}"
    assert filled(words, "as it was\n") == ["as it was"]
    (tmp_path / "exp/an4/grid").mkdir()
    content = {"compared_with": "main", "rows": rows, "notes": ["chosen: the lowest", "tdnn cannot be told apart"]}
    (tmp_path / "exp/an4/grid/main.json").write_text(json.dumps(content))
    lines = filled(words)
    assert lines[:7] == [
        "| row | network | back-end | `dev_trials_pairs` | less main's | p |",
        "|---|---|---|---|---|---|",
        "| main | m | plda | 5.50 ± 0.50 (5.00-6.00) |  |  |",
        "| **tdnn** | m | plda | 4.25 ± 0.50 (4.00-4.50) | -1.25 (-2.00 to 0.50) | 0.2 |",
        "",
        "- bold: chosen: the lowest",
        "- tdnn cannot be told apart",
    ]
    assert re.fullmatch(f"Measured on 2026-11-28; Abacus, 2 cores; seeds 1 2; {CODE}\\.", lines[-1])


def test_results_that_do_not_fit_are_errors(tmp_path, filled):
    write_results(tmp_path / "exp/main", 4.0)
    write_results(tmp_path / "exp/few", 4.0, lists=["trials_pairs"])
    with pytest.raises(InputError, match="no results of the list trials_mic, only of dev_trials_pairs, trials_pairs"):
        filled(f"results exp/main lists=trials_mic {CONFIG}")
    with pytest.raises(InputError, match="not every run has results of dev_trials_pairs cosine"):
        filled(f"runs a=exp/main b=exp/few {CONFIG}")
    path = tmp_path / "exp/few/results/results.json"
    path.write_text(path.read_text().replace("made_by", "unmade_by"))
    with pytest.raises(InputError, match="results.json: does not say which code made it; run `snakemake -R report`"):
        filled(f"results exp/few {CONFIG}")


@pytest.mark.parametrize(
    "words",
    [
        f"result exp/main {CONFIG}",
        f"results exp/main exp/other {CONFIG}",
        f"runs mean {CONFIG}",
        f"grid {CONFIG}",
        f"grid exp/a exp/b {CONFIG}",
        "results exp/main",
    ],
)
def test_a_mark_that_says_something_else_is_an_error_with_its_line(filled, words):
    with pytest.raises(InputError, match=rf"README.md:2: table: {words}: expected results, backends, runs"):
        filled(words)


def test_a_table_is_old_once_code_or_recipe_have_changed(tmp_path, filled):
    write_results(tmp_path / "exp/main", 4.0, code=origin()["code"])
    words = f"results exp/main {CONFIG}"
    mark, content = tables.Mark.read(words), "\n".join(filled(words))
    assert tables.age(mark, content) == "current"
    assert tables.age(tables.Mark.read(f"{words},recipes/an4/large.yaml"), content) == "recipe changed since"
    assert tables.age(mark, content.replace(origin()["code"], "0" * 12)) == "code changed since"
    other_day = content.splitlines()[-1].replace(origin()["code"], "0" * 12)
    assert tables.age(mark, f"{content}\n\n{other_day}") == "code changed since"
    for unsaid in (
        "",
        "Measured on 2026-11-25; code not recorded.",
        f"{content}\nRows of 2026-11-25; code not recorded.",
    ):
        assert tables.age(mark, unsaid) == "does not say which code made it"


def test_the_recipe_is_its_values_presets_and_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROOT", tmp_path)

    def digest_with(file: str, text: str) -> str:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return tables.recipe_digest(("config.yaml",))

    (tmp_path / "local").mkdir()
    (tmp_path / "local/an4.py").write_text("SETS = 4\n")
    presets = {"conf/default.yaml": "seed: 1\n", "conf/feats/mfcc30.yaml": "feats: {num_ceps: 30}\n"}
    for name, text in presets.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    first = digest_with("config.yaml", "corpus: {script: local/an4.py}\nfeats: {preset: mfcc30}\n")
    for file, comment, change in (
        (
            "config.yaml",
            "feats: {preset: mfcc30}\ncorpus: {script: local/an4.py}  # AN4\n",
            "feats: {preset: mfcc30}\n",
        ),
        ("conf/default.yaml", "seed:  1\n", "seed: 2\n"),
        ("conf/feats/mfcc30.yaml", "feats: {num_ceps: 30}  # Kaldi's\n", "feats: {num_ceps: 20}\n"),
        ("local/an4.py", "SETS = 4  # test too\n", "SETS = 5\n"),
    ):
        old = (tmp_path / file).read_text()
        assert digest_with(file, comment) == first, file
        assert digest_with(file, change) != first, file
        assert digest_with(file, old) == first, file


def test_the_readmes_have_tables_whose_marks_are_right():
    readmes = [tables.ROOT / "README.md", *sorted(tables.ROOT.glob("recipes/*/README.md"))]
    found = {Path(readme).parent.name: [mark.kind for _, mark in tables.tables_of(readme)] for readme in readmes}
    assert "grid" in found["an4"] and len(found["an4"]) >= 3 and found["himia"] and found[tables.ROOT.name]
    for readme in readmes:
        for _, mark in tables.tables_of(readme):
            tables.recipe_digest(mark.config)
