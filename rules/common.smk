# What the rules share: names of sets and folders, and settings as a job's parameter.
import copy
import hashlib
import json
import re

import yaml
from snakemake.utils import update_config


def code(*modules):
    """The modules that define a stage's numbers, as inputs: Snakemake does not see imports change."""
    return [os.path.relpath(ROOT / module) for module in modules]


def settings(section, *without):
    """A config section as JSON, for a job's parameter, without its preset's name."""
    left_out = {"preset", *without}
    return json.dumps({k: v for k, v in config[section].items() if k not in left_out}, sort_keys=True)


def tag(section):
    """The preset's name, with a hash of the values behind it where the user changed some."""
    preset = config[section]["preset"]
    with open(ROOT / f"conf/{section}/{preset}.yaml") as f:
        values = copy.deepcopy(DEFAULTS)
        update_config(values, yaml.safe_load(f))
    changed = {k: v for k, v in config[section].items() if k != "preset" and v != values[section].get(k)}
    digest = hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:6]
    return f"{preset}-{digest}" if changed else preset


with open(ROOT / "conf/default.yaml") as f:
    DEFAULTS = yaml.safe_load(f)

PRETRAINED = config["model"] if isinstance(config["model"], str) else None
MODEL = PRETRAINED or f"{RUN}/model/final.pt"

# Features are shared by the runs of one front end; those for a trained network are named by its path.
FRONT_END = "of-" + re.sub(r"\W+", "-", PRETRAINED).strip("-") if PRETRAINED else tag("feats")
FEATS = f"{EXP}/feats/{FRONT_END}"

# Augmented copies are a set of their own, `<set>_<augment preset>`; only training sees them.
AUGMENTED = config["augment"]["speeds"] != [1.0] or config["augment"]["copies"] > 0
TRAIN_SETS = [f"{s}_{tag('augment')}" if AUGMENTED else s for s in config["train"]["sets"]]
BACKEND_SETS = config["backend"]["sets"]
EVALUATION_SETS = ["dev", "test"]

# The trial lists as results name them: trials_pairs of test, dev_trials_pairs of dev.
LISTS = {
    ("" if s == "test" else f"{s}_") + f"trials_{name}": (s, name) for s in ("test", "dev") for name in config["trials"]
}
BACKENDS = config["backend"]["kinds"]


wildcard_constraints:
    set=r"[^/]+",
    shard=r"\d+",
    list="|".join(LISTS),
    backend="|".join(BACKENDS),
