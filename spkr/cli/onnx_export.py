"""The verb that writes a network for other programs."""

import json
from pathlib import Path

from spkr.cli.arguments import verb_adder

PROGRAMS = ("sherpa-onnx",)


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    group = verb("export", None, "write a network for other programs", "onnx an4.spkr an4.onnx")
    export_verb = verb_adder(group.add_subparsers(required=True, metavar="FORMAT"), "export")
    p = export_verb("onnx", _export_onnx, "write a network as ONNX, with its features inside or apart",
                    "an4.spkr an4.onnx --features inside")  # fmt: skip
    p.add_argument("model", metavar="MODEL", help="what `spkr pack` wrote, or a network alone: final.pt")
    p.add_argument("out", metavar="OUT", help="output: OUT.onnx")
    p.add_argument("--features", choices=("inside", "outside"), help="inside: the input is a waveform; outside: it is "
                   "features, normalised and selected (default: inside; outside with --for)")  # fmt: skip
    p.add_argument("--for", dest="program", choices=PROGRAMS, help="the program that will read the file: it computes "
                   "features itself, and expects metadata")  # fmt: skip
    p.add_argument("--language", default="unknown", help="of these metadata (default: %(default)s)")
    p.add_argument("--quantize", choices=("int8",), help="store weights in 8 bits: smaller, and less accurate")
    p.add_argument("--json", action="store_true", help="print JSON")


def _export_onnx(args) -> None:
    from spkr.export.exporting import export_network
    from spkr.outputs import check_outputs

    check_outputs([args.out], [args.model])
    features = args.features or ("outside" if args.program else "inside")
    export_network(args.out, *_network(args.model), features, args.program, args.language, int8=args.quantize == "int8")
    if args.json:
        print(json.dumps({"out": args.out, "features": features, "for": args.program, "quantize": args.quantize,
                          "bytes": Path(args.out).stat().st_size}))  # fmt: skip


def _network(path: str):
    """The network of a packed model, or of a model file, and its front end."""
    if Path(path).suffix == ".pt":
        from spkr.nnet.model import load_model

        return load_model(path)[:2]
    from spkr.packed.packed_model import PackedModel
    from spkr.packed.torch_engine import network_of

    model = PackedModel.read(path, engine="torch")
    return network_of(model.container, model.about, model.front_end), model.front_end
