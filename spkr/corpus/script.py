"""The command line of all scripts local/<corpus>.py.

A script defines a class `CorpusOptions`, the options of `corpus.options`, and a function that prepares the corpus:

    prepare(corpus, out_dir, options, jobs)

The function writes to `out_dir` a data directory for each of the sets train, valid, dev and test, trial lists of dev
and test, and bad_files, which lists the recordings that were skipped. It checks everything before it writes.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from spkr.config.options import Options, SetName, read_options
from spkr.errors import InputError
from spkr.manifest import artefacts

SETS = get_args(SetName)


def run(doc: str, kind: type[Options], prepare: Callable[[Path, Path, Options, int], None]) -> None:
    """Read the command line and prepare the corpus. An InputError is one line on stderr and exit status 1.

    Args: the script's docstring, its class of options, and its function.
    """
    name = Path(sys.argv[0]).name
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus_dir", type=Path, help="the unpacked corpus")
    parser.add_argument("out_dir", type=Path, help="where the data directories go")
    parser.add_argument("--options", type=json.loads, default={}, help="JSON: " + ", ".join(kind.model_fields))
    parser.add_argument("--jobs", type=int, default=1, help="files to read at a time (default: %(default)s)")
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS, help="sets that it writes (default: all)")
    args = parser.parse_args()
    made_with = {"corpus_dir": args.corpus_dir, "out_dir": args.out_dir, "options": args.options}
    manifests = [args.out_dir / "manifest.json", *(args.out_dir / s / "manifest.json" for s in args.sets)]
    try:
        options = read_options(kind, args.options, "corpus.options")
        with artefacts("data", made_with, *manifests, code=Path(sys.argv[0]).parent):
            prepare(_near(args.corpus_dir), args.out_dir, options, args.jobs)
    except InputError as e:
        sys.exit(f"{name}: error: {e}")


def _near(folder: Path) -> Path:
    """The folder, relative to the working directory if it lies below it, so that both can be moved together."""
    folder = folder.absolute()
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
