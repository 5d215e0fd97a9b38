# What the rules share: names of folders, sets and lists, and functions for the parameters of jobs.
import hashlib
import json
import re

from spkr.audio import EFFECTS
from spkr.backend import SCORERS
from spkr.backend.chain import parse_chain
from spkr.code import code_of
from spkr.config.backend_options import FUSION, KALDI, BackendOptions
from spkr.config.front_end_options import Reading
from spkr.config.pretrained import pretrained_networks, read_pretrained
from spkr.config.pretrained_options import FOLDER
from spkr.config.train_options import TrainOptions
from spkr.feats import FEATURES
from spkr.nnet import ENCODERS
from spkr.nnet.importers import ORIGINS

MAKES = config.get("makes", "all")  # of a module of rules/grid.smk: "run" or "feats"
EXP = f"exp/{settings.experiment}"
RUN = f"{EXP}/{settings.run}"


def as_json(value):
    """Settings as JSON. Equal settings give equal text."""
    return json.dumps(value, sort_keys=True)


def as_options(settings):
    """Settings as options of a command. False and null leave an option out; true makes it an option without a value."""
    words = []
    for name, value in settings.items():
        if value is not None and value is not False:
            words.append(f"--{name.replace('_', '-')}")
            words += [] if value is True else value if isinstance(value, list) else [value]
    return shlex.join(str(word) for word in words)


def code(*modules):
    """A digest of the code that a stage uses, as a parameter: if it changes, the stage reruns."""
    return code_of(*(module.partition(":")[0] for module in modules), root=ROOT)


def below_root(path):
    """The path of a file of this checkout, as a parameter. Moving the checkout does not cause a rerun."""
    return lambda wildcards, input: os.path.relpath(ROOT / path)


def growing(mem_mb):
    """Memory that a job asks for: more at each attempt, where a profile allows retries."""
    return lambda wildcards, attempt: mem_mb * min(attempt, 3)


def run_prefix(run):
    """What the names of a run's rules begin with in a grid: main_s1_train."""
    return f"{run.replace('-', '_')}_"


if resolved.runs and workflow.is_main_process:
    # What a profile says about `train` holds for the training of each run
    for kind in ("overwrite_resources", "overwrite_threads"):
        given = getattr(workflow.resource_settings, kind)
        of_runs = {run_prefix(run) + rule: value for run in resolved.runs for rule, value in given.items()}
        setattr(workflow.resource_settings, kind, of_runs | dict(given))


PRETRAINED = settings.pretrained
FINETUNE = not PRETRAINED and settings.finetune.preset is not None
TRAINED = [f"{RUN}/model", f"{RUN}/finetuned"] if FINETUNE else [f"{RUN}/model"]  # the last one computes embeddings
MODEL = PRETRAINED or f"{TRAINED[-1]}/final.pt"

# Runs with the same front end share features. Features for a pretrained network are named after its path.
FRONT_END = f"of-{re.sub('[^A-Za-z0-9_]+', '-', PRETRAINED).strip('-')}" if PRETRAINED else resolved.front_end_name
FEATS = f"{EXP}/feats/{FRONT_END}"

TRAIN_SETS = resolved.training_sets(settings.train)
BACKEND_SETS = settings.augmented(settings.backend.sets, settings.backend.augment)
LISTS = settings.lists()
KINDS = settings.backend.kinds
CHAINS = settings.backend.used_chains()  # by kind


wildcard_constraints:
    set=r"[^/]+",
    clean="train|valid|dev|test",
    augment="|".join(settings.augment),
    shard=r"\d+",
    list="|".join(LISTS),
    backend="|".join([*KINDS, FUSION]),
