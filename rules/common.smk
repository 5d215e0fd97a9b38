# What the rules share: names of sets and folders, and settings as a job's parameter.
import copy
import hashlib
import json
import re
import shlex

import yaml
from snakemake.utils import update_config

from spkr.errors import InputError


def code(*modules):
    """The modules that define a stage's numbers, as inputs: Snakemake does not see imports change."""
    return [os.path.relpath(ROOT / module) for module in modules]


NETWORK = [
    f"spkr/nnet/{module}.py"
    for module in (
        *("quartznet", "tdnn", "ecapa", "resnet", "titanet", "campplus"),
        *("conv", "layers", "pooling", "dropout", "heads", "ensemble", "model"),
    )
]


def as_json(value):
    """Settings as one word for the shell, the same for the same settings."""
    return json.dumps(value, sort_keys=True)


def as_options(settings):
    """Settings as options of a command, those that are null or false left out."""
    words = []
    for name, value in settings.items():
        if value is not None and value is not False:
            words.append("--" + name.replace("_", "-"))
            words += [] if value is True else value if isinstance(value, list) else [value]
    return shlex.join(as_json(word) if isinstance(word, dict) else str(word) for word in words)


def changed(section, changes):
    """A config section with some values changed."""
    options = copy.deepcopy(config[section])
    update_config(options, changes)
    return options


def settings(section, changes={}):
    """What of a config section its jobs compute with; the rest says which jobs there are."""
    wiring = {
        "preset",
        "shards",
        "sets",
        "augment",
        "dev_trials",
        "kinds",
        "primary",
        "from",
        "adapt_to",
        "adapt",
        "score",
    }
    return {k: v for k, v in changed(section, changes).items() if k not in wiring}


def growing(mem_mb):
    """Memory that a job asks for: more at each attempt, of which there is one where no profile says `retries`."""
    return lambda wildcards, attempt: mem_mb * min(attempt, 3)


def front_end_name():
    """The preset's name, with a hash of the values behind it where the user changed some."""
    preset = config["feats"]["preset"]
    values = {}
    for path in ("conf/default.yaml", f"conf/feats/{preset}.yaml"):
        with open(ROOT / path) as f:
            update_config(values, yaml.safe_load(f))
    changed = {k: v for k, v in config["feats"].items() if k != "preset" and v != values["feats"].get(k)}
    return f"{preset}-{hashlib.sha256(as_json(changed).encode()).hexdigest()[:6]}" if changed else preset


PRETRAINED = config["model"] if isinstance(config["model"], str) else None
FINETUNE = None if PRETRAINED or not config["finetune"]["preset"] else config["finetune"]
TRAINED = [f"{RUN}/model", f"{RUN}/finetuned"] if FINETUNE else [f"{RUN}/model"]  # the last one's network is taken
MODEL = PRETRAINED or f"{TRAINED[-1]}/final.pt"

# Features are shared by the runs of one front end; those for a trained network are named by its path.
FRONT_END = "of-" + re.sub(r"\W+", "-", PRETRAINED).strip("-") if PRETRAINED else front_end_name()
FEATS = f"{EXP}/feats/{FRONT_END}"


def learnt_from(section, changes={}):
    """The sets that a section learns from; augmented copies are a set of their own, `<set>_<augmentation>`."""
    options = changed(section, changes)
    name, sets = options["augment"], options["sets"]
    if name and name not in config["augment"]:
        raise InputError(
            f"config: {section}.augment: no {name!r} in the section augment: {', '.join(config['augment'])}"
        )
    return [f"{s}_{name}" for s in sets] if name else sets


TRAIN_SETS = learnt_from("train")
BACKEND_SETS = learnt_from("backend")

# The trial lists as results name them: trials_pairs of test, dev_trials_pairs of dev.
LISTS = {
    ("" if s == "test" else f"{s}_") + f"trials_{name}": (s, name)
    for s in ("test", "dev")
    for name, options in config["trials"].items()
    if s in options.get("sets", ("test", "dev"))
}
BACKENDS = config["backend"]["kinds"]


wildcard_constraints:
    set=r"[^/]+",
    clean="train|valid|dev|test",
    augment="|".join(config["augment"]),
    shard=r"\d+",
    list="|".join(LISTS),
    backend="|".join(BACKENDS),
