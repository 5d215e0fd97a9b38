"""Model files that a training starts from or learns from: whether they fit the config, and their weights."""

import logging
from pathlib import Path

import torch

from spkr.config.front_end_options import FrontEnd
from spkr.config.model_options import NetworkOptions
from spkr.errors import InputError
from spkr.feats.provenance import differing
from spkr.nnet import network_options
from spkr.nnet.ensemble import Ensemble
from spkr.nnet.model import HEAD, Network, load_model, read_model
from spkr.nnet.wavlm import INSIDE

logger = logging.getLogger(__name__)

FREE = ("preset", "head", "ensemble", "dropout")  # of model: may differ from init_from, or is checked there


def check_front_end(option: str, model: str, found: FrontEnd, expected: FrontEnd) -> None:
    """Raise InputError if the front end of the model file that `option` names is not the one of the config."""
    for name, theirs, ours in differing(found.numbers(), expected.numbers()):
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


def init_from(net: Network, path: str | Path, speakers: list[str]) -> None:
    """Give `net` the weights of the model file `path`, all but the head's; `net` will be trained on `speakers`.

    The head also gets the file's weights of each speaker that both have, if their shapes agree; those of a new speaker
    stay as they are. Raises InputError as `load_model` does, and if the two networks differ before the head.
    """
    given, _, known = load_model(path)
    theirs, ours = (len(one.members) if isinstance(one, Ensemble) else 1 for one in (given, net))
    if theirs != ours:
        raise InputError(f"{path}: trained with model.ensemble: {theirs}, and the config has {ours}; give it the same")
    if any(name.startswith(INSIDE) for name in given.state_dict()):
        net.front.keep()
    old, new = given.state_dict(), net.state_dict()
    before_head = [{(k, v.shape) for k, v in state.items() if not HEAD.match(k)} for state in (old, new)]
    if differing := sorted(name for name, _ in before_head[0] ^ before_head[1]):
        raise InputError(f"{path}: not the network of the config, first in {differing[0]}; name one that is")
    index = {spk: i for i, spk in enumerate(known)}
    both = [(i, index[spk]) for i, spk in enumerate(speakers) if spk in index]
    rows, old_rows = torch.tensor(both, dtype=torch.long).reshape(-1, 2).T
    for name, tensor in new.items():
        if not HEAD.match(name):
            tensor.copy_(old[name])
        elif both and name in old and old[name].numel() * len(speakers) == tensor.numel() * len(known):
            of_speaker = tensor.view(len(speakers), -1)
            of_speaker[rows] = old[name].view(len(known), -1)[old_rows]
    logger.info("starting from the weights of %s, which knows %d of %d speakers", path, len(both), len(speakers))


def heard_before(models: list[str]) -> str | None:
    """What the networks of these model files were trained on, if they were imported from elsewhere."""
    heard = [read_model(model)["training"].get("trained_on") for model in models]
    return "; ".join(dict.fromkeys(filter(None, heard))) or None
