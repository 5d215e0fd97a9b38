"""Checks of a job's outputs before it starts: none of them is an input, and all of them can be written."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from spkr.errors import InputError

MAX_LINKS = 40  # in a chain, the limit of Linux


def check_outputs(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Raise InputError if an output cannot be written, is an input, or is listed twice.

    Two paths are the same file if they lead to it through symbolic links, or are hard links of each other. Outputs that
    are streams are not checked.
    """
    taken = {place: ("is an input, too", path) for path in inputs for place in _places(path)}
    for path in outputs:
        if is_stream(path):
            continue
        check_writable(path)
        for place in _places(path):
            if place in taken:
                problem, other = taken[place]
                same = "" if str(other) == str(path) else f" ({other} is the same file)"
                raise InputError(f"{path}: {problem}{same}; name another output")
        taken |= dict.fromkeys(_places(path), ("is to be written twice", path))


def manifests_beside(out: str | Path) -> list[Path]:
    """The manifest of an output that is a file; none for a stream."""
    path = Path(out)
    return [] if is_stream(path) else [path.with_name(f"manifest.{path.name.removesuffix('.json')}.json")]


def check_folders(folders: Iterable[Path], reads: Iterable[str | Path]) -> None:
    """Raise InputError if an output folder is a file or a broken link, or if it is one of the inputs."""
    read = {os.path.realpath(path) for path in reads}
    for folder in dict.fromkeys(folders):
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is a file; expected a folder to write to")
        if folder.is_symlink() and not folder.exists():
            raise InputError(f"{folder}: is a symbolic link that leads nowhere; expected a folder to write to")
        if os.path.realpath(folder) in read:
            raise InputError(f"{folder}: is an input, too; name another folder for the output")


def _places(path: str | Path) -> list[object]:
    """The real path of a file, and its device and inode; two names of one file share at least one of these."""
    places: list[object] = [os.path.realpath(path)]
    try:
        found = Path(path).stat()
        places.append((found.st_dev, found.st_ino))
    except OSError:
        pass
    return places


def check_writable(path: str | Path) -> None:
    """Raise InputError if no file can be written to this path: it is a folder, or its folder is read-only."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise InputError(f"{path}: is a symbolic link that leads to itself; name another output")
    if target.is_dir():
        raise InputError(f"{path}: is a folder; expected the name of a file to write")
    if target.exists() and not target.is_file():
        raise InputError(f"{path}: is not a file, and no pipe or character device; name another output")
    folder = next(folder for folder in target.parents if folder.exists())
    if not folder.is_dir():
        raise InputError(f"{path}: cannot be written, as {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{path}: cannot be written, as {folder} is read-only for this user")


def is_stream(path: str | Path) -> bool:
    """Whether a path is a character device, a pipe, or a descriptor that is open already, as /dev/stdout is."""
    if _descriptor(path) is not None:
        return True
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def open_stream(path: str | Path, mode: str, encoding: str | None) -> IO:
    """Open a stream for writing. A descriptor is copied, so that its file is neither truncated nor closed."""
    number = _descriptor(path)
    return open(path if number is None else os.dup(number), mode, encoding=encoding)  # noqa: PTH123, a number too


def _descriptor(path: str | Path) -> int | None:
    """N for /dev/fd/N, /proc/self/fd/N, or a link to one of them, such as /dev/stdout; None for any other path."""
    path = Path(path).absolute()
    for _ in range(MAX_LINKS):
        if str(path.parent) in ("/dev/fd", "/proc/self/fd", f"/proc/{os.getpid()}/fd") and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = Path(os.path.normpath(path.parent / path.readlink()))
    return None
