"""Run the commands of pages, in a folder that looks like the repository but holds only links to it.

Commands then stand in the pages as they are typed in the repository's root, and what they write stays in that folder.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from docs.executed.cells import ROOT, Cell
from spkr.errors import InputError

NOT_LINKED = {"exp", ".git", ".snakemake", ".ci"}
SHELL = {"sh": ("bash", "-euo", "pipefail"), "python": (sys.executable, "-")}
TAIL = 3_000  # characters of the output of a command that failed


def make_folder(folder: Path) -> Path:
    """Fill an empty folder with links to the repository; returns it."""
    for path in ROOT.iterdir():
        if path.name not in NOT_LINKED and not (folder / path.name).is_symlink():
            (folder / path.name).symlink_to(path)
    return folder


def environment(real: bool) -> dict[str, str]:
    """The variables that commands see: this Python's programs first; corpora and networks only for `real` pages."""
    hidden = () if real else ("SPKR_CORPORA", "SPKR_MODELS")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | {"PATH": programs, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}


def run(cell: Cell, folder: Path, env: Mapping[str, str]) -> str:
    """What a command prints, on stdout and stderr.

    Raises InputError, with the end of what it prints, where it fails or draws no picture.
    """
    done = subprocess.run(
        SHELL[cell.language],
        input=cell.code,
        cwd=folder,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise InputError(f"{cell.place}: exit status {done.returncode}:\n{cell.code}\n{done.stdout[-TAIL:]}")
    if cell.drawn and not (folder / cell.drawn).exists():
        raise InputError(f"{cell.place}: no picture {cell.drawn}")
    return done.stdout


def run_all(cells: list[Cell], folder: Path, real: bool) -> Iterator[tuple[Cell, str]]:
    """Run commands one after the other; yields each with what it prints. Raises InputError as `run` does."""
    env = environment(real)
    for cell in cells:
        yield cell, run(cell, folder, env)
