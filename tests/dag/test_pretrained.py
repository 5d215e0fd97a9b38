"""Networks that others trained, in a recipe."""

import json
import re

import pytest

from tests.conftest import ROOT
from tests.dag.dry_run import jobs

NETWORK = "exp/pretrained/campplus_200k.pt"


def test_a_pretrained_network_is_imported_and_none_is_trained(snakemake, tmp_path):
    output = snakemake(tmp_path, "-n", "-p", "--configfile", str(ROOT / "recipes/an4/pretrained.yaml"))
    found = jobs(output)
    assert found["pretrained"] == 1 and "train" not in found
    assert f""" pretrained {NETWORK} --entry '{{"file": "campplus_cn_en_common.pt", """ in output
    assert f" embed {NETWORK} " in output and f" --model {NETWORK} " in output
    assert "feats/of-exp-pretrained-campplus_200k-pt/test" in output


@pytest.mark.parametrize("more", [(), (str(ROOT / "recipes/himia/standin.yaml"),)])
def test_a_fine_tuning_starts_from_it(snakemake, tmp_path, more):
    name = "himia/standin_finetuned" if more else "an4/finetuned"
    output = snakemake(tmp_path, "-n", "-p", "--configfile", *more, str(ROOT / f"recipes/{name}.yaml"))
    assert jobs(output).items() >= {"pretrained": 1, "train": 1}.items()
    trained = json.loads(re.search(r"--settings '(.*?)' --train", output)[1])["train"]
    assert trained["init_from"] == NETWORK and trained["tuning"]["select"] == "dev"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model={pretrained: campplus}", "command line: model.pretrained: no such network 'campplus'; did you mean "),
        ("model={pretrained: campplus_200k, growth: 32}", "command line: model.pretrained: growth beside it; "),
        (
            "train={init_from: {pretrained: x}}",
            "command line: train.init_from.pretrained: no such network 'x'; expected",
        ),
        (
            "train={init_from: {pretrained: resnet34_lm}}",
            "command line: train.init_from: resnet34_lm has model.type resnet, and the config has quartznet; set "
            "model: {preset: resnet34 or resnet34_wespeaker}",
        ),
        ("models=/nowhere", "command line: models: no such folder '/nowhere'; expected the folder of trained networks"),
    ],
)
def test_a_network_that_is_not_known_is_named(snakemake, tmp_path, setting, message):
    assert message in snakemake(tmp_path, "-n", "--config", setting, ok=False)


def test_a_front_end_beside_a_trained_network_is_refused(snakemake, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("recipe: an4\nmodel: {pretrained: campplus_200k}\nfeats: {preset: mfcc30, shards: 1}\n")
    output = snakemake(tmp_path, "-n", "--configfile", str(mine), ok=False)
    assert f"mine.yaml:3: feats.preset: {NETWORK} brings its own front end; remove this" in output
    mine.write_text("recipe: an4\nfeats: {preset: mfcc30}\n")  # of a run that trains, which the command line overrides
    snakemake(tmp_path, "-n", "--configfile", str(mine), "--config", "model={pretrained: campplus_200k}")
