"""The grid of networks and heads: which runs it has, and the table that it makes of those that ran."""

import grid
import pytest

HEADER = "trials\tmodel\tbackend\tprimary\teer\teer_lo\teer_hi\n"


def write_results(exp, row, eer, network, lo=1.0, hi=9.0):
    folder = exp / row / "results"
    folder.mkdir(parents=True)
    lines = [
        f"{name}\t{network}\t{backend}\t{primary}\t{eer + worse}\t{lo}\t{hi}\n"
        for name in grid.LISTS
        for backend, primary, worse in (("cosine", "no", 1), ("plda", "yes", 0))
    ]
    (folder / "results.tsv").write_text(HEADER + "".join(lines))


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


def test_the_table_has_what_ran_and_the_mean_of_all_three_seeds(tmp_path):
    rows = grid.all_rows("an4", whole=False)
    write_results(tmp_path, "main", 4.0, "quartznet3x1_small-x4")
    write_results(tmp_path, "seed2", 5.0, "quartznet3x1_small-x4")
    write_results(tmp_path, "tdnn-aam", 6.5, "tdnn", lo="nan", hi="nan")
    lines = grid.table(rows, tmp_path).splitlines()
    cells = " | ".join(["4.00 (1.0-9.0)"] * 3)
    assert lines[2] == f"| 4 | quartznet3x1_small | aam | 1 | plda | {cells} |"
    assert lines[4] == "| 1 | tdnn | aam | 1 | plda | 6.50 | 6.50 | 6.50 |"
    assert len(lines) == 5
    write_results(tmp_path, "seed3", 4.5, "quartznet3x1_small-x4")
    lines = grid.table(rows, tmp_path).splitlines()
    assert lines[5] == "| 4 | quartznet3x1_small | aam | mean | plda | **4.50** | **4.50** | **4.50** |"
    assert len(lines) == 7


def test_a_run_of_another_network_is_none_of_the_row(tmp_path):
    rows = {row.name: row for row in grid.all_rows("an4", whole=False)}
    write_results(tmp_path, "main", 4.0, "quartznet3x1_small")
    assert grid.measured(rows["main"], tmp_path) is None
    assert grid.measured(rows["seed2"], tmp_path) is None


def test_the_table_goes_between_the_marks(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- grid -->\nold\n<!-- /grid -->\nafter\n")
    grid.fill(readme, "new")
    assert readme.read_text() == "before\n<!-- grid -->\nnew\n<!-- /grid -->\nafter\n"
    readme.write_text("no marks\n")
    with pytest.raises(SystemExit, match="no lines <!-- grid -->"):
        grid.fill(readme, "new")
    assert readme.read_text() == "no marks\n"
