"""The two graphs in a packed model, with which it runs without torch.

front.onnx      a waveform on the scale of 16-bit integers (1, samples) -> raw features (1, T, dim), log energy (1, T)
network.onnx    raw features (1, T, dim), numbers of the frames that are used (V,) -> embedding (1, embedding dim)

Between the two, spkr.packed stores features as an ark does and finds the speech, in numpy: so the numbers are those of
the pipeline.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from spkr.config.embed_options import MIN_CHUNK
from spkr.config.front_end_options import FrontEnd
from spkr.export.front_graph import check_exportable, front_graph
from spkr.export.network_graph import NetworkGraph
from spkr.export.onnx_file import EXAMPLE, add_metadata, to_onnx
from spkr.nnet.model import Network, load_model

if TYPE_CHECKING:
    import onnx


def packed_graphs(model: str | Path, front_end: FrontEnd) -> tuple[bytes, bytes]:
    """The graphs of a model file, front end and network; InputError for features that have no graph."""
    check_exportable(front_end)
    net, *_ = load_model(model)
    front, network = front_onnx(front_end), network_onnx(net, front_end)
    return front.SerializeToString(deterministic=True), network.SerializeToString(deterministic=True)


def front_onnx(fe: FrontEnd) -> "onnx.ModelProto":
    """The front end; its metadata say whether a recording may come in pieces."""
    graph = front_graph(fe)
    samples = fe.min_samples + EXAMPLE * fe.window_shift
    axes = {"waveform": {1: ("samples", fe.min_samples)}}
    model = to_onnx(graph, (torch.randn(1, samples),), axes, ["feats", "log_energy"])
    add_metadata(model, {"local": int(graph.local)})
    return model


def network_onnx(net: Network, fe: FrontEnd) -> "onnx.ModelProto":
    """Normalisation, selection of frames, and the network."""
    examples = torch.randn(1, EXAMPLE, fe.dim), torch.arange(EXAMPLE - 1)
    axes = {"feats": {1: ("frames", 1)}, "used": {0: ("voiced", MIN_CHUNK)}}
    return to_onnx(NetworkGraph(net, fe), examples, axes, ["embedding"])
