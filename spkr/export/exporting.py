"""Exporting a network to ONNX, with its features inside or apart."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.export.front_graph import check_exportable
from spkr.export.network_graph import EmbeddingGraph
from spkr.export.onnx_file import EXAMPLE, add_metadata, to_onnx, write_onnx
from spkr.export.quantisation import quantised
from spkr.export.sherpa import SherpaGraph, sherpa_facts
from spkr.export.whole_graph import WholeGraph
from spkr.nnet.model import Network

if TYPE_CHECKING:
    import onnx

Features = Literal["inside", "outside"]

logger = logging.getLogger(__name__)


def export_network(
    out: str | Path,
    net: Network,
    fe: FrontEnd,
    features: Features = "inside",
    program: Literal["sherpa-onnx"] | None = None,
    language: str = "unknown",
    int8: bool = False,
) -> None:
    """Write a network as one ONNX file.

    Args:
        net: in evaluation mode, on the CPU
        fe: its front end
        features: outside: the input is `feats` (N, T, dim), normalised and selected; inside: `waveform` (N, samples),
            from -1 to 1. The output is `embedding` (N, embedding dim)
        program: the program that will read the file; sherpa-onnx computes features itself, and expects metadata
        language: of those metadata
        int8: store the weights of the network in 8 bits
    Raises InputError for a front end that cannot be inside, or that the program does not have.
    """
    check_exportable(fe)
    if program and features == "inside":
        raise InputError(f"--for {program}: it computes features itself; give --features outside")
    model = _whole(net, fe) if features == "inside" else _network(net, fe, program, language)
    add_metadata(model, {"spkr_features": features, "spkr_front_end": json.dumps(fe.numbers())})
    write_onnx(out, quantised(model) if int8 else model)


def _whole(net: Network, fe: FrontEnd) -> "onnx.ModelProto":
    if fe.dithered:
        logger.warning("feats.dither: %g; the graph adds no noise", fe.dither)
    samples = fe.min_samples + EXAMPLE * fe.window_shift
    axes = {"waveform": {0: ("recordings", 1), 1: ("samples", fe.min_samples)}}
    return to_onnx(WholeGraph(net, fe.without_dither()), (torch.randn(2, samples),), axes, ["embedding"])


def _network(net: Network, fe: FrontEnd, program: str | None, language: str) -> "onnx.ModelProto":
    facts = sherpa_facts(fe, language) if program else {}
    graph: nn.Module = SherpaGraph(net, fe) if program else EmbeddingGraph(net)
    axes = {"feats": {0: ("utterances", 1), 1: ("frames", 1)}}
    model = to_onnx(graph, (torch.randn(2, EXAMPLE, fe.dim),), axes, ["embedding"])
    if program:
        dim = graph(torch.zeros(1, 1, fe.dim)).shape[1]
        add_metadata(model, facts | {"output_dim": dim})
    return model
