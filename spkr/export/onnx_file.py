"""Turning a torch module into an ONNX model, and writing it."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from spkr.errors import InputError
from spkr.files import replacing

if TYPE_CHECKING:
    import onnx

OPSET = 18
EXAMPLE = 157  # frames of examples, a number that nothing else has
CHATTY = ("torch.onnx", "torch.onnx._internal.exporter._registration", "onnx_ir", "onnxscript")


def to_onnx(
    module: torch.nn.Module,
    examples: tuple[torch.Tensor, ...],
    inputs: Mapping[str, Mapping[int, tuple[str, int]]],
    outputs: Sequence[str],
) -> "onnx.ModelProto":
    """The ONNX model of a module in evaluation mode, by torch's dynamo exporter.

    Args:
        examples: inputs of any size that is allowed.
        inputs: by name, in order: the axes whose size varies, each with its name and least size.
        outputs: names.
    """
    _check_installed()
    sizes = {}
    shapes = tuple(
        {axis: sizes.setdefault(name, torch.export.Dim(name, min=least)) for axis, (name, least) in axes.items()}
        for axes in inputs.values()
    )
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(),
            examples,
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=shapes,
            input_names=list(inputs),
            output_names=list(outputs),
            verbose=False,
        )
    model = program.model_proto
    _check_sizes(model, inputs)
    return _stripped(model)


def _check_sizes(model: "onnx.ModelProto", inputs: Mapping[str, Mapping[int, tuple[str, int]]]) -> None:
    """Refuse a model in which the exporter fixed a size, which it does silently where a module reads a number of it."""
    for given in model.graph.input:
        for axis in inputs[given.name]:
            if not given.type.tensor_type.shape.dim[axis].dim_param:
                raise RuntimeError(f"the exporter fixed axis {axis} of {given.name}")


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise InputError("exporting needs the extra export; install it: pip install 'spkr[export]'") from None


@contextmanager
def _quiet():
    """Without what the exporter says of its own work, and of packages that spkr does not use."""
    logs = [logging.getLogger(name) for name in CHATTY]
    before = [log.level for log in logs]
    try:
        for log in logs:
            log.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)


def _stripped(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The model without the names of files and lines of code that each node came from."""
    del model.metadata_props[:]
    graph = model.graph
    for part in (graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    return model


def add_metadata(model: "onnx.ModelProto", facts: Mapping[str, object]) -> None:
    """Add facts to the model's metadata, as text."""
    for name, value in facts.items():
        model.metadata_props.add(key=name, value=str(value))


def write_onnx(path: str | Path, model: "onnx.ModelProto") -> None:
    """Write a model as one file."""
    with replacing(path, "wb") as f:
        f.write(model.SerializeToString(deterministic=True))
