"""The config's section finetune, and the network that a fine-tuning starts from."""

import pytest
import yaml

from spkr.config import check_config
from spkr.errors import InputError
from tests.conftest import ROOT
from tests.unit.nnet.networks import preset

PRESETS = sorted((ROOT / "conf/finetune").glob("*.yaml"))


def check(**finetune):
    config = yaml.safe_load((ROOT / "conf/default.yaml").read_text())
    recipe = yaml.safe_load((ROOT / "recipes/an4/config.yaml").read_text())
    config |= {"recipe": "an4", "corpus": config["corpus"] | recipe["corpus"], "model": preset("quartznet3x1_small")}
    check_config(config | {"finetune": config["finetune"] | finetune}, ROOT / "conf/schema.yaml", [])


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_as_the_schema_says(path):
    check(preset=path.stem, **yaml.safe_load(path.read_text())["finetune"])


def test_without_a_preset_nothing_may_differ():
    check()
    for name, value in (("head", {"margin": 0.5}), ("train", {"epochs": 3})):
        with pytest.raises(InputError, match=rf"config: finetune\.{name}: .*\(finetune.preset is null\)"):
            check(**{name: value})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": {"epoch": 3}}, "finetune.train.epoch: no such key; did you mean epochs?"),
        ({"train": {"batches": {"crop": 6}}}, "finetune.train.batches.crop: 6 is not of type 'array'"),
        ({"train": {"init_from": "other.pt"}}, "finetune.train: 'init_from' should not be valid .*differs from train"),
        ({"train": {"preset": "small"}}, "finetune.train: 'preset' should not be valid .*differs from train"),
        ({"head": {"type": "am"}}, "finetune.head.type: no such key; expected one of margin, "),
        ({"preset": "no such file"}, "finetune.preset: 'no such file' "),
    ],
)
def test_what_has_no_place_in_it_is_named(changes, message):
    with pytest.raises(InputError, match=f"config: {message}"):
        check(**{"preset": "large_margin"} | changes)
