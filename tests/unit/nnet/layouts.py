"""State dicts of other toolkits' networks, filled by their names, and the embeddings that those networks gave.

layouts.json has names and shapes of small networks of the toolkits' own classes, and the embedding of FEATURES by each:
3D-Speaker's CAMPPlus (commit of 2025), wespeaker's ResNet34 and ECAPA_TDNN (global_context_att).
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch

LAYOUTS = json.loads(Path(__file__).with_name("layouts.json").read_text())
FEATURES = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 150, 80)).astype(np.float32))


def filled(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Tensors of these shapes whose values depend on their names alone."""
    return {name: _fill(name, shape) for name, shape in shapes.items()}


def _fill(name: str, shape: list[int]) -> torch.Tensor:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return torch.tensor(1)
    if name.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, shape)
    elif len(shape) > 1:
        values = rng.normal(size=shape) * (2 / np.prod(shape[1:])) ** 0.5
    else:
        values = 0.1 * rng.normal(size=shape) + name.endswith("weight")
    return torch.from_numpy(values.astype(np.float32))
