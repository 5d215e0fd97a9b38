"""A config from its sources: defaults, presets, recipe, user's files, command line. Each overrides the one before it.

Every error names the key, the file and line that set it, or the command line, and what was expected.
"""

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from spkr.config.augment_options import AUGMENTATIONS
from spkr.config.front_end_options import Reading
from spkr.config.grid_runs import changes, check_differ, check_grid, check_order, check_unheard, runs_of
from spkr.config.names import check_names
from spkr.config.options import first_error, suggest
from spkr.config.others import check_other, entries, on_corpus_of, recipes, settings_of
from spkr.config.pretrained import with_networks
from spkr.config.schema import PRESETS, Config, merged, with_head_of_last_type
from spkr.config.sources import Source, place, read_source, rest, typed
from spkr.config.train_options import Train
from spkr.config.wavlm_checks import check_wavlm
from spkr.errors import InputError
from spkr.feats import make_front_end

COMMAND_LINE = "command line"
RENAMED_PRESETS = {"seed": "nemo2020", "seed_himia": "nemo2020_himia"}  # old name -> new name


@dataclass(frozen=True)
class Resolved:
    """A config, and where it comes from."""

    config: Config
    sources: list[Source]  # weakest first
    front_end_name: str  # the preset's name, with a hash of the values that differ from it
    corpora: str | None  # the folder of archives: what the user set, else SPKR_CORPORA, else what the recipe has
    models: str | None  # the folder of trained networks, likewise, with SPKR_MODELS
    others: dict[str, "Resolved"] = field(default_factory=dict)  # by entry of train.with: this config on its corpus
    runs: dict[str, "Resolved"] = field(default_factory=dict)  # by name: those of the grid

    @property
    def command_line(self) -> dict[str, Any]:
        """What the command line sets."""
        return next(source.settings for source in self.sources if source.name == COMMAND_LINE)

    def where(self) -> dict[str, str]:
        """The file and line, or the command line, of each key that is not a default."""
        found = {}
        for source in self.sources:
            for key in _leaves(source.settings):
                found[".".join(key)] = source.place(key)
        return found

    def training_sets(self, train: Train) -> list[str]:
        """The sets that a section `train` trains on; those of another recipe are `<its name>/<set>`."""
        own = self.config.augmented(train.sets, train.augment)
        others = [self.others[entry].config.experiment for entry in train.others]
        return own + [f"{other}/{name}" for other in others for name in own]

    def as_yaml(self, root: str | Path) -> str:
        """The whole config as a YAML file, which says where each key that is not a default was set.

        Files below `root` are named from there, so that the text does not depend on where the code lies.
        """
        places = {key: found.removeprefix(f"{root}/") for key, found in self.where().items()}
        head = "# The config of this run. Behind a key stands the file and line that set it; the others are defaults."
        return "\n".join([head, *_yaml_lines(self.config.to_dict(), places)])


def _yaml_lines(settings: dict[str, Any], places: dict[str, str], above: tuple[str, ...] = ()) -> list[str]:
    lines = []
    for key, value in settings.items():
        path = (*above, str(key))
        pad, name = "  " * len(above), yaml.safe_dump(key).split("\n")[0]
        if isinstance(value, dict) and value:
            lines += [f"{pad}{name}:", *_yaml_lines(value, places, path)]
        else:
            text = yaml.safe_dump(value, default_flow_style=True, width=math.inf).split("\n")[0]
            place = places.get(".".join(path))
            lines.append(f"{pad}{name}: {text}" + (f"  # {place}" if place else ""))
    return lines


def _leaves(settings: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(settings, dict) or not settings:
        return [above]
    return [leaf for key, value in settings.items() for leaf in _leaves(value, (*above, str(key)))]


def read_config(root: str | Path, given: dict[str, Any], files: Sequence[str | Path] = ()) -> Resolved:
    """Read and check a config.

    Args:
        root: folder of recipes/ and conf/.
        given: what the user set, merged: the files and the command line.
        files: the files that `given` comes from, the strongest last; what they do not set comes from the command line.
    Raises InputError for an unknown key, a value out of range, or a name of something that does not exist.
    """
    resolved = _with_others(_read_one(Path(root), given, files), Path(root))
    check_grid(resolved.config, resolved.sources)
    for run, entry, seed in runs_of(resolved.config.grid):
        try:
            own = [*changes(entry, resolved.sources, Path(root)), Source("grid", {"seed": seed, "run": run})]
            resolved.runs[run] = _with_others(_read_one(Path(root), given, files, own), Path(root))
        except InputError as e:
            raise InputError(f"{e} (the run {entry} of the grid)") from None
    first = {entry: resolved.runs[run].config for run, entry, _ in reversed([*runs_of(resolved.config.grid)])}
    check_differ(dict(reversed(first.items())), resolved.sources)
    for run, one in resolved.runs.items():
        check_unheard(run, one.config, one.sources)
    check_order({run: one.config for run, one in resolved.runs.items()}, resolved.sources)
    return resolved


def _with_others(resolved: Resolved, root: Path) -> Resolved:
    """The same, with the configs of the other recipes that it names."""
    for keys, entry in entries(resolved.config):
        if entry not in resolved.others:
            resolved.others[entry] = _read_other(entry, root, resolved, place(keys, resolved.sources))
    return resolved


def _read_other(entry: str, root: Path, main: Resolved, where: str) -> Resolved:
    """A config on the corpus of another recipe; `where` is the place that names the recipe."""
    given, files = settings_of(entry, root, where)
    other = _read_one(root, ({"corpora": main.corpora} if main.corpora else {}) | given, files)
    if other.corpora != main.corpora:
        raise InputError(
            f"{place(['corpora'], other.sources)}{other.corpora}; expected {main.corpora or 'none'}, as the recipe "
            f"has that trains on this one, too; set one folder, with --config corpora=DIR or SPKR_CORPORA"
        )
    check_other(
        entry, other.config, {"this recipe": main.config} | {k: o.config for k, o in main.others.items()}, where
    )
    config = on_corpus_of(other.config, main.config, where)
    return replace(other, config=config, front_end_name=_front_end_name(config, root))


def _read_one(root: Path, given: dict[str, Any], files: Sequence[str | Path], run: Sequence[Source] = ()) -> Resolved:
    """Read a config as `read_config` does, without the other recipes that it names; `run` is of a grid's run."""
    user = [with_networks(read_source(path), root) for path in files]
    plain = merged(*(read_source(path).settings for path in files))
    user.append(with_networks(Source(COMMAND_LINE, typed(rest(given, plain))), root))
    user += run
    recipe = _recipe(root, merged(*(source.settings for source in user)).get("recipe", "an4"), user)
    sources = [*_presets(root, [recipe, *user]), recipe, *user]
    settings = merged({"augment": AUGMENTATIONS}, *with_head_of_last_type([source.settings for source in sources]))
    try:
        config = Config.model_validate(settings)
    except ValidationError as e:
        path, message = first_error(e, settings)
        raise InputError(f"{place(path, sources)}{message}") from None
    _check_tuned(config, settings, sources)
    _check_front_end(config, sources)
    own = merged(*(source.settings for source in user))
    corpora, models = (
        own.get(name) or os.environ.get(variable) or getattr(config, name)
        for name, variable in (("corpora", "SPKR_CORPORA"), ("models", "SPKR_MODELS"))
    )
    check_names(config, root, corpora, lambda *path: place(path, sources))
    check_wavlm(config, models, lambda *path: place(path, sources))
    return Resolved(config, sources, _front_end_name(config, root), corpora, models)


def _front_end_name(config: Config, root: Path) -> str:
    preset, own = config.feats.preset, config.feats.to_dict()
    of_preset = make_front_end(read_source(root / f"conf/feats/{preset}.yaml").settings["feats"]).to_dict()
    changed = {k: v for k, v in own.items() if k != "preset" and v != of_preset.get(k)}
    return (
        f"{preset}-{hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:6]}"
        if changed
        else preset
    )


def _recipe(root: Path, name: Any, user: list[Source]) -> Source:
    known = recipes(root)
    if name not in known:
        raise InputError(f"{place(['recipe'], user)}no such recipe {name!r}; {suggest(str(name), known)}")
    return with_networks(read_source(root / "recipes" / name / "config.yaml"), root)


def _presets(root: Path, sources: list[Source]) -> list[Source]:
    """The presets that the sources name, or that are the defaults."""
    settings, found = merged(*(source.settings for source in sources)), []
    for section, default in PRESETS.items():
        value = settings.get(section, {})
        name = value.get("preset", default) if isinstance(value, dict) else None
        if isinstance(value, dict) and name is None and default is not None:
            raise InputError(f"{place([section, 'preset'], sources)}nothing; expected the name of a preset")
        if name is None:
            continue
        known = sorted(path.stem for path in (root / "conf" / section).glob("*.yaml"))
        if name not in known:
            where = place([section, "preset"], sources)
            today = RENAMED_PRESETS.get(name)
            advice = f"it is {today} now" if today in known else suggest(str(name), known)
            raise InputError(f"{where}no such preset {name!r}; {advice}")
        preset = read_source(root / f"conf/{section}/{name}.yaml")
        if other := sorted(preset.settings.keys() - {section}):
            raise InputError(
                f"{preset.place((other[0],))}: {other[0]}: expected the section {section} alone in a preset"
            )
        found += [Source("preset", {section: {"preset": name}}), preset]
    return found


def _check_front_end(config: Config, sources: list[Source]) -> None:
    """Raise InputError if a source that names a trained network, or a later one, sets a front end, too."""
    naming = [i for i, source in enumerate(sources) if isinstance(source.settings.get("model"), str)]
    for source in sources[naming[-1] :] if config.pretrained else ():
        feats = source.settings.get("feats")
        if own := [key for key in feats or {} if key not in Reading.model_fields]:
            raise InputError(
                f"{source.place(('feats', own[0]))}: feats.{own[0]}: {config.pretrained} brings its own front end; "
                "remove this, or train a network"
            )


def _check_tuned(config: Config, settings: dict, sources: list[Source]) -> None:
    """Raise InputError if the changes of a fine-tuning are not valid."""
    if config.pretrained or not config.finetune.preset:
        return
    try:
        config.tuned(f"exp/{config.experiment}/{config.run}/model/final.pt")
    except ValidationError as e:
        path, message = first_error(e, merged(settings["train"], config.finetune.train))
        raise InputError(f"{place(['finetune', 'train', *path], sources)}{message}") from None
    except InputError as e:
        raise InputError(f"{place(['finetune', 'head'], sources)}{e}") from None
