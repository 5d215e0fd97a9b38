"""The grid of networks and heads: which runs it has, and the table that it makes of those that ran."""

import grid
import pytest

from spkr.errors import InputError
from tests.made_up_results import write_results

NETWORK = "quartznet3x1_small-x4"
NOTE = "Abacus, 2 cores; seed{}; code 000000000000, recipe r."


def test_the_default_has_three_seeds_and_single_networks_differ_in_one_thing():
    rows = grid.all_rows("an4", whole=False)
    assert [(row.name, row.ensemble, row.seed, row.model) for row in rows[:3]] == [
        ("main", 4, 1, {}),
        ("seed2", 4, 2, {}),
        ("seed3", 4, 3, {}),
    ]
    heads = {row.head for row in rows[3:] if row.preset == "quartznet3x1_small"}
    assert heads == {"softmax", "am", "aam", "subcentre"}
    others = {row.preset: row for row in rows[3:] if row.preset != "quartznet3x1_small"}
    assert others.keys() >= {"tdnn", "ecapa512", "ecapa1024", "resnet34", "titanet_s", "campplus", "quartznet5x1"}
    assert len(rows) == 3 + len(heads) + len(others)
    for row in rows[3:]:
        assert (row.ensemble, row.seed, row.config["run"]) == (1, 1, row.name)
        assert row.model["ensemble"] == 1 and row.model["head"]["type"] == row.head
        assert row.model["head"].items() >= {"margin": 0.2, "scale": 30, "margin_growth": [0.0, 0.0]}.items()
    assert {row.head for name, row in others.items()} == {"aam"}
    whole = grid.all_rows("an4", whole=True)
    assert len(whole) == 3 + 4 * (1 + len(others)) and len({row.name for row in whole}) == len(whole)


def table(tmp_path, old=""):
    return grid.table(grid.all_rows("an4", whole=False), tmp_path, old, "r").splitlines()


def test_the_table_has_what_ran_and_the_mean_of_all_three_seeds(tmp_path):
    write_results(tmp_path / "main", 4.0, model=NETWORK)
    write_results(tmp_path / "seed2", 5.0, model=NETWORK, seed=2)
    write_results(tmp_path / "tdnn-aam", 6.5, interval=(None, None), day="2026-11-29")
    cells = " | ".join(["4.00 (1.0-9.0)"] * 3)
    assert table(tmp_path)[2:] == [
        f"| 4 | quartznet3x1_small | aam | 1 | plda | {cells} | 2026-11-28 |",
        f"| 4 | quartznet3x1_small | aam | 2 | plda | {cells.replace('4.00', '5.00')} | 2026-11-28 |",
        "| 1 | tdnn | aam | 1 | plda | 6.50 | 6.50 | 6.50 | 2026-11-29 |",
        "",
        f"Rows of 2026-11-28; {NOTE.format('s 1 2')}",
        "",
        f"Rows of 2026-11-29; {NOTE.format(' 1')}",
    ]
    write_results(tmp_path / "seed3", 4.5, model=NETWORK, seed=3, day="2026-11-30")
    lines = table(tmp_path)
    assert lines[5] == "| 4 | quartznet3x1_small | aam | mean | plda | **4.50** | **4.50** | **4.50** | 2026-11-30 |"
    assert lines[6].startswith("| 1 | tdnn ")


def test_rows_that_have_not_run_here_stay_with_their_date(tmp_path):
    write_results(tmp_path / "main", 4.0, model=NETWORK)
    write_results(tmp_path / "tdnn-aam", 6.5, day="2026-11-27")
    old = "\n".join(table(tmp_path))
    (tmp_path / "main/results/results.json").unlink()
    of_all = old.replace("| tdnn | aam |", "| tdnn | subcentre |")  # by --whole
    assert "| tdnn | subcentre | 1 | plda | 6.50 " in "\n".join(table(tmp_path, of_all))
    assert "\n".join(table(tmp_path, old)) == old
    for run in ("main", "tdnn-aam"):
        (tmp_path / run).rename(tmp_path / f"{run}-old")
    write_results(tmp_path / "main", 3.0, model=NETWORK, day="2026-11-29")
    lines = table(tmp_path, old)
    assert [(row.split(" | ")[5], row.split(" | ")[-1]) for row in lines[2:4]] == [
        ("3.00 (1.0-9.0)", "2026-11-29 |"),
        ("6.50 (1.0-9.0)", "2026-11-27 |"),
    ]
    assert lines[5::2] == [f"Rows of 2026-11-{day}; {NOTE.format(' 1')}" for day in (27, 29)]


def test_a_run_of_another_network_is_not_the_row_s(tmp_path):
    rows = {row.name: row for row in grid.all_rows("an4", whole=False)}
    write_results(tmp_path / "main", 4.0, model="quartznet3x1_small")
    assert grid.measured(rows["main"], tmp_path) is None
    assert grid.measured(rows["seed2"], tmp_path) is None


def test_the_table_goes_between_the_marks(tmp_path):
    rows, readme = grid.all_rows("an4", whole=False), tmp_path / "README.md"
    write_results(tmp_path / "main", 4.0, model=NETWORK)
    marks = "<!-- table: grid config=recipes/an4/config.yaml -->\n", "<!-- /table -->\nafter\n"
    readme.write_text("before\n" + "old\n".join(marks))
    grid.fill(readme, rows, tmp_path)
    before, _, rest = readme.read_text().partition(marks[0])
    content, _, after = rest.partition(marks[1])
    assert (before, after) == ("before\n", "") and content.startswith("| networks | preset |")
    assert "old" not in content
    readme.write_text("no marks\n")
    with pytest.raises(InputError, match="README.md: no marks <!-- table: grid"):
        grid.fill(readme, rows, tmp_path)
    assert readme.read_text() == "no marks\n"
