"""The config's section finetune, and the network that a fine-tuning starts from."""

import re

import pytest

from spkr.errors import InputError
from tests.conftest import ROOT
from tests.unit.config_of_an4 import an4

OTHER_FEATURES = ROOT / "conf/finetune/wavlm.yaml"  # its run is tests/e2e/test_wavlm.py
PRESETS = sorted(set((ROOT / "conf/finetune").glob("*.yaml")) - {OTHER_FEATURES})


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_fits(tmp_path, path):
    config = an4(tmp_path, finetune={"preset": path.stem}).config
    train, network = config.tuned("first.pt")
    assert train.init_from == "first.pt"
    assert network.replace(head=config.network.head.to_dict()) == config.network


def test_a_wider_margin_and_longer_crops(tmp_path):
    train, network = an4(tmp_path, finetune={"preset": "large_margin"}).config.tuned("first.pt")
    assert (train.batches.crop, train.batches.batch_size, train.augment) == ((6, 6), 64, None)
    assert (network.head.margin, network.head.scale, network.ensemble) == (0.5, 30, 4)


def test_without_a_preset_nothing_may_differ(tmp_path):
    for name, value in (("head", {"margin": 0.5}), ("train", {"epochs": 3})):
        with pytest.raises(InputError, match=r"mine.yaml:1: finetune.* changes without a preset"):
            an4(tmp_path, finetune={name: value})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": {"epoch": 3}}, "mine.yaml:3: finetune.train.epoch: no such key; did you mean epochs?"),
        ({"train": {"batches": {"crop": 6}}}, "mine.yaml:4: finetune.train.batches.crop: 6; expected a list"),
        ({"train": {"init_from": "other.pt"}}, "mine.yaml:3: finetune.train.init_from: cannot differ"),
        ({"train": {"preset": "small"}}, "mine.yaml:3: finetune.train.preset: cannot differ"),
        ({"train": {"min_lr": 9}}, "mine.yaml:3: finetune.train.min_lr: 9; expected at most lr, 0.0001"),
        ({"head": {"type": "am"}}, "mine.yaml:3: finetune.head.type: no such key; expected one of margin, "),
        ({"preset": "large_margins"}, "mine.yaml:2: finetune.preset: no such preset"),
    ],
)
def test_what_has_no_place_in_it_is_named(tmp_path, changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        an4(tmp_path, finetune=changes | {"preset": changes.get("preset", "large_margin")})


def test_a_softmax_has_no_margin_to_change(tmp_path):
    with pytest.raises(InputError, match="finetune.head.*: model.head.type softmax has no margin"):
        an4(tmp_path, model={"preset": "tdnn"}, finetune={"preset": "large_margin"})
