import re

import pytest
import yaml

from spkr.errors import InputError
from spkr.nnet import ENCODERS, network_options
from spkr.nnet.model import SpeakerNet
from tests.conftest import ROOT
from tests.unit.config_of_an4 import an4
from tests.unit.nnet.networks import CONF, SMALL_OF, preset

RECIPES = sorted((ROOT / "recipes").glob("*/*.yaml"))
PRESETS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
HEADS = [
    {"type": "softmax"},
    {"type": "am", "margin": 0.2, "scale": 30},
    {"type": "aam", "margin": 0.2, "scale": 30, "margin_growth": [0.1, 0.3]},
    {"type": "subcentre", "margin": 0.2, "scale": 30, "centres": 3, "top_k": 5, "penalty": 0.06},
]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_network(name):
    network_options(preset(name) | {"preset": name})
    SpeakerNet(network_options(preset(name)), 80, 2)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("head", HEADS, ids=lambda head: head["type"])
def test_each_network_takes_each_head_and_needs_all_of_its_options(kind, head):
    network_options(SMALL_OF[kind] | {"head": head})
    for missing in SMALL_OF[kind].keys() - {"type"}:
        with pytest.raises(InputError, match=f"model.{missing}: missing; expected a value"):
            network_options({k: v for k, v in SMALL_OF[kind].items() if k != missing})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "ecapa"}, "model.kernels: no such key; "),
        ({"type": "ecapas"}, "model: type 'ecapas'; expected quartznet, tdnn, ecapa, "),
        ({"filter": 3}, "model.filter: no such key; did you mean filters"),
        ({"kernels": [3, 4]}, "model.kernels: 4 is even; expected odd numbers of frames"),
        ({"head": {"type": "aam", "topk": 5}}, "model.head.topk: no such key; expected one of type, margin, "),
        ({"head": {"type": "aam", "margin_growth": [0.1]}}, "model.head.margin_growth.1: missing"),
    ],
)
def test_a_wrong_option_is_named(changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        network_options(SMALL_OF["quartznet"] | changes)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_networks_of_the_recipes_can_be_made(recipe, tmp_path):
    config = an4(tmp_path, model=yaml.safe_load(recipe.read_text()).get("model", {})).config
    assert config.pretrained or config.network.preset in PRESETS
