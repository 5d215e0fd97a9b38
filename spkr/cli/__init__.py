"""The command `spkr <verb>`: arguments, logging and exit status; each verb is a function on paths.

Exit status: 0 done; 1 the input was wrong, or something failed; 2 the command line was wrong; 143 (SIGTERM), 130
(SIGINT) or 75 (time was up) a training was stopped: it has saved a checkpoint, and the same command goes on from there.
"""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from spkr.cli import backend, check, corpus, data, feats, nnet, report
from spkr.cli.arguments import verb_adder
from spkr.errors import InputError
from spkr.orphan import end_when_orphaned

logger = logging.getLogger("spkr")


def parser() -> argparse.ArgumentParser:
    """The command line, a subcommand for each verb."""
    top = argparse.ArgumentParser(prog="spkr", description="Speaker recognition, a stage at a time.")
    top.add_argument("--log", type=Path, metavar="FILE", help="write what is logged to FILE, too")
    verb = verb_adder(top.add_subparsers(required=True, metavar="VERB"))
    for group in (corpus, data, feats, nnet, backend, report, check):
        group.add_verbs(verb)
    return top


def main(argv: list[str] | None = None) -> None:
    """Run one verb; wrong input is one line on stderr and exit status 1."""
    args = parser().parse_args(argv)
    # Idle threads spin for some microseconds between two operations of a network, then sleep, out of others' way
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if args.log and os.environ.get("RANK", "0") == "0":  # of torchrun's processes, one has the file
        args.log.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(args.log, mode="w", encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", handlers=handlers)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that temporary files are removed
    end_when_orphaned()
    try:
        args.run(args)
    except InputError as e:
        logger.error("spkr %s: error: %s", args.verb, e)
        sys.exit(1)
    except Exception:
        logger.exception("spkr %s: failed; this is a defect of spkr, or of the machine", args.verb)
        sys.exit(1)
