# What a run says before its first job: will a model be replaced, and is anything tested on what it was trained on?
from datetime import datetime

from spkr.manifest import made_by

USED_SETS = dict.fromkeys(
    [
        *SETS,
        *([] if PRETRAINED else TRAIN_SETS),
        *BACKEND_SETS,
        *(TUNING_SETS if FINETUNE else []),
        *filter(None, [*COHORT, ADAPT_TO]),
    ]
)
VALUES = {
    "set": USED_SETS,
    "clean": SETS,
    "augment": settings.augment,
    "shard": range(1, max(SHARDS, EMBED_SHARDS, *(other.config.feats.shards for other in OTHERS.values())) + 1),
    "other": OTHERS,
    "list": LISTS,
    "backend": CALIBRATED_KINDS,
    "sounds": SOUNDS,
}


def flat(settings, above=""):
    """Nested settings as {section.key: value}."""
    found = {}
    for key, value in settings.items():
        found |= flat(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value}
    return found


def data_manifests(sets):
    """What training data is made with in this run: the manifest that its stage writes, and options, by their name."""
    made = {}
    for s in sets:
        other, _, own = s.rpartition("/")
        config, data, of = (
            (OTHERS[other].config, f"exp/{other}/data", f"{other}: ") if other else (settings, f"{EXP}/data", "")
        )
        made[f"{of}corpus.options"] = (Path(data, "manifest.json"), config.corpus.options)
        if name := own.partition("_")[2]:
            made[f"{of}augment.{name}"] = (Path(data, own, "manifest.json"), config.augment[name].to_dict())
    return made


def options_of_data(made):
    """The options of `data_manifests` by name: recorded ones, and those of this run."""
    then, now = {}, {}
    for name, (manifest, options) in made.items():
        recorded = made_by(manifest).get("options", {}).get("options")
        if recorded is not None:
            then |= flat({name: recorded})
            now |= flat({name: json.loads(as_json(options))})
    return then, now


def options_of_training(settings, sets, dev_trials, seed):
    """The options of a training by name."""
    return flat({**settings, "sets": list(sets), "dev_trials": Path(dev_trials).name, "seed": seed})


def why_replaced(rule, trained_at):
    """Why this run replaces the model of a rule, and the setting that keeps it; None if it does not, or has none."""
    recorded = made_by(Path(rule.params.out, "manifest.json")).get("options", {})
    try:
        then = options_of_training(*(recorded[key] for key in ("settings", "train", "dev_trials", "seed")))
    except (KeyError, TypeError):
        return None
    given = rule.params
    now = options_of_training(json.loads(given.settings), given.sets, rule.input.dev_trials, given.seed)
    made = data_manifests(given.sets)
    data_then, data_now = options_of_data(made)
    of_data = [name for name in {**data_now, **data_then} if data_now.get(name) != data_then.get(name)]
    changed = [name for name in now if now[name] != then.get(name)] + of_data
    key = "name" if of_data else "run"  # the runs of an experiment share its data
    if changed:
        name, more = changed[0], f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        then, now = then | data_then, now | data_now
        return f"{name} was {then.get(name)} and is {now.get(name)}{more}", key
    newer = [manifest for manifest, _ in made.values() if manifest.exists() and manifest.stat().st_mtime > trained_at]
    return (f"{newer[0].parent} was made again after it", key) if newer else None


def what_is_replaced():
    """A sentence about the model that is replaced, how old it is, and how to keep it; none without one."""
    for rule in [rules.train, *([rules.finetune] if FINETUNE else [])]:
        path = Path(rule.params.out, "final.pt")
        if not path.exists() or not (why := why_replaced(rule, path.stat().st_mtime)):
            continue
        reason, key = why
        tuned = f", and {RUN}/finetuned with it" if FINETUNE and rule is rules.train else ""
        kept = f"`--config {key}=NAME`, or `{key}: NAME` in a config,"
        kept = "another name in `grid.runs`" if MAKES == "run" and key == "run" else kept
        return [
            f"{path} of {datetime.fromtimestamp(path.stat().st_mtime):%Y-%m-%d %H:%M} is going to be replaced{tuned}: "
            f"{reason}; {kept} keeps it and trains another one beside it"
        ]
    return []


# With these Snakemake trains nothing, or the user decides what causes a rerun
SILENT = {
    "--rerun-triggers",
    "--unlock",
    "--summary",
    "--detailed-summary",
    "-D",
    "-S",
    "--until",
    "-U",
    "--lint",
    "--touch",
}


SENTENCES = []
if workflow.is_main_process:
    if not PRETRAINED and not SILENT.intersection(sys.argv):
        SENTENCES += what_is_replaced()
    if ADAPT_TO and ADAPT_TO.partition("_")[0] == "test":
        SENTENCES.append("backend.adapt_to is test: the adapted back-end has seen the speakers that it is tested on")
    sets = {"train.sets": settings.train.sets, "backend.sets": settings.backend.sets}
    for key, names in {**sets, **({"finetune.train.sets": TUNED_TRAIN.sets} if FINETUNE else {})}.items():
        if "test" in names:
            SENTENCES.append(f"{key} holds test: results on test mean nothing then")
        if "dev" in names and CALIBRATED and not (PRETRAINED and key == "train.sets"):
            SENTENCES.append(
                f"{key} holds dev, on which scores are calibrated: ratios are too sure then, and Cllr and actDCF too "
                "high; `calibration: {trials: null}` leaves calibration out"
            )
