"""Small networks of every type, for the tests."""

import torch
import yaml

from spkr.nnet import ENCODERS, network_options
from spkr.nnet.model import SpeakerNet
from tests.conftest import ROOT

CONF = ROOT / "conf"
SMALL = {
    "type": "quartznet",
    "filters": 8,
    "kernels": [3, 5, 7],
    "repeat": 2,
    "last_filters": 6,
    "dropout": 0.5,
    "separable": True,
    "pooling": "xvector",
    "embedding_layers": [10, 7],
    "head": {"type": "softmax"},
}
TAIL = {k: SMALL[k] for k in ("pooling", "embedding_layers", "head")}
# A 1x1 convolution with a stride has 8 channels or more: with fewer, torch 2.11 on processors without AVX-512 writes
# beyond its buffer in the backward pass (oneDNN's jit_1x1:avx2, channels last).
SMALL_OF = {
    "quartznet": SMALL,
    "tdnn": {"type": "tdnn", "filters": 8, "last_filters": 6} | TAIL,
    "ecapa": {"type": "ecapa", "filters": 16, "last_filters": 6} | TAIL,
    "resnet": {"type": "resnet", "filters": 9, "blocks": [1, 2, 1, 1]} | TAIL,
    "titanet": {"type": "titanet", "filters": 8, "kernels": [3, 5, 7], "repeat": 2, "last_filters": 8, "dropout": 0.5}
    | TAIL,
    "campplus": {"type": "campplus", "filters": 8, "growth": 4, "blocks": [1, 2, 1]} | TAIL,
    "eres2netv2": {
        "type": "eres2netv2",
        "filters": 5,
        "blocks": [1, 2, 1, 1],
        "width": 50,
        "scale": 2,
        "expansion": 2,
    }
    | TAIL,
    "redimnet2": {
        "type": "redimnet2",
        "filters": 2,
        "blocks": [1, 2, 1],
        "strides": [1, 2, 1],
        "time_strides": [1, 2, 2],
        "expansion": [2, 1, 1],
        "widths": [8, 4, 4],
    }
    | TAIL,
    "mhfa": {"type": "mhfa", "compression": 8, "heads": 3} | TAIL | {"pooling": "factorised"},
}
FRAME_ENCODERS = [kind for kind in ENCODERS if kind != "mhfa"]  # whose pooling may be any; test_wavlm.py has the other
for path in sorted((CONF / "model").glob("*.yaml")):  # an encoder that is not here is tested as a preset has it
    settings = yaml.safe_load(path.read_text())["model"]
    SMALL_OF.setdefault(settings["type"], settings | TAIL)
POOLINGS = ("xvector", "gram", "super", "attentive", "channel_attentive")


def stir(module, seed=1):
    """Give batch norms something to say, and biases a value, so that padding would be seen; in evaluation mode."""
    torch.manual_seed(seed)
    for m in module.modules():
        if isinstance(m, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            m.running_mean.normal_()
            m.running_var.uniform_(0.5, 2)
            if m.affine:
                m.weight.data.uniform_(0.5, 1.5)
                m.bias.data.normal_()
    return module.eval()


def network(kind="quartznet", seed=1, speakers=5, **changes):
    torch.manual_seed(seed)
    return stir(SpeakerNet(network_options(SMALL_OF[kind] | changes), 12, speakers), seed)


def preset(name):
    return yaml.safe_load((CONF / f"model/{name}.yaml").read_text())["model"]
