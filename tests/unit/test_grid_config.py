"""A grid's config: the runs that it makes, and what is wrong with one, named with file and line before any job."""

import pytest
import yaml

from spkr.config.grid_runs import shown_lists
from spkr.config.loading import read_config
from spkr.errors import InputError
from tests.conftest import ROOT

RUNS = {"main": {}, "softmax": {"model": {"head": {"type": "softmax"}}}}


def read(folder, **sections):
    """The config of AN4 with these sections, from a file with a key a line."""
    path = folder / "grid.yaml"
    path.write_text(yaml.safe_dump(sections, sort_keys=False, default_flow_style=False))
    return read_config(ROOT, sections, [path])


def test_each_run_is_the_usual_config_with_its_changes_its_name_and_its_seed(tmp_path):
    found = read(tmp_path, train={"epochs": 7}, grid={"seeds": [4, 2], "runs": RUNS})
    assert [*found.runs] == ["main-s4", "main-s2", "softmax-s4", "softmax-s2"]
    for name, run in found.runs.items():
        alone = read(tmp_path, train={"epochs": 7}, run=name, seed=int(name[-1]), **RUNS[name[:-3]])
        assert run.config.to_dict() == alone.config.to_dict()
        assert not run.runs and alone.config.train.epochs == 7
    assert found.runs["softmax-s2"].config.model.head.type == "softmax"
    assert "  epochs: 7" in found.runs["main-s4"].as_yaml(ROOT) and "grid:" not in found.runs["main-s4"].as_yaml(ROOT)
    head = next(line for line in found.runs["softmax-s2"].as_yaml(ROOT).splitlines() if "type: softmax" in line)
    assert head.endswith(f"# {tmp_path}/grid.yaml:12")


def test_a_row_is_stronger_than_the_file_and_the_command_line(tmp_path):
    given = {"train": {"epochs": 7}, "grid": {"seeds": [1], "runs": {"main": {}, "long": {"train": {"epochs": 9}}}}}
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    found = read_config(ROOT, given | {"train": {"epochs": 8}}, [path])
    assert [run.config.train.epochs for run in found.runs.values()] == [8, 9]
    assert found.runs["long-s1"].command_line == {"train": {"epochs": 8}}


def test_a_run_that_is_nothing_is_left_out(tmp_path):
    runs = RUNS | {"main": None, "am": {"model": {"head": {"type": "am"}}}}
    found = read(tmp_path, grid={"seeds": [1], "runs": runs})
    assert [*found.runs] == ["softmax-s1", "am-s1"]


def test_the_list_that_chooses_is_the_one_that_training_looks_at(tmp_path):
    found = read(tmp_path, grid={"runs": RUNS}).config
    assert shown_lists(found) == ["dev_trials_pairs", "trials_pairs", "trials_enrol3", "dev_trials_enrol3"]
    grid = {"runs": RUNS, "choose_by": "dev_trials_enrol3", "lists": ["trials_pairs"]}
    assert shown_lists(read(tmp_path, grid=grid).config) == ["dev_trials_enrol3", "trials_pairs"]


def test_another_type_of_head_drops_the_options_of_the_presets(tmp_path):
    aam = {"type": "aam", "margin": 0.3}
    assert read(tmp_path, model={"head": aam}).config.model.head.margin == 0.3
    assert read(tmp_path, model={"head": {"type": "am"}}).config.model.head.scale == 30
    for head in ({"type": "softmax", "margin": 0.2}, {"type": "softmaxx"}):
        with pytest.raises(InputError, match=r"grid.yaml:\d: model.head"):
            read(tmp_path, model={"head": head})


def grid(**changes):
    return {"grid": {"seeds": [1, 2], "runs": RUNS} | changes}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (grid(runs={}), r"grid.yaml:5: grid.runs: no runs; expected at least one"),
        (grid(runs={"a": None}), r"grid.yaml:5: grid.runs: no runs; expected at least one"),
        ({"grid": {"seeds": [1]}}, r"grid.yaml:1: grid.runs: no runs; expected at least one"),
        (grid(seeds=[]), r"grid.yaml:2: grid.seeds: \(?\[\]\)?; expected at least 1"),
        (grid(seeds=[1, 1]), r"grid.yaml:2: grid.seeds: \[1, 1\]; expected each once"),
        (grid(seeds=["one"]), r"grid.yaml:2: grid.seeds.0: 'one'; expected a whole number"),
        (grid(runs={"a-b": {}}), r"grid.yaml:\d: grid.runs.*: name 'a-b'; expected letters, digits and _ only"),
        (grid(runs={"a b": {}}), r"name 'a b'; expected letters, digits and _ only"),
        (grid(runs={7: {}}), r"name 7; expected letters, digits and _ only"),
        (grid(runs={"a": 3}), r"grid.yaml:6: grid.runs.a: 3; expected settings"),
        (grid(runs=["main"]), r"grid.yaml:5: grid.runs: \['main'\]; expected settings"),
        (grid(runs={"a": {"seed": 3}}), r"grid.yaml:7: seed: no run of a grid changes this: the grid sets it itself"),
        (grid(runs={"a": {"run": "b"}}), r"run: no run of a grid changes this: the grid sets it itself \(the run a of"),
        (
            grid(runs={"a": {"recipe": "mini"}}),
            r"grid.yaml:7: recipe: no run of a grid changes this: it is the same in",
        ),
        (grid(runs={"a": {"name": "b"}}), r"grid.yaml:7: name: no run of a grid changes this: it is the same in all"),
        (grid(runs={"a": {"corpus": {"options": {}}}}), r"grid.yaml:7: corpus: no run of a grid changes this"),
        (grid(runs={"a": {"trials": {"b": {}}}}), r"grid.yaml:7: trials: no run of a grid changes this"),
        (grid(runs={"a": {"augment": {}}}), r"grid.yaml:7: augment: no run of a grid changes this"),
        (grid(runs={"a": {"grid": {}}}), r"grid.yaml:7: grid: no run of a grid changes this"),
        (grid(runs={"a": {"train": {"with": ["mini"]}}}), r"grid.yaml:8: train.with: no run of a grid changes this"),
        (
            grid(runs={"a": {"model": {"filter": 3}}}),
            r"grid.yaml:8: model.filter: no such key; did you mean filters\? \(the run a of the grid\)",
        ),
        (
            grid(runs={"main": {}, "a": {"model": {"preset": "tdn"}}}),
            r"grid.yaml:9: model.preset: no such preset 'tdn'; did you mean tdnn\? \(the run a of the grid\)",
        ),
        (grid(runs={"a": {"sed": 3}}), r"grid.yaml:7: sed: no such key; did you mean seed\? \(the run a of the grid\)"),
        (
            grid(choose_by="dev_trials_pair"),
            r"grid.choose_by: 'dev_trials_pair' no such list of dev; did you mean dev_",
        ),
        (grid(choose_by="trials_pairs"), r"grid.choose_by: 'trials_pairs' is of test, and nothing is chosen on test; "),
        ({"seed": 7} | grid(), r"grid.yaml:1: seed: a grid sets it itself, by grid.seeds; leave it out"),
        ({"run": "large"} | grid(), r"grid.yaml:1: run: a grid sets it itself, by grid.runs; leave it out"),
        (
            grid(runs=RUNS | {"a": {"train": {"sets": ["train", "dev"]}}}),
            r"grid.yaml:13: train.sets: dev, and a list of dev is to choose a row; .* \(the run a-s1 of the grid\)",
        ),
        (
            grid(runs=RUNS | {"a": {"backend": {"sets": ["train", "dev"]}}}),
            r"backend.sets: dev, and a list of dev is to",
        ),
        (
            grid(runs={"a": {"backend": {"adapt_to": "dev_speed3", "kinds": ["plda", "plda_adapted"]}}}),
            r"backend.adapt_to: dev_speed3, and a list of dev",
        ),
        (grid(lists=["trials_mic"]), r"grid.lists: no such list 'trials_mic'; did you mean"),
        (grid(lists=["trials_pairs"] * 2), r"grid.lists: .*; expected each once"),
        (grid(seed=[1]), r"grid.yaml:\d+: grid.seed: no such key; did you mean seeds"),
        (grid(name="a/b"), r"grid.name: 'a/b'; expected letters, digits and"),
        (
            grid(runs=RUNS | {"copy": {"model": {"head": {"type": "softmax"}}}}),
            r"grid.yaml:11: grid.runs.copy: has the settings of softmax; expected other ones",
        ),
        (grid(runs={"a": {}, "b": {"train": {}}}), r"grid.yaml:7: grid.runs.b: has the settings of a; expected other"),
        (
            {"trials": {"pairs": None, "enrol3": None}} | grid(),
            r"no such trial list of dev 'pairs'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_line(tmp_path, sections, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, **sections)


def test_two_runs_of_one_name_are_an_error_with_both_lines(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text("grid:\n  runs:\n    main: {}\n    tdnn: {model: {preset: tdnn}}\n    main: {seed: 2}\n")
    with pytest.raises(InputError, match=r"grid.yaml:5: grid.runs.main: is set in line 3, too; keep one of them"):
        read_config(ROOT, yaml.safe_load(path.read_text()), [path])


def test_a_run_may_learn_from_another_of_the_grid_but_from_none_that_learns_from_it(tmp_path, monkeypatch):
    """Its model need not be there yet: a rule makes it."""
    monkeypatch.chdir(tmp_path)

    def of(run, **more):
        return {"train": {"teacher": f"exp/an4/{run}/model/final.pt"} | more}

    found = read(tmp_path, **grid(runs={"main": {}, "student": of("main-s1")}))
    assert found.runs["student-s2"].config.train.teacher == "exp/an4/main-s1/model/final.pt"
    wrong = {
        "exp/an4/main-s9/model/final.pt'.*; expected one that exists": {"main": {}, "student": of("main-s9")},
        "main-s1/model/final.pt is what this run writes, the run main-s1": {"main": of("main-s1")},
        "(a-s1 and b-s1|b-s1 and a-s1): each is trained with": {"a": of("b-s1"), "b": of("a-s1", epochs=9)},
    }
    for message, runs in wrong.items():
        with pytest.raises(InputError, match=message):
            read(tmp_path, **(grid(runs=runs) | {"grid": {"seeds": [1], "runs": runs}}))


@pytest.mark.parametrize("key", ["teacher", "init_from"])
def test_a_run_that_would_replace_what_it_learns_from_is_refused(tmp_path, monkeypatch, key):
    """However its path is written: Snakemake deletes the outputs of a job before it starts."""
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "exp/an4/main/model/final.pt"
    model.parent.mkdir(parents=True)
    model.touch()
    for path in ("exp/an4/main/model/final.pt", "./exp/an4/main/model/final.pt", str(model)):
        with pytest.raises(InputError, match=rf"grid.yaml:\d: train.{key}: .* is what this run writes, the run main; "):
            read(tmp_path, train={key: path})
        assert getattr(read(tmp_path, train={key: path}, run="student").config.train, key) == path
    assert read(tmp_path, model=str(model)).config.pretrained  # nothing is trained then


def test_a_number_that_is_none_is_of_the_file_that_sets_it(tmp_path):
    with pytest.raises(InputError, match=r"grid.yaml:2: train.lr: nan; expected a number"):
        read(tmp_path, train={"lr": float("nan")})


def test_waveforms_take_copies_at_other_speeds_only(tmp_path):
    voices = {"voices": {"speeds": [1.0], "formants": [0.9, 1.0]}, "rooms": {"copies": 1}}
    for name in voices:
        with pytest.raises(
            InputError, match=rf"train.augment: {name} changes more than the speed; expected speeds alone"
        ):
            read(tmp_path, augment=voices, train={"augment": name, "waveforms": True})
    with pytest.raises(InputError, match=r"train.accumulate: 3; expected equal parts of a batch of 64"):
        read(tmp_path, train={"accumulate": 3})


@pytest.mark.parametrize(
    ("files", "runs", "teachers"),
    [
        (["an4/grid"], 3 * 14, set()),
        (["an4/dev24", "an4/few_speakers"], 8, set()),
        (["an4/dev24", "an4/heads"], 3, set()),
        (["an4/dev24", "an4/coarse_frames"], 4, set()),
        (["an4/dev24", "an4/more_networks"], 2, set()),
        (["an4/dev24", "an4/four_networks"], 3, {"distilled-s1"}),
        (["himia/standin", "himia/standin_grid"], 5, {"distilled-s1"}),
    ],
)
def test_the_grids_of_the_recipes_can_be_read(tmp_path, monkeypatch, files, runs, teachers):
    teacher = tmp_path / "exp/himia-standin/main/model/final.pt"
    teacher.parent.mkdir(parents=True)
    teacher.touch()
    monkeypatch.chdir(tmp_path)
    found = read_config(ROOT, {}, [ROOT / f"recipes/{file}.yaml" for file in files])
    assert len(found.runs) == runs
    assert {name for name, run in found.runs.items() if run.config.train.teacher} == teachers
    if files == ["an4/grid"]:
        assert {"main-s1", "softmax-s3", "ecapa512-s2"} <= found.runs.keys()
