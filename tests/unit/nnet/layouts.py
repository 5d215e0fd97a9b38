"""State dicts of other toolkits' networks, filled by their names, and the embeddings that those networks gave.

layouts.json has names and shapes of small networks of the toolkits' own classes, and the embedding of FEATURES by each:
3D-Speaker's CAMPPlus (commit of 2025) and ERes2NetV2 (commit 09e7806), wespeaker's ResNet34 and ECAPA_TDNN
(global_context_att), NeMo 2.5's ConvASREncoder and SpeakerDecoder with the blocks of TitaNet and of SpeakerNet, and
PalabraAI's ReDimNet2Wrap (commit ffe8f27), whose features were left out.
"""

import io
import json
import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch
import yaml

from spkr.feats import ReDimNet
from spkr.feats.redimnet import mel_banks

LAYOUTS = json.loads(Path(__file__).with_name("layouts.json").read_text())
FEATURES = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 150, 80)).astype(np.float32))


PREPROCESSOR = {"sample_rate": 16000, "window_size": 0.025, "window_stride": 0.01, "window": "hann", "features": 80}
NEMO = {
    "preprocessor": PREPROCESSOR | {"normalize": "per_feature", "n_fft": 512, "frame_splicing": 1},
    "encoder": {"jasper": [{"dropout": 0.0}, {"dropout": 0.1}]},
}


def write_network(path, layout, config=NEMO, **changes):
    """A state dict of this layout with entries changed, or left out if they are None; for NeMo, its archive."""
    state = filled(LAYOUTS[layout]["shapes"]) | changes
    state = {name: tensor for name, tensor in state.items() if tensor is not None}
    if not layout.startswith("nemo"):
        torch.save(state, path)
        return path
    weights = io.BytesIO()
    torch.save(state, weights)
    members = {"./model_weights.ckpt": weights.getvalue(), "./model_config.yaml": yaml.safe_dump(config).encode()}
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def filled(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Tensors of these shapes whose values depend on their names alone."""
    return {name: _fill(name, shape) for name, shape in shapes.items()}


def _fill(name: str, shape: list[int]) -> torch.Tensor:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return torch.tensor(1)
    if name.endswith("melbanks_pt"):
        return mel_banks(ReDimNet(num_mel_bins=shape[0], high_freq=7600), torch.device("cpu")).T[:, :, None]
    if name.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, shape)
    elif len(shape) > 1:
        values = rng.normal(size=shape) * (2 / np.prod(shape[1:])) ** 0.5
    else:
        values = 0.1 * rng.normal(size=shape) + name.endswith("weight")
    return torch.from_numpy(values.astype(np.float32))
