"""Weights in 8 bits: a quarter of the size, at a cost in accuracy (benchmarks/int8_cost.py)."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from spkr.errors import InputError

if TYPE_CHECKING:
    import onnx

OF_FEATURES = ("front.",)  # how the names of the front end's matrices begin; they stay as they are


def quantised(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The model with the weights of its network in 8 bits; activations are quantised as they come (ONNX Runtime's
    dynamic quantisation).
    """
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError:
        raise InputError("--quantize needs the extra export; install it: pip install 'spkr[export]'") from None

    front = [node.name for node in model.graph.node if any(name.startswith(OF_FEATURES) for name in node.input)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        quantize_dynamic(model, path, weight_type=QuantType.QUInt8, nodes_to_exclude=front)
        made = onnx.load(path)
    if not made.metadata_props:
        made.metadata_props.extend(model.metadata_props)
    return made
