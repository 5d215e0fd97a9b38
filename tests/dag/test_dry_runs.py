"""Which jobs Snakemake would run, without running one."""

import json
import re
import time

import pytest

from tests.conftest import ROOT
from tests.dag.dry_run import config_file, jobs

STAGES = {
    "corpus": 1,
    "data": 1,
    "train": 1,
    "embed": 3,
    "backend": 1,
    "score": 12,
    "calibrate": 6,
    "apply_calibration": 6,
    "report": 1,
    "html": 1,
}


@pytest.mark.parametrize("recipe", ["an4", "mini"])
def test_a_recipe_runs_every_stage(snakemake, tmp_path, recipe):
    found = jobs(snakemake(tmp_path, "-n", "--config", f"recipe={recipe}"))
    assert found.items() >= STAGES.items()
    sets = {"an4": 4, "mini": 5}[recipe]  # valid, dev, test, train's copies; and train itself for mini's back-end
    assert found["feats"] == 2 * found["merge_feats"] == 2 * sets


def test_a_recipe_of_its_own_snakefile_is_the_same_graph(snakemake, tmp_path):
    by_config = snakemake(tmp_path, "-n", "--config", "recipe=mini")
    by_snakefile = snakemake(tmp_path, "-n", snakefile="recipes/mini/Snakefile")
    counts = jobs(by_snakefile)
    assert counts.pop("mini") == 1
    assert counts == {k: v for k, v in jobs(by_config).items() if k != "all"}
    assert "an4" not in jobs(snakemake(tmp_path, "-n"))  # the root's target is `all`


def test_the_standin_of_himia_is_himia_with_other_archives_and_folders(snakemake, tmp_path):
    standin = str(ROOT / "recipes/himia/standin.yaml")
    output = snakemake(tmp_path, "-n", "-p", "--configfile", standin)
    found = jobs(output)
    assert found.items() >= {"corpus": 3, "data": 1, "train": 1, "report": 1}.items()
    assert found["score"] == 3 * 9  # four lists of test, five of dev
    assert (
        "fetch himia-standin/test_v2.tar.gz exp/corpora/himia-standin/test --withdrawn himia-standin/test.tar.gz"
        in output
    )
    assert "--url" not in output
    (options,) = (json.loads(text) for text in re.findall(r"himia.py .* --options '(.*?)'", output))
    assert options.items() >= {"allow_partial": True, "dev_points": ["2", "5", "6"], "max_bad_share": 0.001}.items()
    assert "exp/himia-standin/main/results/results.tsv" in output
    assert " exp/himia/" not in output


def test_the_graph_of_a_million_files_is_small(snakemake, tmp_path):
    begun = time.monotonic()
    output = snakemake(tmp_path, "-n", "-p", snakefile="recipes/himia/Snakefile")
    assert time.monotonic() - begun < 30
    found = jobs(output)
    assert found["data"] == 1 and found["feats"] == 100 * found["merge_feats"]
    assert (
        "fetch himia/train.tar.gz exp/corpora/himia/train --url https://www.openslr.org/resources/85/train.tar.gz"
        in output
    )
    assert "allow_partial" not in output


def test_without_augmentation_the_clean_set_is_trained_on(snakemake, tmp_path):
    output = snakemake(
        tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, train={"augment": None}, backend={"augment": None})
    )
    assert "augment" not in jobs(output)
    assert re.search(r" train .*--train train --data", output)


def test_the_tutorials_configuration_names_its_own_front_end_and_run(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "-p", "--configfile", str(ROOT / "recipes/an4/nemo2020.yaml"))
    assert "feats exp/an4/data/train exp/an4/feats/nemo2020/train " in output
    assert "embed exp/an4/nemo2020/model/final.pt " in output


def test_results_name_how_many_networks_there_are(snakemake, tmp_path):
    assert " --model quartznet3x1_small-x4 " in snakemake(tmp_path, "-n", "-p")
    one = config_file(tmp_path, model={"preset": "tdnn", "ensemble": 1})
    assert " --model tdnn --" in snakemake(tmp_path, "-n", "-p", "--configfile", one)


def test_a_fine_tuning_starts_from_the_trained_network_with_a_wider_margin(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, finetune={"preset": "large_margin"}))
    assert jobs(output).items() >= {"train": 1, "finetune": 1}.items()
    first, second = (json.loads(found) for found in re.findall(r"--settings '(.*?)' --train", output))
    assert (first["train"]["init_from"], first["model"]["head"]["margin"]) == (None, 0.2)
    assert (second["train"]["init_from"], second["model"]["head"]["margin"]) == ("exp/an4/main/model/final.pt", 0.5)
    assert (second["train"]["batches"]["crop"], second["model"]["ensemble"]) == ([6, 6], 4)
    assert "exp/an4/main/finetuned/final.pt" in re.search(r" embed .*", output)[0]


def test_a_changed_front_end_has_a_folder_of_its_own(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "-p", "--configfile", config_file(tmp_path, feats={"num_mel_bins": 64}))
    assert re.search(r"feats exp/an4/data/test exp/an4/feats/fbank80_utt-[0-9a-f]{6}/test ", output)
    assert "exp/an4/feats/fbank80_utt/" not in output


def test_a_trained_network_trains_nothing(snakemake, tmp_path):
    (tmp_path / "final.pt").touch()
    output = snakemake(tmp_path, "-n", "-p", "--config", "recipe=mini", "model=final.pt")
    assert jobs(output).keys() >= {"feats", "embed", "backend", "score", "report"}
    assert not jobs(output).keys() & {"train", "augment"}
    assert re.search(r"spkr --log exp/mini/feats/of-final-pt/log/test\.1\.log feats .*--model final\.pt", output)


def test_folders_of_augmentations_that_are_not_used_are_not_looked_for(snakemake, tmp_path):
    loud = {"copies": ["noise"], "noise_folders": ["musan/noise"]}
    (tmp_path / "trained.pt").touch()
    unused = {"augment": {"loud": loud}, "train": {"augment": "loud"}, "model": str(tmp_path / "trained.pt")}
    snakemake(tmp_path, "-n", "--configfile", config_file(tmp_path, **unused))
    cohort = {"kinds": ["cosine_snorm"], "primary": "cosine_snorm", "score": {"cohort": "train_loud"}}
    used = config_file(tmp_path, augment={"loud": loud}, backend=cohort)
    assert "augment.loud.noise_folders: no such folder" in snakemake(tmp_path, "-n", "--configfile", used, ok=False)
    up = config_file(tmp_path, augment={"loud": loud | {"noise_folders": ["../x"]}}, backend={"augment": "loud"})
    assert re.search(
        r"config.yaml:\d+: augment.loud.noise_folders: ../x: expected the name",
        snakemake(tmp_path, "-n", "--configfile", up, ok=False),
    )


def test_folders_of_noise_are_looked_for_when_the_config_is_read(snakemake, tmp_path):
    used = {"train": {"augment": None}, "backend": {"augment": "loud"}}
    folders = {"copies": ["noise"], "noise_folders": ["musan/noise"]}
    mine = config_file(tmp_path, augment={"loud": folders}, **used)
    message = "augment.loud.noise_folders: no such folder 'musan/noise', nor an archive of it, under "
    assert message + "`corpora`" in snakemake(tmp_path, "-n", "--configfile", mine, ok=False)
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    place = {"SPKR_CORPORA": str(corpora)}
    assert message + f"{corpora};" in snakemake(tmp_path, "-n", "--configfile", mine, ok=False, **place)
    (corpora / "musan.tar.gz").touch()
    assert jobs(snakemake(tmp_path, "-n", "--configfile", mine, **place))["augment"] == 1
    (corpora / "musan.tar.gz").unlink()
    fallback = config_file(tmp_path, augment={"loud": folders | {"fallback": True}}, **used)
    assert jobs(snakemake(tmp_path, "-n", "--configfile", fallback))["augment"] == 1
    crops = {"waveforms": True, "on_the_fly": {"copies": 1, "rir_folders": ["/nowhere"]}}
    output = snakemake(tmp_path, "-n", "--configfile", config_file(tmp_path, train=crops), ok=False)
    assert "train.on_the_fly.rir_folders: no such folder '/nowhere', nor" in output


def test_training_on_waveforms_reads_what_it_is_declared_to_read(snakemake, tmp_path):
    config = {"waveforms": True, "on_the_fly": {"copies": 1, "noise_folders": ["musan/noise"]}}
    (tmp_path / "musan/noise").mkdir(parents=True)
    place = {"SPKR_CORPORA": str(tmp_path)}
    mine = config_file(tmp_path, train=config)
    output = snakemake(tmp_path, "-n", "-p", "--configfile", mine, **place)
    assert jobs(output)["sounds"] == 1
    sounds = re.search(r" --sounds exp/an4/data/(sounds.\w+.json) ", output)[1]
    table = snakemake(tmp_path, "-n", "--configfile", mine, "--workflow-profile", "none", **place)
    reason = re.search(r"Job \d+: train: .*\nReason: (.*)", table)[1]
    for name in (sounds, "train_speed3/wav.scp", "train_speed3/reco2sum", "train_speed3/utt2aug"):
        assert f"exp/an4/data/{name}" in reason, name


def test_training_on_test_is_said(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "--configfile", config_file(tmp_path, train={"sets": ["train", "test"]}))
    assert "train.sets holds test" in output
