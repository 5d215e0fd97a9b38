"""Several recipes at once: `train.with` lists other recipes whose sets are trained on, too."""

import json
import re

import pytest
import yaml

from tests.conftest import ROOT
from tests.dag.dry_run import jobs

WITH_STANDIN = str(ROOT / "recipes/an4/with_standin.yaml")
STANDIN = str(ROOT / "recipes/himia/standin.yaml")
OTHER = {"recipe": "mini", "name": "second", "corpus": {"name": "second"}}


def file_of(path, **settings) -> str:
    path.write_text(yaml.safe_dump(settings, default_flow_style=True, width=1000))
    return str(path)


def commands(output: str, words: str) -> set[str]:
    """The commands of a dry run that have these words."""
    found = re.findall(r"^Shell command: (.*)$", output, re.M)
    return {command for command in found if re.search(words, command)}


def reads(output: str, message: str) -> set[str]:
    """The files that a job waits for, of a dry run: the job whose message begins like this."""
    return set(re.search(rf"Job \d+: {message}.*\nReason: .*: (.*)", output)[1].split(", "))


def test_another_recipe_is_made_by_its_own_rules_and_trained_on(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "-p", "--configfile", WITH_STANDIN)
    others = {"corpus": 3, "data": 1, "augment": 1, "feats": 2, "merge_feats": 1}
    found = jobs(output)
    assert found.items() >= {f"himia_standin_{rule}": n for rule, n in others.items()}.items()
    assert found.items() >= {"copy_data": 1, "copy_feats": 1, "train": 1, "embed": 3, "report": 1}.items()
    copy = "himia-standin/train_speed3"
    assert (
        f"--train train_speed3 {copy} --data train_speed3=exp/an4/data/train_speed3 {copy}=exp/an4/data/{copy}"
        in output
    )
    assert f" {copy}=exp/an4/feats/fbank80_utt/{copy} valid=exp/an4/feats/fbank80_utt/valid" in output
    for folder in ("data", "feats/fbank80_utt-b36d98"):
        copied = rf"data copy exp/himia-standin/{folder}/train_speed3 exp/an4/\S+/{copy} --prefix himia-standin-"
        assert len(commands(output, copied)) == 1
    arks = [f"exp/himia-standin/feats/fbank80_utt-b36d98/train_speed3/manifest.{i}.json" for i in (1, 2)]
    assert reads(output, "train: ").issuperset(arks)  # which change where an ark does


def test_what_another_recipe_has_made_alone_is_not_made_again(snakemake, tmp_path):
    both = snakemake(tmp_path, "-n", "-p", "--configfile", WITH_STANDIN)
    alone = snakemake(tmp_path, "-n", "-p", "--configfile", STANDIN)
    shared = r" exp/himia-standin/(data|feats)\b|exp/corpora/himia"
    theirs = {command for command in commands(both, shared) if not re.search(r"\.log (train|data copy) ", command)}
    assert len(theirs) == 3 + 1 + 1 + 2 + 1 and theirs <= commands(alone, shared)


def test_recordings_are_read_as_their_recipe_says_and_features_computed_as_ours(snakemake, tmp_path):
    ours = file_of(tmp_path / "ours.yaml", feats={"preset": "mfcc30"}, train={"augment": None})
    output = snakemake(tmp_path, "-n", "-p", "--configfile", WITH_STANDIN, ours)
    (theirs,) = {found for found in re.findall(r" feats exp/himia\S+ \S+ --options '(.*?)'", output)}
    (own,) = {found for found in re.findall(r" feats exp/an4/data/train \S+ --options '(.*?)'", output)}
    differing = {k for k, v in json.loads(theirs).items() if json.loads(own)[k] != v}
    assert differing == {"resample"} and json.loads(theirs)["resample"] == "down"
    assert "--train train himia-standin/train --data" in output
    assert "himia_standin_augment" not in jobs(output)


def test_all_sets_and_waveforms_of_other_recipes(snakemake, tmp_path):
    train = {"sets": ["train", "dev"], "waveforms": True}
    ours = file_of(tmp_path / "ours.yaml", train=train)
    output = snakemake(tmp_path, "-n", "-p", "--configfile", WITH_STANDIN, ours)
    for name in ("train_speed3", "dev_speed3"):
        for file in ("wav.scp", "reco2sum", "manifest.json"):
            assert f"exp/an4/data/himia-standin/{name}/{file}" in reads(output, "train: ")
        assert f"exp/himia-standin/data/{name}/utt2aug" in reads(output, f"copy_data: himia-standin/{name}")


def test_a_fine_tuning_may_be_on_fewer_recipes(snakemake, tmp_path):
    tuned = {"preset": "large_margin", "train": {"with": []}}
    output = snakemake(
        tmp_path, "-n", "-p", "--configfile", WITH_STANDIN, file_of(tmp_path / "ours.yaml", finetune=tuned)
    )
    first, second = re.findall(r"--train (.*?) --data", output)
    assert (first, second) == ("train_speed3 himia-standin/train_speed3", "train")


def test_three_recipes_and_a_path_from_the_working_directory(snakemake, tmp_path):
    file_of(tmp_path / "other.yaml", **OTHER)
    ours = file_of(tmp_path / "ours.yaml", train={"with": ["other.yaml", "mini"], "augment": None})
    output = snakemake(tmp_path, "-n", "-p", "--configfile", ours)
    assert jobs(output).items() >= {"mini_data": 1, "second_data": 1, "copy_data": 2, "copy_feats": 2}.items()
    assert " --train train second/train mini/train --data" in output
    assert "mini.py exp/corpora/second" in output and "mini.py exp/corpora/mini" in output


@pytest.mark.parametrize(
    ("ours", "other", "message"),
    [
        (
            {"with": ["himi"]},
            {},
            "ours.yaml:1: train.with: no such recipe 'himi' (a config file ends with .yaml); did you mean himia?",
        ),
        ({"with": ["nosuch.yaml"]}, {}, "ours.yaml:1: train.with: no such file 'nosuch.yaml' in "),
        ({"with": "mini"}, {}, "ours.yaml:1: train.with: 'mini'; expected a list"),
        ({"with": ["mini", "mini"]}, {}, "ours.yaml:1: train.with: ['mini', 'mini']; expected each once"),
        ({"with": ["an4"]}, {}, "ours.yaml:1: train.with: an4 is this recipe again: both are made in exp/an4; "),
        (
            {"with": ["mini", "other.yaml"]},
            {"name": None},
            "train.with: other.yaml is mini again: both are made in exp/mini; expected each once",
        ),
        (
            {"with": ["mini", "other.yaml"]},
            {"corpus": {"name": "mini"}},
            "train.with: other.yaml has the corpus of mini, mini: each of its speakers would count twice; ",
        ),
        (
            {"with": ["other.yaml"]},
            {"train": {"with": ["himia"]}},
            "train.with: other.yaml lists himia in train.with; list all recipes here, ",
        ),
        ({"with": ["other.yaml"]}, {"feats": {"num_mel_bin": 4}}, "other.yaml:1: feats.num_mel_bin: no such key; did"),
        (
            {"with": ["other.yaml"]},
            {"corpora": "."},
            "other.yaml:1: corpora: .; expected none, as the recipe has that ",
        ),
        (
            {"with": ["other.yaml"]},
            {"feats": {"sample_frequency": 44100, "high_freq": 0}},
            "train.with: the front end has 16000 Hz, and second reads recordings of 44100 Hz with feats.resample never;"
            " expected down or any there",
        ),
        (
            {"with": ["other.yaml"]},
            {"feats": {"sample_frequency": 8000, "resample": "down"}},
            "recordings of 8000 Hz with feats.resample down; expected any there",
        ),
        (
            {"with": ["other.yaml"]},
            {"augment": {"speed3": {"speeds": [1.0, 1.2]}}},
            "train.with: second has another augmentation speed3; expected the same, ",
        ),
    ],
)
def test_what_is_wrong_with_another_recipe_is_named_with_its_line(snakemake, tmp_path, ours, other, message):
    file_of(tmp_path / "other.yaml", **OTHER | other)
    mine = file_of(tmp_path / "ours.yaml", train=ours)
    assert message in snakemake(tmp_path, "-n", "--configfile", mine, ok=False)


def test_a_file_of_ones_own_in_the_place_of_another_recipes_output_is_an_error(snakemake, tmp_path):
    for place, stage in (
        ("exp/himia-standin/data/train/utt2spk", "himia_standin_data"),
        ("exp/an4/data/himia-standin/train_speed3/utt2spk", "copy_data"),
    ):
        own = tmp_path / place
        own.parent.mkdir(parents=True)
        own.write_text("a a\n")
        assert f"{place}: the stage {stage} writes this file" in snakemake(
            tmp_path, "-n", "--configfile", WITH_STANDIN, ok=False
        )
        own.unlink()


def test_a_model_that_is_replaced_since_another_recipes_data_is_made_in_another_way_is_named(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "-p", "--configfile", WITH_STANDIN)
    found, sets, dev_trials = re.search(
        r"--settings '(.*?)' --train (.*?) --data .* --dev-trials (\S+)", output
    ).groups()
    trained = {"settings": json.loads(found), "train": sets.split(), "dev_trials": dev_trials, "seed": 1}
    data = json.loads(re.search(r"himia.py \S+ \S+ --options '(.*?)'", output)[1])
    for folder, options in {
        "exp/an4/with_standin/model": trained,
        "exp/himia-standin/data": {"options": data | {"dev_utterances": 7}},
    }.items():
        (tmp_path / folder).mkdir(parents=True)
        content = {"made_by": {"stage": "", "options": options}, "files": {"final.pt": {"bytes": 0, "sha256": "0"}}}
        (tmp_path / folder / "manifest.json").write_text(json.dumps(content))
    (tmp_path / "exp/an4/with_standin/model/final.pt").touch()
    output = snakemake(tmp_path, "-n", "--configfile", WITH_STANDIN)
    assert "replaced: himia-standin: corpus.options.dev_utterances was 7 and is 20;" in output
    again = snakemake(tmp_path, "-n", "--configfile", WITH_STANDIN, "--config", "train={with: []}")
    assert f"replaced: sets was {trained['train']} and is ['train_speed3'];" in again


def test_the_network_scores_the_other_recipe_too(snakemake, tmp_path):
    model = tmp_path / "exp/an4/with_standin/model/final.pt"
    model.parent.mkdir(parents=True)
    model.touch()
    scored = ("--config", "model=exp/an4/with_standin/model/final.pt", "run=with_an4")
    found = jobs(snakemake(tmp_path, "-n", "--configfile", STANDIN, *scored))
    assert found["score"] == 27 and "train" not in found
    rescored = jobs(snakemake(tmp_path, "-n", "--configfile", WITH_STANDIN, *scored))
    assert not {"train", "copy_data", "himia_standin_data"} & rescored.keys()
