"""What sherpa-onnx expects of a speaker network's file, and how its features differ from a front end.

Source: k2-fsa/sherpa-onnx, in sherpa-onnx/csrc: speaker-embedding-extractor-model.cc (metadata),
speaker-embedding-extractor-general-impl.h (normalisation) and features.h (its filter bank).
"""

import logging

import torch
from torch import nn

from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.export.network_graph import EmbeddingGraph, check_cmvn
from spkr.feats.cmvn import normalize_batch
from spkr.nnet.model import Network

PRESET = "conf/feats/sherpa.yaml"
BELOW_NYQUIST = 400  # Hz, where its bands end
FIXED = {  # other values give features that the network has not seen
    "type": "fbank",
    "num_mel_bins": 80,
    "frame_length": 25.0,
    "frame_shift": 10.0,
    "preemphasis_coefficient": 0.97,
    "window_type": "povey",
    "use_energy": False,
    "use_power": True,
    "use_log_fbank": True,
}
ASSUMED = {"low_freq": 20.0, "snip_edges": False, "dither": 0.0, "select_voiced": False}  # others cost accuracy

logger = logging.getLogger(__name__)


class SherpaGraph(nn.Module):
    """Maps sherpa-onnx's features (N, T, 80) to embeddings (N, embedding dim).

    It normalises them as the front end says, unless sherpa-onnx does it (`normalisation`).
    """

    def __init__(self, net: Network, fe: FrontEnd):
        super().__init__()
        check_cmvn(fe)
        self.cmvn = None if normalisation(fe) else fe.cmvn
        self.embed = EmbeddingGraph(net)

    def forward(self, feats: torch.Tensor) -> torch.Tensor:
        """Embed utterances of equal length."""
        return self.embed(normalize_batch(feats, None, self.cmvn) if self.cmvn else feats)


def normalisation(fe: FrontEnd) -> str:
    """The value of feature_normalize_type; empty if sherpa-onnx is to leave the features as they are."""
    return "global-mean" if fe.cmvn.type == "utterance" and not fe.cmvn.norm_vars else ""


def sherpa_facts(fe: FrontEnd, language: str) -> dict[str, object]:
    """The metadata, less output_dim.

    Raises InputError if sherpa-onnx computes other features. Warns of each option that it ignores.
    """
    found = fe.to_dict()
    if wrong := [f"{name}: {found.get(name)} (it has {value})" for name, value in FIXED.items()
                 if found.get(name) != value]:  # fmt: skip
        raise InputError(
            f"feats.{', feats.'.join(wrong)}: sherpa-onnx computes other features; train with {PRESET}, or export "
            "without --for"
        )
    assumed = ASSUMED | {"upper end of the bands": fe.sample_frequency / 2 - BELOW_NYQUIST}
    found["upper end of the bands"] = fe.upper_freq
    for name, value in assumed.items():
        if found[name] != value:
            logger.warning(
                "feats: %s: %s, but %s in sherpa-onnx: its embeddings will differ from spkr's; %s fits",
                name, found[name], value, PRESET,
            )  # fmt: skip
    return {
        "framework": "3d-speaker",  # one of the two names that it accepts
        "sample_rate": int(fe.sample_frequency),
        "normalize_samples": 0,  # it multiplies samples from -1 to 1 by 32768
        "language": language,
        "feature_normalize_type": normalisation(fe),
    }
