"""Reading and writing files: a file is complete or absent, and errors name the file and line."""

import errno
import fcntl
import hashlib
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO

from spkr.errors import InputError
from spkr.orphan import is_orphan
from spkr.outputs import check_writable, is_stream, open_stream

BYTE_ORDER_MARK = "\ufeff"
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)

Written = dict[Path, dict[str, object]]  # files, with facts about each

_written: ContextVar[Written | None] = ContextVar("written", default=None)


@contextmanager
def recording() -> Iterator[Written]:
    """Record the files that `replacing` puts in their place while the block runs, in the dictionary that this yields.

    Functions need not pass it on: one that forgot to would write a file that no manifest lists.
    """
    files: Written = {}
    before = _written.set(files)
    try:
        yield files
    finally:
        _written.reset(before)


@contextmanager
def replacing(
    path: str | Path, mode: str = "w", orphaned: bool = False, facts: Mapping[str, object] | None = None
) -> Iterator[IO]:
    """Open a temporary file beside `path`, which is renamed to `path` if the block ends without an error.

    On an error it is removed, so nothing half-written is ever found under its final name. While it is written it is
    locked, so that another process can tell it from one that a killed process left (`is_left_over`). A symbolic link
    stays, and the file that it points to is replaced. A stream (`is_stream`) is written directly.

    `facts` are what a manifest says about the file in addition to its size and sha256, such as the number of keys of an
    ark. For a text file, the number of lines is added.

    Raises InputError as `check_writable` does, if the disk is full or read-only, and if the workflow that started this
    process is gone, unless `orphaned` files are allowed.
    """
    path, encoding = Path(path), None if "b" in mode else "utf-8"
    if is_stream(path):
        with naming_full_disk(path), open_stream(path, mode, encoding) as f:
            yield f
        return
    check_writable(path)
    target = path.resolve() if path.is_symlink() else path
    with naming_full_disk(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        fd, tmp = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        try:
            with os.fdopen(fd, mode, encoding=encoding) as f:
                _lock(fd)
                yield f
                f.flush()
                os.fsync(f.fileno())
                _open_to_colleagues(Path(tmp))
                if not orphaned:
                    _refuse_orphan(path)
                Path(tmp).replace(target)
        except BaseException:
            Path(tmp).unlink(missing_ok=True)
            raise
    if (written := _written.get()) is not None:
        lines = {} if "b" in mode else {"lines": path.read_bytes().count(b"\n")}
        written[path] = lines | dict(facts or {})


def _refuse_orphan(path: Path) -> None:
    if is_orphan():
        raise InputError(f"{path}: not written, as the workflow that started this job is gone; start it again")


def _open_to_colleagues(path: Path) -> None:
    """Give a file that mkstemp made, which only its owner may read, the permissions of any new file."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


@contextmanager
def naming_full_disk(path: str | Path) -> Iterator[None]:
    """Turn an error of the block that comes from a full or read-only disk into an InputError that says so."""
    try:
        yield
    except InputError:
        raise
    except Exception as e:
        error = e  # or its cause: torch.save raises another error about what it could not write
        while error and getattr(error, "errno", None) not in UNWRITABLE:
            error = error.__context__
        if not error:
            raise
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); nothing half-written is left: make room, and start again"
        ) from None


def is_left_over(tmp: str | Path) -> bool:
    """Whether a temporary file of `replacing` is left over: no process is writing it."""
    try:
        with Path(tmp).open("rb") as f:
            return _lock(f.fileno())
    except FileNotFoundError:
        return False


def _lock(fd: int) -> bool:
    """Lock an open file until it is closed; False if another process has locked it. Some file systems cannot lock."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def located(path: str, named_in: Path) -> Path:
    """The path of a file that a list names.

    A relative path starts at the folder in which the workflow was started, the one whose `exp` holds the list. If the
    file is not there but in the working directory, the path starts at the working directory.
    """
    in_run = (run_folder(named_in) or Path()) / path
    return Path(path) if os.access(path, os.F_OK) and not os.access(in_run, os.F_OK) else in_run


def run_folder(path: Path) -> Path | None:
    """The folder in which the workflow of this file was started: it holds the innermost `exp` above the file."""
    above = [*path.parents, *path.absolute().parents]
    return next((folder.parent for folder in above if folder.name == "exp"), None)


def read_text(path: str | Path) -> str:
    """The content of a non-empty UTF-8 text file, with newlines as line ends.

    Raises InputError if the file is missing, unreadable, empty or not UTF-8, or if a line begins with a byte order
    mark, which some editors put before the first line.
    """
    path = Path(path)
    try:
        if path.is_char_device() or path.is_block_device():
            raise InputError(f"{path}: a device, which may have no end; expected a text file")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not UTF-8 text (byte {e.start}); expected a text file") from None
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from None
    if not text:
        raise InputError(f"{path}: the file is empty; expected at least one line")
    if text.startswith(BYTE_ORDER_MARK) or f"\n{BYTE_ORDER_MARK}" in text:
        raise byte_order_mark(path, text[: f"\n{text}".index(f"\n{BYTE_ORDER_MARK}")].count("\n") + 1)
    return text


def byte_order_mark(path: str | Path, line: int = 1) -> InputError:
    """The error for a line that begins with a byte order mark, and the command that removes it."""
    remedy = rf"sed -i '{line}s/^\xEF\xBB\xBF//' {shlex.quote(str(path))}"
    return InputError(f"{path}:{line}: the line begins with a byte order mark; remove it: {remedy}")


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, line without its end); raises InputError as `read_text` does, and for an empty line."""
    for number, line in enumerate(read_text(path).rstrip("\n").split("\n"), 1):
        if not line.strip():
            raise InputError(f"{path}:{number}: empty line; expected a key and a value")
        yield number, line


def sha256(path: str | Path) -> str:
    """Hex digest of a file's content."""
    with Path(path).open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def check_same_keys(where: str | Path, found, expected_from: str | Path, expected) -> None:
    """Raise InputError, which names a key, unless both hold the same keys: no utterance is lost silently."""
    found, expected = set(found), set(expected)
    if missing := sorted(expected - found):
        raise InputError(
            f"{where}: {len(missing)} of {len(expected)} entries of {expected_from} missing, first {missing[0]!r}"
        )
    if extra := sorted(found - expected):
        raise InputError(f"{where}: {len(extra)} entries that {expected_from} does not have, first {extra[0]!r}")
