import pytest
import yaml
from snakemake.utils import update_config

from spkr.config import check_config
from spkr.errors import InputError
from spkr.nnet.model import ENCODERS, SpeakerNet
from tests.unit.nnet.networks import CONF, SMALL_OF, preset

RECIPES = sorted((CONF.parent / "recipes").glob("*/*.yaml"))
PRESETS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
HEADS = [
    {"type": "softmax"},
    {"type": "am", "margin": 0.2, "scale": 30},
    {"type": "aam", "margin": 0.2, "scale": 30, "margin_growth": [0.1, 0.3]},
    {"type": "subcentre", "margin": 0.2, "scale": 30, "centres": 3, "top_k": 5, "penalty": 0.06},
]


def check(model):
    """Check a recipe's config with this section `model`."""
    config = {}
    for file in (CONF / "default.yaml", CONF.parent / "recipes/an4/config.yaml"):
        for section, values in yaml.safe_load(file.read_text()).items():
            merge = isinstance(values, dict) and section in config
            config[section] = config[section] | values if merge else values
    check_config(config | {"model": model}, CONF / "schema.yaml", [])


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_whole_and_as_the_schema_says(name):
    check(preset(name) | {"preset": name})
    SpeakerNet(preset(name), 80, 2)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("head", HEADS, ids=lambda head: head["type"])
def test_the_schema_knows_the_options_of_each_network_and_head(kind, head):
    check(SMALL_OF[kind] | {"head": head})
    for missing in SMALL_OF[kind].keys() - {"type"}:
        with pytest.raises(InputError, match=f"config: model: '{missing}' is a required property"):
            check({k: v for k, v in SMALL_OF[kind].items() if k != missing})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "ecapa"}, r"config: model: 'kernels' is not one of \[.*\] \(options of ecapa\)"),
        ({"type": "ecapas"}, "config: model.type: 'ecapas' is not one of"),
        ({"filter": 3}, "config: model.filter: no such key; did you mean filters"),
        ({"head": {"type": "aam", "topk": 5}}, "config: model.head.topk: no such key; did you mean top_k"),
        ({"head": {"type": "aam", "margin_growth": [0.1]}}, "config: model.head.margin_growth: .* too short"),
    ],
)
def test_a_wrong_option_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        check(SMALL_OF["quartznet"] | changes)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_models_of_the_recipes_are_as_the_schema_says(recipe):
    changes = yaml.safe_load(recipe.read_text()).get("model", {})
    model = preset(changes.get("preset", "quartznet3x1"))
    update_config(model, changes)
    check(model)
