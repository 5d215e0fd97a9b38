"""The verb that copies tables."""

import logging

from spkr.cli.arguments import OUT_TABLE, TABLE

logger = logging.getLogger("spkr")


def add_verbs(verb) -> None:
    """Add this group's verbs to the command line; `verb` makes a subparser."""
    p = verb("copy-table", _copy, "copy a table of matrices, vectors or integers into another form",
             "exp/an4/main/xvectors/test/xvector.scp ark,t:xvector.txt")  # fmt: skip
    p.add_argument("table", metavar="IN", help=TABLE)
    p.add_argument("out", metavar="OUT", help=OUT_TABLE)
    p.add_argument("--compression-method", type=int, choices=range(8), default=0, metavar="N",
                   help="Kaldi's method of compressing matrices, 1 to 7; 0 is none (default: %(default)s)")  # fmt: skip


def _copy(args) -> None:
    from spkr.kaldi.copy_table import copy_table
    from spkr.manifest import check_files

    check_files(args.table)
    number = copy_table(args.table, args.out, args.compression_method)
    logger.info("%s: %d entries of %s copied", args.out, number, args.table)
