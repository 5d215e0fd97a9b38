"""The verb that embeds many recordings with a packed model."""

import json

from spkr.cli.arguments import add_listening, positive
from spkr.cli.packed import BROKEN, INCOMPLETE


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("embed-files", _embed_files, "embed recordings with a packed model", "an4.spkr recordings/ -o all.npy")
    add_listening(p)
    p.add_argument("sources", metavar="SOURCE", nargs="+",
                   help="audio files, folders of them, a wav.scp, or a Kaldi data directory")  # fmt: skip
    p.add_argument("-o", "--out", required=True, metavar="OUT", help="OUT.ark with OUT.scp, OUT.npy, or OUT.parquet; "
                   "OUT.tsv has what is known of each recording, OUT.failed.tsv those that failed")  # fmt: skip
    p.add_argument("--nj", type=positive, default=1, metavar="N",
                   help="processes, each with the network and one thread (default: %(default)s)")  # fmt: skip
    p.add_argument("--precision", choices=("float32", "bfloat16"), help="of the encoder, in torch; bfloat16 is faster, "
                   "and has three digits (default: that of the run)")  # fmt: skip
    p.set_defaults(error_status=BROKEN)


def _embed_files(args) -> int:
    from spkr.packed.bulk_run import embed_files

    settings = {name: getattr(args, name) for name in ("engine", "threads", "vad", "precision")}
    settings["least_speech"] = 0  # nothing is compared here, and the table of recordings says how much speech each has
    summary = embed_files(args.model, settings, args.sources, args.out, args.channel, args.nj)
    if args.json:
        print(json.dumps(summary.as_json()))
    return INCOMPLETE if summary.failed else 0
