"""The command `spkr <verb>`: arguments, logging and exit status; each verb is a function on paths.

Exit status: 0: done; 1: the input was wrong, or something failed; 2: the command line was wrong. Verbs that answer a
question, such as `verify`, return 0 for yes and 1 for no, and 2 or more if something was wrong or failed. 143
(SIGTERM), 130 (SIGINT) or 75 (time was up): it was stopped; a training has saved a checkpoint, and the same command
resumes it; 141 (SIGPIPE): the reader of the output has closed it.
"""

import argparse
import logging
import os
import select
import signal
import sys
from pathlib import Path

from spkr.cli import (
    artefacts,
    backend,
    compare,
    corpus,
    data,
    embed_files,
    feats,
    html_report,
    likelihood_ratios,
    nnet,
    onnx_export,
    own_data,
    packed,
    report,
    scoring,
    serve,
    trial_lists,
    voices,
)
from spkr.cli.arguments import verb_adder
from spkr.cli.terminal import add_questions, formatter_for
from spkr.errors import InputError
from spkr.files import UNWRITABLE
from spkr.orphan import end_when_orphaned

LOG_LINE = "%(asctime)s %(message)s"
PROGRESS = "spkr.progress"  # the logger of a training's epochs, which the console shows along with warnings
STDOUT = 1  # its descriptor
EXAMPLES = """examples (`spkr VERB --help` has one for each verb):
  spkr new calls --from ~/recordings
  spkr pack exp/an4/main an4.spkr
  spkr verify an4.spkr a.wav b.wav
"""

logger = logging.getLogger("spkr")


def parser() -> argparse.ArgumentParser:
    """The command line, with a subcommand for each verb."""
    top = argparse.ArgumentParser(prog="spkr", description="Speaker recognition, a stage at a time.", epilog=EXAMPLES,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    top.add_argument("--log", type=Path, metavar="FILE", help="log to FILE; the console then shows warnings, "
                     "errors and the progress of training only")  # fmt: skip
    add_questions(top)
    verb = verb_adder(top.add_subparsers(required=True, metavar="VERB"))
    for group in (
        own_data,
        corpus,
        data,
        trial_lists,
        feats,
        nnet,
        backend,
        scoring,
        likelihood_ratios,
        report,
        compare,
        html_report,
        packed,
        voices,
        onnx_export,
        embed_files,
        serve,
        artefacts,
    ):
        group.add_verbs(verb)
    return top


def main(argv: list[str] | None = None) -> None:
    """Run one verb. Wrong input gives one line on stderr and exit status 1."""
    args = parser().parse_args(argv)
    # Idle threads spin for some microseconds between two operations of a network, then sleep
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    console = logging.StreamHandler()
    console.setFormatter(formatter_for(sys.stderr, LOG_LINE, "%H:%M:%S"))
    if args.log:
        console.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == PROGRESS)
    logging.basicConfig(level=logging.INFO, handlers=[console])
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that temporary files are removed
    end_when_orphaned()
    try:
        if args.log and os.environ.get("RANK", "0") == "0":  # only one of torchrun's processes writes the file
            _log_to(args.log)
        status = args.run(args) or 0
        if sys.stdout:  # None if the shell closed it
            sys.stdout.flush()
    except KeyboardInterrupt:
        logger.error("spkr %s: interrupted", args.verb)
        status = 128 + signal.SIGINT
    except Exception as e:
        status = _report_failure(args.verb, e, getattr(args, "error_status", 1))
    if status:
        sys.exit(status)


def _report_failure(verb: str, e: Exception, status: int) -> int:
    """Say what went wrong with a verb; returns its exit status, `status` in most cases."""
    if isinstance(e, InputError):
        logger.error("spkr %s: error: %s", verb, e)
    elif isinstance(e, BrokenPipeError) and _stdout_is_closed():  # head, for instance, has seen enough
        _drop_output()
        return 128 + signal.SIGPIPE
    elif isinstance(e, OSError) and e.filename:
        logger.error("spkr %s: error: %s: cannot be read or written (%s)", verb, e.filename, e.strerror)
    elif isinstance(e, OSError) and e.errno in UNWRITABLE:
        logger.error("spkr %s: error: the output cannot be written (%s)", verb, e.strerror)
        _drop_output()
    else:
        logger.error("spkr %s: failed; this is a defect of spkr, or of the machine", verb, exc_info=e)
    return status


def _drop_output() -> None:
    """Give away what Python would still write at exit, so that it does not fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)


def _stdout_is_closed() -> bool:
    """Whether the standard output is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(STDOUT, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


class MarkedWarnings(logging.Formatter):
    """Lines of a log in which a warning can be told from the rest, for the HTML report."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802, logging's name
        """The line of a record whose message is there already."""
        if record.levelno == logging.WARNING:
            record.message = f"warning: {record.message.removeprefix('warning: ')}"
        return super().formatMessage(record)


def _log_to(path: Path) -> None:
    """Write the log to a file, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(MarkedWarnings(LOG_LINE, "%H:%M:%S"))
    logging.getLogger().addHandler(handler)
