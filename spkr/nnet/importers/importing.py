"""A trained network of another toolkit as a model file: `spkr import`."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch

from spkr.config.pretrained_options import Pretrained
from spkr.corpus.fetch import find_or_download
from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.files import sha256
from spkr.nnet import network_options
from spkr.nnet.importers import ORIGINS
from spkr.nnet.importers.network_file import NetworkFile, read_network_file
from spkr.nnet.importers.weights import Weights
from spkr.nnet.model import HEAD, Network, make_network, save_model

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
    file = read_network_file(path)
    with _naming(path):
        settings, weights = _architecture(file, origin)
        _check_names(weights)
        options = network_options(settings)
        for name, value in (expected or {}).items():
            if name not in ("preset", "head") and (found := options.to_dict().get(name)) != value:
                raise InputError(f"a network with model.{name} {found}; expected {value}")
        front_end = make_front_end(resolve_name(ORIGINS[origin]).front_end(file))
        net = make_network(options, front_end.dim, 0)
        _fill(net, weights)
    made_by = {"imported_from": origin, "file": Path(path).name, "sha256": sha256(path), "trained_on": about}
    save_model(out, net, options, front_end, [], made_by)
    logger.info("%s: %s, embeddings of %d dimensions", path, options.type, options.embedding_layers[0])


def fetch_network(entry: Pretrained, models: str | Path | None, downloads: str | Path) -> Path:
    """The file of a network of conf/pretrained/, from the folder `models`, or downloaded.

    Raises InputError where it is neither found nor downloaded, and where size or checksum are others.
    """
    path = find_or_download(entry.file, models, "models", Path(downloads) / entry.file, entry.url, entry.sha256)
    size = path.stat().st_size
    if entry.size and size != entry.size or entry.sha256 and sha256(path) != entry.sha256:
        expected = f"{entry.size} bytes, sha256 {entry.sha256}"
        raise InputError(f"{path}: {size} bytes, sha256 {sha256(path)}; expected {expected}: replace the file")
    return path


@contextmanager
def _naming(path: str | Path) -> Iterator[None]:
    """Begin the InputErrors of the block with the path of the file."""
    try:
        yield
    except InputError as e:
        raise InputError(f"{path}: {e}") from None


def _architecture(file: NetworkFile, origin: str) -> tuple[dict[str, Any], Weights]:
    """Settings and weights by the first architecture of `origin` that the file may hold."""
    known = resolve_name(ORIGINS[origin]).ARCHITECTURES
    for describe in known.values():
        if found := describe(file):
            return found
    for other, module in ORIGINS.items():
        for name, describe in resolve_name(module).ARCHITECTURES.items():
            if other != origin and describe(file):
                raise InputError(f"a network of {other} ({name}), not of {origin}; give --from {other}")
    names = ", ".join(list(file.state)[:SHOWN])
    raise InputError(f"not a network of {origin} that can be read, {' or '.join(known)}; it has {names}, ...")


def _check_names(weights: Weights) -> None:
    """Raise InputError unless each entry of the file was used, and none is missing."""
    wrong = [f"{name} is missing" for name in weights.missing]
    _refuse([*wrong, *(f"{name} is left over" for name in weights.left)])


def _fill(net: Network, weights: Weights) -> None:
    """Give a network these weights, all but its head; InputError where they do not fit it one by one."""
    ours = {name: tensor for name, tensor in net.state_dict().items() if not HEAD.match(name)}
    _refuse([f"{name} {problem}" for name in ours if (problem := _problem(weights.ours.get(name), ours[name]))])
    net.load_state_dict(weights.ours, strict=False)  # all but the head, as was checked


def _problem(given: torch.Tensor | None, ours: torch.Tensor) -> str:
    """Why a tensor cannot be the value of one of ours; empty if it can."""
    if given is None or given.numel() == 0:
        return "is given no value"
    if given.shape != ours.shape:
        return f"has the shape {tuple(given.shape)}, not {tuple(ours.shape)}"
    if ours.is_floating_point() and not given.is_floating_point():
        return f"holds {given.dtype}; expected real numbers"
    return "" if given.float().isfinite().all() else "holds values that are not finite"


def _refuse(wrong: list[str]) -> None:
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise InputError(f"does not fit the network: {'; '.join(wrong[:SHOWN])}{more}")
