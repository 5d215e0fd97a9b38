"""A trained network of another toolkit as a model file: `spkr import`."""

import logging
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch

from spkr.config.pretrained_options import Pretrained
from spkr.corpus.download import download
from spkr.corpus.fetch import find_archive
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.files import sha256
from spkr.nnet import network_options
from spkr.nnet.importers import ORIGINS
from spkr.nnet.importers.weights import Weights
from spkr.nnet.model import HEAD, Network, make_network, save_model

INSIDE = ("state_dict", "model_state_dict", "model")  # under which a checkpoint may hold the state dict
SHOWN = 5  # names in a message

logger = logging.getLogger(__name__)


def import_model(
    path: str | Path, out: str | Path, origin: str, expected: Mapping[str, Any] | None = None, about: str = ""
) -> None:
    """Write the network in `path`, a file of the toolkit `origin` (one of ORIGINS), as a model file without speakers.

    Args:
        expected: options of the network that the caller counts on, as of the section `model`.
        about: what it was trained on, for the model file.
    Raises InputError where the file is damaged or no network of `origin`, where one of its entries is missing, left
    over or of another shape, and where an option is not the expected one.
    """
    state = read_state(path)
    module = resolve_name(ORIGINS[origin])
    settings, weights = _architecture(path, state, origin, module.ARCHITECTURES)
    options = network_options(settings)
    for name, value in (expected or {}).items():
        if name not in ("preset", "head") and (found := options.to_dict().get(name)) != value:
            raise InputError(f"{path}: a network with model.{name} {found}; expected {value}")
    front_end = make_front_end(module.FRONT_END)
    net = make_network(options, front_end.dim, 0)
    _fill(path, net, weights)
    made_by = {"imported_from": origin, "file": Path(path).name, "sha256": sha256(path), "trained_on": about}
    save_model(out, net, options, front_end, [], made_by)
    logger.info("%s: %s, embeddings of %d dimensions", path, options.type, options.embedding_layers[0])


def fetch_network(entry: Pretrained, models: str | Path | None, downloads: str | Path) -> Path:
    """The file of a network of conf/pretrained/, from the folder `models`, or downloaded.

    Raises InputError where it is neither found nor downloaded, and where size or checksum are others.
    """
    path = find_archive(entry.file, models, key="models") if models else None
    if path is None:
        path = Path(downloads) / entry.file
        if not path.exists():
            _download(entry, path, models)
    size = path.stat().st_size
    if entry.size and size != entry.size or entry.sha256 and sha256(path) != entry.sha256:
        expected = f"{entry.size} bytes, sha256 {entry.sha256}"
        raise InputError(f"{path}: {size} bytes, sha256 {sha256(path)}; expected {expected}: replace the file")
    return path


def _download(entry: Pretrained, path: Path, models: str | Path | None) -> None:
    missing = f"{entry.file} was not found under {models}" if models else f"{entry.file}: `models` is not set"
    advice = f"put the file into {models or 'a folder'}" + (
        "" if models else ", and name that with `models` or SPKR_MODELS"
    )
    if not entry.url:
        raise InputError(f"{missing}, and there is no address to download it from; {advice}")
    try:
        download(entry.url, path, entry.sha256)
    except InputError as e:
        raise InputError(f"{missing}, and {e}; download it from {entry.url} yourself, and {advice}") from None


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """A state dict, or that of a checkpoint; nothing that a pickle may hold beside tensors is ever run.

    Raises InputError where the file is missing, cut short, or holds anything else.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the weights of a network") from None
    except Exception as e:  # torch raises whatever the bytes led it to
        if isinstance(e, OSError) and e.filename:
            raise InputError(f"{path}: cannot be read ({e.strerror}); expected the weights of a network") from None
        raise InputError(
            f"{path}: cut short, or not weights alone; expected a state dict of torch (code in a file is never run)"
        ) from None
    for name in INSIDE:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not found or not all(isinstance(v, torch.Tensor) for v in found.values()):
        raise InputError(f"{path}: holds no weights by name; expected a state dict")
    return {name.removeprefix("module."): tensor for name, tensor in found.items()}


def _architecture(path, state, origin: str, known: Mapping) -> tuple[dict[str, Any], Weights]:
    """Settings and weights by the first architecture of `origin` that the state dict may be of."""
    for describe in known.values():
        if found := describe(state):
            return found
    for other, module in ORIGINS.items():
        for name, describe in resolve_name(module).ARCHITECTURES.items():
            if other != origin and describe(state):
                raise InputError(f"{path}: a network of {other} ({name}), not of {origin}; give --from {other}")
    names = ", ".join(list(state)[:SHOWN])
    raise InputError(f"{path}: not a network of {origin} that can be read, {' or '.join(known)}; it has {names}, ...")


def _fill(path, net: Network, weights: Weights) -> None:
    """Give a network these weights, all but its head; InputError where they do not fit it one by one."""
    ours = {name: tensor for name, tensor in net.state_dict().items() if not HEAD.match(name)}
    wrong = [f"{name} is missing" for name in weights.missing]
    wrong += [f"{name} is left over" for name in weights.left]
    for name, tensor in ours.items():
        given = weights.ours.get(name)
        if given is None or given.numel() == 0 and tensor.numel():
            wrong += [] if weights.missing else [f"nothing is given for {name}"]
        elif given.shape != tensor.shape:
            wrong.append(f"{name} has the shape {tuple(given.shape)}, not {tuple(tensor.shape)}")
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise InputError(f"{path}: does not fit the network: {'; '.join(wrong[:SHOWN])}{more}")
    net.load_state_dict(weights.ours, strict=False)  # all but the head, as was checked
