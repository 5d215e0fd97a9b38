"""Checks that everything a config names exists or is made by a rule: paths, sets, trial lists and augmentations."""

import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import get_args

from spkr.audio.augment_sounds import REMEDY, locate_folder, no_folder
from spkr.config.augment_options import Augmentation
from spkr.config.calibration_options import AUTO
from spkr.config.grid_runs import runs_of
from spkr.config.options import Options, SetName, read_options, suggest
from spkr.config.pretrained import pretrained_networks, read_pretrained
from spkr.config.pretrained_options import model_file
from spkr.config.schema import Config
from spkr.config.sources import read_source
from spkr.errors import InputError

UNPACKED = "exp/corpora"  # where archives are unpacked

Place = Callable[..., str]  # from the keys of a value to `file:line: section.key: `


def check_names(config: Config, root: Path, corpora: str | None, place: Place) -> None:
    """Raise InputError for the first name of something that does not exist.

    Args: root is the folder of the Snakefile, corpora that of archives; other paths are relative to the working
    directory.
    """
    _check_corpus(config, root, place)
    _check_start(config, root, place)
    for path, value in _augmentations(config):
        _known(value, config.augment, "augmentation", place(*path))
    for path, value in _dev_lists(config):
        _known(value, [name for name, o in config.trials.items() if "dev" in o.sets], "trial list of dev", place(*path))
    for path, value in _sets(config):
        sets = [*get_args(SetName), *(f"{s}_{a}" for s in get_args(SetName) for a in config.augment)]
        _known(value, sets, "set", place(*path))
    for path, name in _used_sets(config):
        if name.partition("_")[0] not in (there := config.sets(root)):
            has = f"{config.corpus.data} has {', '.join(there) or 'none'}"
            raise InputError(
                f"{place(*path)}the set {name} is needed, and {has}; add the folder {name}, or change this"
            )
    for path, made in _used_augmentations(config):
        _check_folders(made, corpora, lambda key, path=path: place(*path, key))
    _check_waveforms(config, place)
    _check_files(config, root, place)
    _check_backends(config, place)


def _check_waveforms(config: Config, place: Place) -> None:
    """Raise InputError if a training on waveforms is to use copies that it would refuse."""
    for path, train in config.trainings():
        made = config.augment.get(train.augment or "", Augmentation())
        if train.waveforms and (made.copies or made.formants != (1,)):
            raise InputError(
                f"{place(*path, 'augment')}{train.augment} changes more than the speed; expected speeds alone with "
                "train.waveforms, which takes copies from train.on_the_fly"
            )


def _check_files(config: Config, root: Path, place: Place) -> None:
    """Raise InputError for a model that neither exists nor is made, and for one that a training would replace.

    Snakemake deletes what a job writes before the job starts: it must not be what the job reads.
    """
    of_grid = [run for run, _, _ in runs_of(config.grid)]
    trains = not config.pretrained and (not of_grid or config.run in of_grid)  # what a grid's runs share is no run
    own = Path("exp", config.experiment, config.run).resolve()
    made = {model_file(name) for name in pretrained_networks(root)}
    made |= {f"exp/{config.experiment}/{run}/model/final.pt" for run in of_grid}
    for path, value in _files(config):
        if value and trains and path[0] == "train" and Path(value).resolve().is_relative_to(own):
            raise InputError(
                f"{place(*path)}{value} is what this run writes, the run {config.run}; expected the model of another "
                "run: give this one a name of its own, such as `run: student`"
            )
        if value and value not in made and not Path(value).is_file():
            raise InputError(f"{place(*path)}{_missing(value)}")


def _check_backends(config: Config, place: Place) -> None:
    """Raise InputError for files of a trained back-end that are missing, a cohort of tested speakers, and measures and
    fusions of back-ends that lack what they need."""
    backend, chains = config.backend, config.backend.used_chains()
    for kind, chain in chains.items() if backend.trained else ():
        for file in chain.files:
            if not (path := Path(backend.trained, backend.folder(kind), file)).is_file():
                raise InputError(f"{place('backend', 'from')}{_missing(str(path))}")
    for name, (tested, _) in config.lists().items():
        if shared := [s for s in backend.cohort_sets() if s.partition("_")[0] == tested]:
            raise InputError(
                f"{place('backend', 'score', 'cohort')}{shared[0]} has the speakers of {name}, and a cohort must be of "
                "others; expected another set, such as train"
            )
    if "cohort" in config.calibration.quality and (plain := [kind for kind, chain in chains.items() if not chain.norm]):
        raise InputError(
            f"{place('calibration', 'quality')}cohort: {plain[0]} has no cohort; expected back-ends with one in "
            f"backend.kinds, such as {plain[0]}_asnorm, and no others"
        )
    if config.calibration.quality and not config.calibration_lists():
        raise InputError(
            f"{place('calibration', 'quality')}{', '.join(config.calibration.quality)}; expected a list of dev that "
            "calibration is trained on, or no quality measures"
        )
    if fused := config.calibration.fusion:
        where = place("calibration", "fusion")
        for name in fused:
            _known(name, chains, "back-end in backend.kinds", where)
        if len(fused) < 2 or not config.calibration_lists():
            raise InputError(f"{where}{', '.join(fused)}; expected two back-ends or more, and a list of dev")


def _check_start(config: Config, root: Path, place: Place) -> None:
    """Raise InputError, with presets that fit, if a training starts from a pretrained network of another form."""
    started = [name for name in pretrained_networks(root) if config.train.init_from == model_file(name)]
    if config.pretrained or not started:
        return
    theirs, ours = read_pretrained(root, started[0]).model, config.network.to_dict()
    if wrong := [key for key, value in theirs.items() if ours.get(key) != value]:
        presets = {path.stem: read_source(path).settings["model"] for path in root.glob("conf/model/*.yaml")}
        fitting = sorted(name for name, preset in presets.items() if all(preset.get(k) == v for k, v in theirs.items()))
        advice = f"; set model: {{preset: {' or '.join(fitting)}}}" if fitting else ""
        raise InputError(
            f"{place('train', 'init_from')}{started[0]} has model.{wrong[0]} {theirs[wrong[0]]}, and the config has "
            f"{ours.get(wrong[0])}{advice}"
        )


def _check_corpus(config: Config, root: Path, place: Place) -> None:
    for key in ("script", "synthesise"):
        path = getattr(config.corpus, key)
        if path and not (root / path).is_file():
            known = sorted(str(file.relative_to(root)) for file in root.glob("local/*.py"))
            raise InputError(f"{place('corpus', key)}no such file {path!r}; {suggest(path, known)}")
    if (data := config.corpus.data) and not (root / data).is_dir():
        raise InputError(f"{place('corpus', 'data')}no such folder {data!r}; expected Kaldi data directories in it")
    for key, holds in (("corpora", "corpus archives"), ("models", "trained networks")):
        if (folder := getattr(config, key)) and not Path(folder).is_dir():
            raise InputError(f"{place(key)}no such folder {folder!r}; expected the folder of {holds}")
    corpus_options(config, root, place)


def corpus_options(config: Config, root: Path, place: Place = lambda *keys: f"{'.'.join(keys)}: ") -> Options:
    """`corpus.options` as the corpus' script declares them (its class CorpusOptions)."""
    path = root / config.corpus.script
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # for what the script imports from its folder
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    if not hasattr(module, "CorpusOptions"):
        raise InputError(
            f"{place('corpus', 'script')}{path} has no class CorpusOptions; docs/howto/extending.md says what it is"
        )
    try:
        return read_options(module.CorpusOptions, config.corpus.options, "corpus.options")
    except InputError as e:
        keys, _, message = str(e).partition(": ")
        raise InputError(f"{place(*keys.split('.'))}{message}") from None


def _used_sets(config: Config) -> Iterable[tuple[tuple[str, ...], str]]:
    """The sets that this config uses, each with the keys of what uses it."""
    if not config.pretrained:
        yield from ((("train", "sets"), name) for name in (*config.train.sets, "valid", "dev"))
    if not config.backend.trained:
        yield from ((("backend", "sets"), name) for name in config.backend.sets)
    yield from ((path, name) for path, name in _sets(config) if name)
    yield from ((("trials", name, "sets"), s) for name, options in config.trials.items() for s in options.sets)


def _augmentations(config: Config) -> Iterable[tuple[tuple[str, ...], str | None]]:
    yield ("train", "augment"), config.train.augment
    yield ("backend", "augment"), config.backend.augment
    yield ("finetune", "train", "augment"), config.finetune.train.get("augment")


def _used_augmentations(config: Config) -> Iterable[tuple[tuple[str, ...], Augmentation]]:
    trainings = list(config.trainings())
    names = [train.augment for _, train in trainings]
    if not config.backend.trained:
        names.append(config.backend.augment)
    names += [value.partition("_")[2] for _, value in _sets(config) if value]  # dev_loud: of the augmentation loud
    for name in dict.fromkeys(filter(None, names)):
        yield ("augment", name), config.augment[name]
    yield from (((*path, "on_the_fly"), train.on_the_fly) for path, train in trainings)


def _check_folders(made: Augmentation, corpora: str | None, place: Place) -> None:
    for kind, folders in made.folders().items():
        for folder in folders:
            where = place(f"{kind}_folders")
            try:
                found = made.fallback or locate_folder(folder, corpora, UNPACKED)
            except InputError as e:
                raise InputError(f"{where}{e}") from None
            if not found:
                raise InputError(f"{where}{no_folder(folder, corpora)}; {REMEDY}")


def _dev_lists(config: Config) -> Iterable[tuple[tuple[str, ...], str | None]]:
    if not config.pretrained:
        yield ("train", "dev_trials"), config.train.dev_trials
        yield ("finetune", "train", "dev_trials"), config.finetune.train.get("dev_trials")
    if config.calibration.trials != AUTO:
        yield ("calibration", "trials"), config.calibration.trials


def _sets(config: Config) -> Iterable[tuple[tuple[str, ...], str | None]]:
    yield ("backend", "adapt_to"), config.backend.adapt_to
    yield from ((("backend", "score", "cohort"), name) for name in config.backend.cohort_sets())


def _files(config: Config) -> Iterable[tuple[tuple[str, ...], str | None]]:
    yield ("model",), config.pretrained
    yield ("train", "init_from"), config.train.init_from
    yield ("train", "teacher"), config.train.teacher


def _known(value: str | None, known: Iterable[str], kind: str, where: str) -> None:
    if value is not None and value not in known:
        raise InputError(f"{where}no such {kind} {value!r}; {suggest(value, known)}")


def _missing(path: str) -> str:
    at = f" in {Path.cwd()}" if not Path(path).is_absolute() else ""
    return f"no such file {path!r}{at}; expected one that exists"
