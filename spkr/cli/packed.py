"""The verbs of packed models: writing one, looking at it, and comparing recordings with it."""

import json
from pathlib import Path

from spkr.cli.arguments import add_listening, not_negative, number, prior, probability
from spkr.errors import InputError

MISMATCH = 1  # exit status: different speakers, or other numbers than the file says
BROKEN = 2  # exit status of errors, where 1 is an answer
PACKED = ("name", "backend", "trials", "dim")  # of about.json: what `spkr pack --json` prints
INCOMPLETE = 3  # exit status: some files could not be used, the others were


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("pack", _pack, "write a finished run as one file, with which recordings are compared",
             "exp/an4/main an4.spkr")  # fmt: skip
    p.add_argument("run_dir", metavar="RUN", help="a run, such as exp/an4/main; or exp/an4, for its run `main`")
    p.add_argument("out", metavar="OUT", help="output: OUT.spkr")
    p.add_argument("--backend", metavar="NAME", help="of the run (default: the primary one)")
    p.add_argument("--trials", metavar="LIST", help="the list of test whose calibration and thresholds are packed "
                   "(default: the first one of the run)")  # fmt: skip
    p.add_argument("--onnx", action="store_true",
                   help="put the network into it as ONNX, too: it then runs without torch")  # fmt: skip
    p.add_argument("--json", action="store_true", help="print JSON")

    p = verb("info", _info, "show a packed model: its card, or all that it says of itself", "an4.spkr")
    p.add_argument("model", metavar="MODEL", help="what `spkr pack` wrote")
    p.add_argument(
        "--json",
        action="store_true",
        help="print about.json, with the hash that a store is bound to, and that of each part",
    )

    p = verb("selfcheck", _selfcheck, "compute the examples in a packed model, and compare with what it says",
             "an4.spkr")  # fmt: skip
    add_listening(p)
    p.set_defaults(error_status=BROKEN)

    p = verb("verify", _verify, "say whether recordings are of the same speaker", "an4.spkr a.wav b.wav")
    add_listening(p)
    p.add_argument("first", metavar="A", help="a recording of one speaker")
    p.add_argument("others", metavar="B", nargs="+", help="recordings, each of which is compared with A")
    p.add_argument("--enrol", nargs="+", default=[], metavar="FILE", help="further recordings of A's speaker, which "
                   "are averaged with A")  # fmt: skip
    add_least(p)
    add_rule(p)
    p.set_defaults(error_status=BROKEN)


def add_least(p) -> None:
    """The option of what is too short to be compared."""
    p.add_argument("--min-speech", type=not_negative, metavar="S", help="refuse recordings with less speech, in "
                   "seconds (default: 0.25)")  # fmt: skip


def add_rule(p) -> None:
    """The options of a decision."""
    p.add_argument("--prior", type=prior, metavar="P", help="of the same speaker, for the probability and Bayes' "
                   "threshold (default: the prior that the model was calibrated for)")  # fmt: skip
    how = p.add_mutually_exclusive_group()
    how.add_argument("--threshold", type=number, metavar="X", help="decide by this log-likelihood ratio; by this "
                     "score, if the model has no calibration")  # fmt: skip
    how.add_argument("--false-alarms", type=probability, metavar="RATE", help="decide by the threshold that was chosen "
                     "on dev for this rate of false alarms: 0.01, 0.001")  # fmt: skip


def model_of(args, least_speech: float | None = None):
    """The packed model that `add_listening` took, which refuses recordings with less speech than that."""
    from spkr.packed.packed_model import PackedModel

    least = {} if least_speech is None else {"least_speech": least_speech}
    return PackedModel.read(args.model, engine=args.engine, threads=args.threads, vad=args.vad, **least)


def _pack(args) -> None:
    from spkr.outputs import check_writable
    from spkr.packed.packing import pack

    if Path(args.out).suffix != ".spkr":  # a file of the run would be overwritten
        raise InputError(f"{args.out}: expected the name of a file that ends in .spkr")
    check_writable(args.out)
    about = pack(args.run_dir, args.out, args.backend, args.trials, args.onnx)
    if args.json:
        print(json.dumps({"out": args.out, "onnx": args.onnx} | {key: about[key] for key in PACKED}))


def _info(args) -> None:
    from spkr.packed.about import embeddings_sha256, read_about
    from spkr.packed.container import VERSION, WEIGHTS, Container

    container = Container(args.model)
    if not args.json:
        print(container.text("card.md"), end="")
        return
    read_about(container)  # refuses one that lacks something
    sha = embeddings_sha256(container.sums.get(WEIGHTS, ""), container.about)
    print(json.dumps({"version": VERSION, "sha256": sha} | container.about | {"parts": container.sums}, indent=1))


def _selfcheck(args) -> int:
    from spkr.packed.examples import COSINE, selfcheck

    model = model_of(args)
    found = selfcheck(model)
    if args.json:
        print(json.dumps({"same": found.is_same, "cosine": found.cosine, "score": found.score,
                          "engine": model.engine_kind}))  # fmt: skip
    else:
        verdict = "the same as" if found.is_same else "NOT the same as"
        print(f"{verdict} the file says, with {model.engine_kind}: embeddings differ by {found.cosine:.1e} (cosine "
              f"distance; allowed: {COSINE:g}), scores by {found.score:.1e}")  # fmt: skip
    return 0 if found.is_same else MISMATCH


def _verify(args) -> int:
    from spkr.packed.heard import read_sound
    from spkr.packed.verdicts import as_json, as_text

    model = model_of(args, args.min_speech)
    rule = model.rule(args.prior, args.threshold, args.false_alarms)
    paths = [args.first, *args.enrol, *args.others]
    heard = model.hear_all([read_sound(path, model.front_end, channel=args.channel) for path in paths])
    first = 1 + len(args.enrol)
    verdicts = [(heard[:first], one, model.compare(heard[:first], [one], rule)) for one in heard[first:]]
    print(json.dumps(as_json(args.model, model, verdicts)) if args.json else "\n".join(map(as_text, verdicts)))
    return 0 if all(found.same for _, _, found in verdicts) else MISMATCH
