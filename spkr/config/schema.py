"""The whole config: its sections, and what follows from more than one of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, Discriminator, StringConstraints, Tag

from spkr.config.augment_options import AUGMENTATIONS, Augmentation
from spkr.config.backend_options import Backend
from spkr.config.calibration_options import AUTO, CalibrationOptions
from spkr.config.corpus_options import Corpus, TrialList
from spkr.config.embed_options import Embed
from spkr.config.grid_options import Grid
from spkr.config.model_options import HEADS, NetworkOptions, SoftmaxHead
from spkr.config.options import Count, Named, Options, PathText, SetName, Text, Word, entries_of, option
from spkr.config.report_options import ReportOptions
from spkr.config.train_options import Finetune, Train, TrainOptions
from spkr.errors import InputError
from spkr.feats import AnyFrontEnd, Fbank
from spkr.nnet import AnyNetwork

PRESETS = {"feats": "fbank80", "model": "quartznet3x1", "train": "nemo2020", "finetune": None, "backend": "plda"}

AugmentationName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]


def _is_model_file(path: str) -> str:
    if not path.endswith(".pt"):
        raise ValueError(f"{path!r}; expected the path of a trained network, *.pt, or settings: {{preset: {path}}}")
    return path


Trained = Annotated[PathText, AfterValidator(_is_model_file), Named]
Model = Annotated[
    Annotated[Trained, Tag("trained")] | Annotated[AnyNetwork, Tag("network")],
    Discriminator(lambda value: "trained" if isinstance(value, str) else "network"),
]


class Config(Options):
    """All sections."""

    recipe: Word = option("an4", "a folder of recipes/")
    name: Word | None = option(None, "folder under exp/; the recipe's name if null")
    run: Word = option("main", "folder under exp/<name>/; use another run for another network, front end or seed")
    seed: Count = option(1, "of weights, batches and dropout")
    corpora: Text | None = option(None, "folder of corpus archives; --config corpora=DIR and SPKR_CORPORA override it")
    models: Text | None = option(None, "folder of trained networks; --config models=DIR and SPKR_MODELS override it")
    corpus: Corpus
    trials: entries_of(Word, TrialList) = option({}, "trial lists of test and of dev, by name; null leaves one out")
    feats: AnyFrontEnd = option(Fbank(), "the front end")
    augment: dict[AugmentationName, Augmentation] = option(
        {name: Augmentation(**options) for name, options in AUGMENTATIONS.items()},
        "augmentations by name; train.augment and backend.augment choose among them",
    )
    model: Model = option(
        meaning="the network; or a trained one, by its path or as {pretrained: NAME}, and then no network is trained"
    )
    train: Train = Train()
    finetune: Finetune = Finetune()
    embed: Embed = Embed()
    backend: Backend = Backend()
    calibration: CalibrationOptions = CalibrationOptions()
    report: ReportOptions = ReportOptions()
    grid: Grid = Grid()

    def to_dict(self) -> dict[str, Any]:
        """All values of a run, as JSON types: it does not say which grid it is in."""
        return {key: value for key, value in super().to_dict().items() if key != "grid"}

    @property
    def network(self) -> NetworkOptions:
        """The section `model`, unless it is the path of a trained network."""
        return self.model

    @property
    def pretrained(self) -> str | None:
        """The path of a trained network that is used as it is."""
        return self.model if isinstance(self.model, str) else None

    @property
    def experiment(self) -> str:
        """Name of the folder under exp/."""
        return self.name or self.recipe

    def tuned(self, init_from: str) -> tuple[Train, NetworkOptions]:
        """The sections `train` and `model` of a fine-tuning that starts from a model file.

        Raises InputError if the head has no margin to change, and pydantic's error for a wrong option.
        """
        train = Train.model_validate(merged(self.train.to_dict(), self.finetune.train, {"init_from": init_from}))
        changes = {k: v for k, v in self.finetune.head.to_dict().items() if v is not None}
        if changes and isinstance(self.network.head, SoftmaxHead):
            raise InputError(f"head.{min(changes)}: model.head.type softmax has no margin; expected another head")
        own = {k: v for k, v in changes.items() if k in type(self.network.head).model_fields}
        return train, self.network.replace(head=self.network.head.to_dict() | own)

    def trainings(self) -> Iterator[tuple[tuple[str, ...], Train]]:
        """The trainings of a run, each with the keys of its section; none if a trained network is used as it is."""
        if not self.pretrained:
            yield ("train",), self.train
            if self.finetune.preset:
                yield ("finetune", "train"), self.tuned("final.pt")[0]

    def sets(self, root: Path) -> list[str]:
        """The sets of the corpus: those in `corpus.data`, or all. Args: root is the folder of the Snakefile."""
        data = self.corpus.data
        return [name for name in get_args(SetName) if not data or (root / data / name).is_dir()]

    def augmented(self, sets: tuple[str, ...], augmentation: str | None) -> list[str]:
        """The sets that are used for `sets`: augmented copies are sets of their own, `<set>_<augmentation>`."""
        return [f"{s}_{augmentation}" for s in sets] if augmentation else list(sets)

    def lists(self) -> dict[str, tuple[str, str]]:
        """Each trial list by its name in the results, `trials_pairs` or `dev_trials_pairs`: its set and its name."""
        return {
            ("" if s == "test" else f"{s}_") + f"trials_{name}": (s, name)
            for s in ("test", "dev")
            for name, options in self.trials.items()
            if s in options.sets
        }

    def calibration_lists(self) -> dict[str, str]:
        """The list of dev that each list of test is calibrated on, both by their names in the results."""
        lists, chosen = self.lists(), self.calibration.trials
        of_dev = {name: key for key, (s, name) in lists.items() if s == "dev"}
        if chosen is None or not of_dev:
            return {}
        usual = of_dev.get(self.train.dev_trials, next(iter(of_dev.values())))
        of_test = {key: name for key, (s, name) in lists.items() if s == "test"}
        return {key: of_dev.get(name, usual) if chosen == AUTO else of_dev[chosen] for key, name in of_test.items()}


class Training(Options):
    """The settings of `spkr train`."""

    model: AnyNetwork
    train: TrainOptions
    feats: AnyFrontEnd


def with_head_of_last_type(settings: Sequence[dict]) -> list[dict]:
    """The same settings, weakest first, where an earlier head lacks what the type of the last one does not have.

    A preset's margin is then no obstacle to `model: {head: {type: softmax}}`; a margin that is set with it still is.
    """
    heads = [one["model"].get("head") if isinstance(one.get("model"), dict) else None for one in settings]
    naming = [k for k, head in enumerate(heads) if isinstance(head, dict) and "type" in head]
    known = HEADS.get(str(heads[naming[-1]]["type"])) if naming else None
    if not known:
        return list(settings)
    changed = list(settings)
    for k in range(naming[-1]):
        if isinstance(heads[k], dict):
            head = {key: value for key, value in heads[k].items() if key in known.model_fields}
            changed[k] = settings[k] | {"model": settings[k]["model"] | {"head": head}}
    return changed


def merged(*settings: dict) -> dict:
    """Settings, merged: later ones override earlier ones, and dictionaries merge key by key."""
    result: dict = {}
    for one in settings:
        for key, value in one.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if both else value
    return result
