"""What a job is asked to write, looked at before it starts: no output is an input, and each of them can be written."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from spkr.errors import InputError

MAX_LINKS = 40  # one behind the other, as Linux follows them


def check_outputs(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Raise InputError where an output cannot be written, is an input, or stands there twice.

    Two paths are one file if they lead to it over symbolic links, or are hard links of each other. Streams may stand
    anywhere.
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


def check_folders(folders: Iterable[Path], reads: Iterable[str | Path]) -> None:
    """Raise InputError where a folder that is to be written to is none, or is one of the folders that are read."""
    read = {os.path.realpath(path) for path in reads}
    for folder in dict.fromkeys(folders):
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is a file; expected a folder to write to")
        if folder.is_symlink() and not folder.exists():
            raise InputError(f"{folder}: is a symbolic link that leads nowhere; expected a folder to write to")
        if os.path.realpath(folder) in read:
            raise InputError(f"{folder}: is an input, too; name another folder for the output")


def _places(path: str | Path) -> list[object]:
    """What two names of one file have in common."""
    places: list[object] = [os.path.realpath(path)]
    try:
        found = Path(path).stat()
        places.append((found.st_dev, found.st_ino))
    except OSError:
        pass
    return places


def check_writable(path: str | Path) -> None:
    """Raise InputError where no file can take this name: it is a folder, or the folder it would lie in is read-only."""
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
    """Open a stream for writing; of a descriptor a copy, so that the file behind it is neither cut nor closed."""
    number = _descriptor(path)
    return open(path if number is None else os.dup(number), mode, encoding=encoding)  # noqa: PTH123, a number too


def _descriptor(path: str | Path) -> int | None:
    """N of /dev/fd/N and /proc/self/fd/N, or of a link to one, as /dev/stdout is."""
    path = Path(path).absolute()
    for _ in range(MAX_LINKS):
        if str(path.parent) in ("/dev/fd", "/proc/self/fd", f"/proc/{os.getpid()}/fd") and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = Path(os.path.normpath(path.parent / path.readlink()))
    return None
