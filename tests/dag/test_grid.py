"""A grid of settings and seeds: one graph, whose runs are those that each would be alone."""

import json
import re

import pytest
import yaml

from tests.conftest import ROOT
from tests.dag.dry_run import jobs

RUNS = {"main": {}, "softmax": {"model": {"head": {"type": "softmax"}}}, "mel": {"feats": {"num_mel_bins": 40}}}


def grid(folder, **changes) -> str:
    """A config file of the mini recipe with a grid of three rows and two seeds."""
    settings = {"recipe": "mini", "grid": {"seeds": [1, 2], "runs": RUNS}, "model": {"head": {"type": "aam"}}} | changes
    (folder / "grid.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return str(folder / "grid.yaml")


def commands(output: str) -> set[str]:
    """The commands of a dry run, less the words in which a page says how it was made."""
    return {re.sub(r" --command .*", "", found) for found in re.findall(r"^Shell command: (.*)$", output, re.M)}


def test_one_graph_shares_data_and_features_and_has_the_jobs_of_all_runs(snakemake, tmp_path):
    found = jobs(snakemake(tmp_path, "-n", "--configfile", grid(tmp_path)))
    alone = jobs(snakemake(tmp_path, "-n", "--config", "recipe=mini"))
    shared = ("corpus", "data", "augment", "feats", "merge_feats")
    assert {name: found[name] for name in shared} == {name: alone[name] for name in shared}
    for run in ("main_s1", "main_s2", "softmax_s1", "softmax_s2", "mel_s1", "mel_s2"):
        own = {name.removeprefix(f"{run}_"): n for name, n in found.items() if name.startswith(run)}
        expected = {name: n for name, n in alone.items() if name not in (*shared, "all")}
        if run == "mel_s1":
            expected |= {"feats": alone["feats"], "merge_feats": alone["merge_feats"]}
        assert own == expected
    assert found["grid"] == 1


@pytest.mark.parametrize("run", ["softmax-s2", "mel-s1"])
def test_a_run_of_a_grid_is_the_run_that_it_would_be_alone(snakemake, tmp_path, run):
    of_grid = commands(snakemake(tmp_path, "-n", "-p", "--configfile", grid(tmp_path)))
    changes = RUNS[run[:-3]]
    changes = {"model": {"head": {"type": "aam"}}} | changes
    settings = {"recipe": "mini", "run": run, "seed": int(run[-1])} | changes
    (tmp_path / "alone.yaml").write_text(yaml.safe_dump(settings))
    alone = commands(snakemake(tmp_path, "-n", "-p", "--configfile", str(tmp_path / "alone.yaml")))
    differing = [command for command in alone - of_grid if "results/config.yaml" not in command]  # which names the file
    assert not differing


def test_the_table_is_made_of_the_runs_by_the_list_that_the_training_looks_at(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "-p", "exp/mini/grid/heads.txt", "--configfile",
                       grid(tmp_path, grid={"name": "heads", "seeds": [3], "runs": RUNS}))  # fmt: skip
    (command,) = [found for found in commands(output) if " grid " in found]
    assert (
        "grid exp/mini/grid/heads.txt --row main exp/mini/main-s3 --row softmax exp/mini/softmax-s3 --row mel "
        "exp/mini/mel-s3 --choose-by dev_trials_pairs --trials trials_pairs trials_enrol3 dev_trials_enrol3"
    ) in command
    assert not [name for name in jobs(output) if name.endswith("_html")]


def test_one_run_can_be_made_and_redone_by_its_name(snakemake, tmp_path):
    file = grid(tmp_path)
    one = jobs(snakemake(tmp_path, "-n", "exp/mini/softmax-s2/results/results.tsv", "--configfile", file))
    assert one["softmax_s2_train"] == one["softmax_s2_report"] == 1
    assert not [name for name in one if name.startswith(("main_", "mel_"))] and "grid" not in one
    some = jobs(snakemake(tmp_path, "-n", "-R", "main_s1_train", "--until", "main_s1_train", "--configfile", file))
    assert some["main_s1_train"] == 1 and "main_s2_train" not in some
    message = "train: in a grid this stage is a rule of each run; expected mel_s2_train, or several: {main,softmax,mel}"
    assert message in snakemake(tmp_path, "-n", "-R", "train", "--configfile", file, ok=False)


def test_what_a_profile_says_about_a_stage_holds_for_each_run(snakemake, tmp_path):
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="needs the extra `cluster`")
    profile = ("--workflow-profile", str(ROOT / "profiles/slurm"), "--set-resources", "train:gpu=4", "feats:runtime=7")
    output = snakemake(tmp_path, "-n", "-p", *profile, "--configfile", grid(tmp_path))
    found = jobs(output)
    assert [found[f"{run}_s{seed}_train"] for run in RUNS for seed in (1, 2)] == [1] * 6
    assert len(re.findall(r"if \(\(4 > 1\)\); then export OMP", output)) == 6


def test_rooms_and_noise_are_found_once(snakemake, tmp_path):
    on_the_fly = {"copies": ["noise"], "noise_folders": ["noises"], "fallback": True}
    train = {"waveforms": True, "augment": None, "on_the_fly": on_the_fly}
    found = jobs(snakemake(tmp_path, "-n", "--configfile", grid(tmp_path, train=train)))
    assert found["sounds"] == 1 and found["main_s1_train"] == 1


def test_a_grid_of_networks_trained_on_two_recipes_makes_the_other_one_once(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "--configfile", grid(tmp_path, train={"with": ["himia"], "augment": None}))
    found = {name: n for name, n in jobs(output).items() if "himia" in name or "copy" in name}
    assert found.pop("himia_feats") == found.pop("mel_s1_himia_feats") > 1
    assert found == {
        **{"himia_corpus": 3, "himia_data": 1, "himia_merge_feats": 1, "mel_s1_himia_merge_feats": 1},
        **{"copy_data": 1, "copy_feats": 1, "mel_s1_copy_feats": 1},
    }


def test_a_pretrained_network_may_be_a_row(snakemake, tmp_path):
    runs = {"main": {}, "campplus": {"model": {"pretrained": "campplus_200k"}}}
    found = jobs(snakemake(tmp_path, "-n", "--configfile", grid(tmp_path, grid={"seeds": [1], "runs": runs})))
    assert found["pretrained"] == 1 and found["campplus_s1_feats"] > 1 and "campplus_s1_train" not in found


def test_features_of_one_network_with_two_readings_are_an_error(snakemake, tmp_path):
    pretrained = {"model": {"pretrained": "campplus_200k"}}
    runs = {"a": pretrained, "b": pretrained | {"feats": {"resample": "any"}}}
    output = snakemake(tmp_path, "-n", "--configfile", grid(tmp_path, grid={"runs": runs}), ok=False)
    assert "grid.runs.b: its features are in exp/mini/feats/of-" in output


def test_a_file_of_ones_own_and_a_model_that_is_replaced_are_said_before_the_first_job(snakemake, tmp_path):
    file = grid(tmp_path)
    output = snakemake(tmp_path, "-n", "-p", "--configfile", file)
    settings = json.loads(re.search(r"train exp/mini/main-s2/model .*?--settings '(.*?)'", output)[1])
    own = tmp_path / "exp/mini/main-s2/scores/trials_pairs.plda"
    own.parent.mkdir(parents=True)
    own.write_text("a b 1\n")
    assert "trials_pairs.plda: the stage main_s2_score writes this file" in snakemake(
        tmp_path, "-n", "--configfile", file, ok=False
    )
    own.unlink()
    model = tmp_path / "exp/mini/main-s2/model"
    model.mkdir(parents=True)
    (model / "final.pt").touch()
    made = {"settings": settings, "train": ["train_speed3"], "dev_trials": "trials_pairs", "seed": 5}
    entry = {"final.pt": {"bytes": 0, "sha256": "0"}}
    (model / "manifest.json").write_text(json.dumps({"made_by": {"stage": "", "options": made}, "files": entry}))
    output = snakemake(tmp_path, "-n", "--configfile", file)
    assert "main-s2/model/final.pt of " in output
    assert "replaced: seed was 5 and is 2; another name in `grid.runs` keeps it" in output


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runs": {}}, "grid.yaml:3: grid.runs: no runs; expected at least one"),
        ({"runs": {"a": {"seed": 2}}}, "grid.yaml:5: seed: no run of a grid changes this"),
        ({"runs": RUNS, "choose_by": "trials_pairs"}, "'trials_pairs' is of test, and nothing is chosen on test"),
    ],
)
def test_a_wrong_grid_is_an_error_before_any_job(snakemake, tmp_path, changes, message):
    assert message in snakemake(tmp_path, "-n", "--configfile", grid(tmp_path, grid=changes), ok=False)


def test_a_run_that_learns_from_another_is_trained_after_it(snakemake, tmp_path):
    runs = {"main": {}, "student": {"train": {"teacher": "exp/mini/main-s1/model/final.pt"}}}
    config = grid(tmp_path, grid={"seeds": [1], "runs": runs})
    assert {"main_s1_train", "student_s1_train"} <= jobs(
        snakemake(tmp_path, "-n", "student_s1_train", "--configfile", config)
    ).keys()
    assert "student_s1_train" not in jobs(snakemake(tmp_path, "-n", "main_s1_train", "--configfile", config))
