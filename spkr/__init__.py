"""Speaker recognition: features, networks, back-ends and metrics; see the README.

>>> import spkr
>>> m = spkr.load("an4.spkr")
>>> m.verify("a.wav", "b.wav").same
True
"""

TYPE_CHECKING = False  # typing's, which is not imported: importing spkr imports nothing
if TYPE_CHECKING:
    from pathlib import Path

    from spkr.packed.packed_model import EngineName
    from spkr.voices.recogniser import Recogniser


def load(path: "str | Path", *, engine: "EngineName" = "auto", threads: "int | None" = None) -> "Recogniser":
    """Read a packed model, which `spkr pack` wrote: verify, embed, enrol and identify with it.

    Args:
        engine: what runs the network: onnx (onnxruntime), torch, or auto: onnx where the file has it, else torch
        threads: that the network uses; default: those of the engine
    Raises spkr.errors.InputError for a file that is missing, damaged or too new, and for an engine that cannot be had.
    """
    from spkr.voices.recogniser import Recogniser

    return Recogniser.read(path, engine=engine, threads=threads)
