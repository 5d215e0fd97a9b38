"""Model files that a training starts from or learns from: whether they fit the config."""

from spkr.config.front_end_options import FrontEnd
from spkr.config.model_options import NetworkOptions
from spkr.errors import InputError
from spkr.feats.provenance import differing
from spkr.nnet import network_options
from spkr.nnet.model import load_model, read_model

FREE = ("preset", "head", "ensemble", "dropout")  # of model: may differ from init_from, or is checked there


def check_front_end(option: str, model: str, front_end: FrontEnd) -> None:
    """Raise InputError if the model file that `option` names has another front end than the config."""
    for name, theirs, ours in differing(load_model(model)[1].numbers(), front_end.numbers()):
        raise InputError(
            f"{option}: {model} was trained with feats.{name} {theirs}, and the config has {ours}; give it the same "
            "front end"
        )


def check_network(model: str, options: NetworkOptions) -> None:
    """Raise InputError if the file's network has other options, also those that change no shape."""
    theirs, ours = network_options(read_model(model)["settings"]).to_dict(), options.to_dict()
    if wrong := [name for name in ours if name not in FREE and theirs.get(name) != ours[name]]:
        name = min(wrong, key=lambda name: name != "type")
        raise InputError(
            f"train.init_from: {model} is a network with model.{name} {theirs.get(name)}, and the config has "
            f"{ours[name]}; give it the same"
        )


def heard_before(models: list[str]) -> str | None:
    """What the networks of these model files were trained on, if they were imported from elsewhere."""
    heard = [read_model(model)["training"].get("trained_on") for model in models]
    return "; ".join(dict.fromkeys(filter(None, heard))) or None
