"""The file of a network of another toolkit: a state dict of torch, a checkpoint that holds one, or NeMo's archive."""

import io
import lzma
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from spkr.errors import InputError
from spkr.nnet.torch_file import read_torch

INSIDE = ("state_dict", "model_state_dict", "model")  # under which a checkpoint may hold the state dict
EXPECTED = "expected the weights of a network"
DAMAGED = "cut short, or not weights alone; expected a state dict of torch (code in a file is never run)"
BROKEN = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, MemoryError, OverflowError)  # by reading one
CONFIG = "model_config"  # under which a checkpoint may hold its network's options
NEMO = ("model_weights.ckpt", "model_config.yaml")  # in a .nemo archive


@dataclass(frozen=True)
class NetworkFile:
    """What the file holds."""

    state: Mapping[str, torch.Tensor]  # by the toolkit's names
    config: Mapping[str, Any] = field(default_factory=dict)  # model_config.yaml of a .nemo archive, or of a checkpoint


def read_network_file(path: str | Path) -> NetworkFile:
    """Read a file. Raises InputError where it is missing, cut short, or holds anything else than a network."""
    if Path(path).is_file() and _is_archive(path):
        weights, config = _read_members(path)
        return NetworkFile(_state(path, read_torch(io.BytesIO(weights), path, EXPECTED, DAMAGED)), config)
    found = read_torch(path, path, EXPECTED, DAMAGED)
    config = found.get(CONFIG) if isinstance(found, dict) else None
    return NetworkFile(_state(path, found), config if isinstance(config, dict) else {})


def _is_archive(path: str | Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except BROKEN:  # a compressed file that is cut short
        return True


def _read_members(path: str | Path) -> tuple[bytes, dict]:
    """The weights in a .nemo archive, and its config."""
    found = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and (name := Path(member.name).name) in NEMO:
                    found[name] = archive.extractfile(member).read()
    except BROKEN as e:
        reason = str(e) or "a member is larger than the memory"
        raise InputError(f"{path}: an archive that cannot be read ({reason}); get it again") from None
    if missing := [name for name in NEMO if name not in found]:
        raise InputError(f"{path}: an archive without {missing[0]}; expected a .nemo file")
    try:
        config = yaml.safe_load(found[NEMO[1]])
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise InputError(f"{path}: {NEMO[1]} in it is no YAML ({' '.join(str(e).split())})") from None
    if not isinstance(config, dict):
        raise InputError(f"{path}: {NEMO[1]} in it is no dictionary; expected the config of a network")
    return found[NEMO[0]], config


def _state(path: str | Path, found: Any) -> dict[str, torch.Tensor]:
    for name in INSIDE:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not found or not all(isinstance(v, torch.Tensor) for v in found.values()):
        raise InputError(f"{path}: holds no weights by name; expected a state dict")
    for name, tensor in found.items():
        strange = tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized or tensor.is_complex()
        if strange or tensor.numel() == 0:
            raise InputError(f"{path}: {name} is sparse, quantised, complex or empty; expected plain numbers")
    return {str(name).removeprefix("module."): tensor for name, tensor in found.items()}
