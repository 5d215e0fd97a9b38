"""The verb that checks files."""

import logging
import time
from pathlib import Path

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


def _check(args) -> None:
    from spkr.check import check_tree
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
