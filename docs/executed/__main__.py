"""Run the tutorial's commands, and write what they print and draw into its pages and its notebook.

    python -m docs.executed                # the pages that need nothing from elsewhere: three minutes
    python -m docs.executed --real         # those that need SPKR_CORPORA and SPKR_MODELS
    python -m docs.executed --notebook     # only make docs/tutorial.ipynb from the pages

Outputs and pictures are never edited by hand: edit the commands and the text, then run this.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from docs.executed.cells import cells_of, is_real, pages
from docs.executed.notebook import NOTEBOOK, notebook_text
from docs.executed.running import make_folder, run_all
from docs.executed.writing import store_picture, write_page
from spkr.errors import InputError
from spkr.files import replacing


def rewrite(real: bool, folder: Path) -> None:
    """Run the pages of one kind in a folder, and write each when all its commands have run."""
    make_folder(folder)
    for page in pages():
        if is_real(page) == real:
            printed = []
            for cell, output in run_all(cells_of(page), folder, real):
                printed.append((cell, output))
                print(f"{cell.place}: {cell.code.splitlines()[0]}", flush=True)
                if cell.drawn:
                    store_picture(cell, folder)
            write_page(page, printed)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.executed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--real", action="store_true", help="the pages that need real corpora, not the others")
    parser.add_argument("--notebook", action="store_true", help="run nothing")
    args = parser.parse_args()
    try:
        if not args.notebook:
            with tempfile.TemporaryDirectory() as folder:
                rewrite(args.real, Path(folder))
        with replacing(NOTEBOOK) as f:
            f.write(notebook_text())
    except InputError as e:
        sys.exit(f"docs.executed: error: {e}")


if __name__ == "__main__":
    main()
