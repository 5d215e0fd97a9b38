"""Other recipes whose sets a network is trained on, too (`train.with`): their configs, and what is checked of them.

An entry is the name of a folder of recipes/, or a config file. Its config is read as if it ran alone. Only its corpus,
trial lists and name, and how its recordings are read, are used: all else is as in the recipe that names the entry.
Each error begins with `where`, the place that names the entry.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spkr.config.front_end_options import FrontEnd
from spkr.config.options import suggest
from spkr.config.schema import Config
from spkr.config.sources import read_source
from spkr.errors import InputError

FILES = (".yaml", ".yml", ".json")
OF_CORPUS = ("recipe", "name", "corpus", "trials")  # what the config of another recipe decides
OF_RECORDINGS = ("channel", "resample", "allow_pipes", "shards")  # the same, of the section feats


def recipes(root: Path) -> list[str]:
    """The recipes of recipes/."""
    return sorted(path.parent.name for path in root.glob("recipes/*/config.yaml"))


def entries(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each entry of a config, with the keys of its list before it."""
    for entry in config.train.others:
        yield ("train", "with"), entry
    if config.finetune.preset and not config.pretrained:
        for entry in config.tuned("final.pt")[0].others:
            yield ("finetune", "train", "with"), entry


def settings_of(entry: str, root: Path, where: str) -> tuple[dict[str, Any], list[Path]]:
    """The settings of an entry, and the config file that they come from, if any.

    Raises InputError if there is no such recipe or file.
    """
    if Path(entry).suffix not in FILES:
        if entry not in (known := recipes(root)):
            raise InputError(
                f"{where}no such recipe {entry!r} (a config file ends with .yaml); {suggest(entry, known)}"
            )
        return {"recipe": entry}, []
    for path in (Path(entry), root / entry):  # as --configfile; and of recipes/, wherever Snakemake is started
        if path.is_file():
            return read_source(path).settings, [path]
    raise InputError(f"{where}no such file {entry!r} in {Path.cwd()} or {root}; expected a config file, or a recipe")


def check_other(entry: str, other: Config, known: Mapping[str, Config], where: str) -> None:
    """Raise InputError if a recipe lists others, too, or has the folder or the corpus of a recipe that is known.

    Args: `known` are the configs of the recipe that names the entry, and of its other entries, by names for a reader.
    """
    for keys, inner in entries(other):
        raise InputError(
            f"{where}{entry} lists {inner} in {'.'.join(keys)}; list all recipes here, and a config file without that"
        )
    for name, config in known.items():
        if other.experiment == config.experiment:
            raise InputError(
                f"{where}{entry} is {name} again: both are made in exp/{config.experiment}; expected each once"
            )
        if other.corpus.name == config.corpus.name:
            raise InputError(
                f"{where}{entry} has the corpus of {name}, {config.corpus.name}: each of its speakers would count "
                "twice; expected another corpus"
            )


def on_corpus_of(other: Config, config: Config, where: str) -> Config:
    """A config on the corpus of another recipe, whose recordings are read as that recipe reads them.

    Raises InputError if the other recipe does not resample to this front end's rate, or if it has another augmentation
    of the same name as one that is trained on.
    """
    _check_rate(other.experiment, config.feats, other.feats, where)
    for name in filter(None, (config.train.augment, config.finetune.train.get("augment"))):
        if other.augment.get(name, config.augment[name]) != config.augment[name]:
            raise InputError(
                f"{where}{other.experiment} has another augmentation {name}; expected the same, as its copies would be "
                f"in the same folders, exp/{other.experiment}/data/<set>_{name}: give one of them another name"
            )
    theirs, ours = other.to_dict(), config.to_dict()
    changes = {key: theirs[key] for key in OF_CORPUS} | {"train": ours["train"] | {"with": []}, "finetune": {}}
    changes["feats"] = ours["feats"] | {key: theirs["feats"][key] for key in OF_RECORDINGS}
    return config.replace(**changes)


def _check_rate(name: str, ours: FrontEnd, theirs: FrontEnd, where: str) -> None:
    rate, known = ours.sample_frequency, theirs.sample_frequency
    if not {"never": rate == known, "down": rate <= known, "any": True}[theirs.resample]:
        expected = "down or any" if rate < known else "any"
        raise InputError(
            f"{where}the front end has {rate} Hz, and {name} reads recordings of {known} Hz with feats.resample "
            f"{theirs.resample}; expected {expected} there: set it in a config file, and list that file"
        )
