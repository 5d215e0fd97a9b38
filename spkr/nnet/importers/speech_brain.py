"""Networks of speechbrain: ECAPA-TDNN (speechbrain/lobes/models/ECAPA_TDNN.py).

Its ECAPA-TDNN is chained, reflects an utterance at its ends, and has batch norm after the aggregation and, with ReLU,
in the attention. Its features are those of its Fbank with 80 bands, less the mean over the utterance: what
hyperparams.yaml beside its published weights asks for.
"""

from typing import Any

from spkr.nnet.ecapa import DILATIONS, SCALE
from spkr.nnet.importers import HEAD
from spkr.nnet.importers.network_file import NetworkFile
from spkr.nnet.importers.weights import Weights

FRONT_END = {
    "type": "speechbrain",
    "num_mel_bins": 80,
    "low_freq": 0,
    "select_voiced": False,
    "cmvn": {"type": "utterance"},
}
SETTINGS = {
    "type": "ecapa",
    "chained": True,
    "padding": "reflect",
    "aggregation_norm": True,
    "attention_norm": True,
    "pooling": "channel_attentive",
    "variance_floor": 1e-12,
    "embedding_norm": "none",
    "head": HEAD,
}


def front_end(file: NetworkFile) -> dict[str, Any]:
    """The section `feats`."""
    return FRONT_END


def ecapa(file: NetworkFile) -> tuple[dict[str, Any], Weights] | None:
    """ECAPA-TDNN whose attention reads the statistics of the utterance; None for another network."""
    if "blocks.0.conv.conv.weight" not in file.state or "asp.tdnn.conv.conv.weight" not in file.state:
        return None
    w = Weights(file.state)
    last = w.size("mfa.conv.conv.weight")
    sizes = {"filters": w.size("blocks.0.conv.conv.weight"), "last_filters": last}
    sizes["embedding_layers"] = [w.size("fc.conv.weight")]
    _layer(w, "encoder.first", "blocks.0")
    for i in range(len(DILATIONS)):
        ours, theirs = f"encoder.blocks.{i}", f"blocks.{i + 1}"
        _layer(w, f"{ours}.conv1", f"{theirs}.tdnn1")
        for k in range(SCALE - 1):
            _layer(w, f"{ours}.res2.convs.{k}", f"{theirs}.res2net_block.blocks.{k}")
        _layer(w, f"{ours}.conv2", f"{theirs}.tdnn2")
        for k in (1, 2):
            w.copy(f"{ours}.squeeze.w{k}", f"{theirs}.se_block.conv{k}.conv", "weight", "bias")
            w.flatten(f"{ours}.squeeze.w{k}.weight")
    w.copy("encoder.last", "mfa.conv.conv", "weight", "bias")
    w.norm("encoder.last_norm", "mfa.norm.norm")
    w.attention("pooling", "asp.tdnn.conv.conv", last)
    w.norm("pooling.before_tanh.1", "asp.tdnn.norm.norm")
    w.copy("pooling.v", "asp.conv.conv", "weight", "bias")
    w.norm("pooling.norm", "asp_bn.norm")
    w.copy("affine.0", "fc.conv", "weight", "bias")
    w.flatten("affine.0.weight")
    return SETTINGS | sizes, w


def _layer(w: Weights, ours: str, theirs: str) -> None:
    w.copy(f"{ours}.conv", f"{theirs}.conv.conv", "weight", "bias")
    w.norm(f"{ours}.norm", f"{theirs}.norm.norm")


ARCHITECTURES = {"ECAPA-TDNN": ecapa}
