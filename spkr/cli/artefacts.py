"""Verbs on the files of any stage: checking them, copying tables."""

import logging
import time
from pathlib import Path

from spkr.cli.arguments import OUT_TABLE, TABLE
from spkr.errors import InputError

logger = logging.getLogger("spkr")


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("check", _check, "find files of a recipe that are damaged, missing or left over, and remove them",
             "exp/an4 --remove")  # fmt: skip
    p.add_argument("path", type=Path, help="folder of a recipe, or one in it; with --accept, a file")
    how = p.add_mutually_exclusive_group()
    how.add_argument("--remove", action="store_true",
                     help="remove damaged and left-over files; snakemake then makes them again")  # fmt: skip
    how.add_argument("--accept", action="store_true",
                     help="the file was changed on purpose: record in its manifest what it is now")  # fmt: skip

    p = verb("copy-table", _copy, "copy a table of matrices, vectors or integers into another form",
             "exp/an4/main/xvectors/test/xvector.scp ark,t:xvector.txt")  # fmt: skip
    p.add_argument("table", metavar="IN", help=TABLE)
    p.add_argument("out", metavar="OUT", help=OUT_TABLE)
    p.add_argument("--compression-method", type=int, choices=range(8), default=0, metavar="N",
                   help="Kaldi's method of compressing matrices, 1 to 7; 0 is none (default: %(default)s)")  # fmt: skip


def _check(args) -> None:
    from spkr.integrity import check_tree
    from spkr.manifest import accept

    if args.accept:
        accept(args.path)
        return
    begun = time.monotonic()
    checked = check_tree(args.path)
    for found in checked.findings:
        logger.error("%s: %s", found.path, found.problem)
    if not checked.findings:
        looked_at = f"{checked.files} files ({checked.bytes / 1e6:.0f} MB) and {checked.recordings} recordings"
        logger.info("%s: whole: %s, in %.1f s", args.path, looked_at, time.monotonic() - begun)
        return
    faults = f"{args.path}: {len(checked.findings)} faults (see above)"
    if not args.remove:
        raise InputError(f"{faults}; `spkr check --remove {args.path}` removes what is ours and prints what to run")
    commands = checked.commands()
    for found in checked.findings:
        found.remove()
    if commands:
        logger.info("removed; to make just these again, run one after the other (with your --config or --configfile):")
        print(*commands, sep="\n")
    if not all(found.ours for found in checked.findings):
        raise InputError(f"{faults}; put the audio files back; all else was removed")
    logger.info("%s, all removed", faults)


def _copy(args) -> None:
    from spkr.kaldi.copy_table import copy_table
    from spkr.manifest import check_files

    check_files(args.table)
    number = copy_table(args.table, args.out, args.compression_method)
    logger.info("%s: %d entries of %s copied", args.out, number, args.table)
