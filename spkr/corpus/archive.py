"""Unpacking untrusted archives safely: completely, or not at all."""

import gzip
import lzma
import os
import posixpath
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from spkr.corpus.parts import CHUNK, open_parts
from spkr.errors import InputError

DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a zip's unknown compression
)
NESTED = (".tar", ".tar.gz", ".tgz", ".zip")
RECORD = "unpacked.json"  # written last into an unpacked corpus
MAX_NAME = 255  # bytes of a file's name
DEPTH = 3  # levels of archives in archives; some archives contain themselves

# (name, content) of each member of an archive. The content is a file to read from, None for a folder, or the target of
# a link, relative to the top of the archive.
Members = Iterator[tuple[str, IO[bytes] | str | None]]


def unpack(archive: str | Path, out_dir: str | Path, depth: int = DEPTH, parts: Sequence[Path] = ()) -> int:
    """Unpack a tar (compressed or not) or zip archive to the folder `out_dir`, and return the number of files.

    If `parts` are given, they are the files that the archive is cut into, and `archive` is only its name in messages.

    A link becomes a copy of the file that it names, so nothing is read or written through links. Permissions and times
    are not restored. An archive in the archive is replaced by a folder `<its name>.unpacked`, at most `depth` levels
    deep.

    Raises InputError and leaves nothing behind if the archive, or one in it, is cut short or damaged, or if a member
    has an absolute path or one with '..', links to something that is not a file of the archive, is a device, occurs
    twice, or has a name that no file can have.
    """
    archive = Path(archive)
    parts = parts or [archive]
    if missing := [path for path in parts if not path.is_file()]:
        raise InputError(f"{missing[0]}: no such file; expected an archive")
    with replacing_folder(out_dir) as folder, open_parts(parts) as file:
        files = _extract(archive, file, folder)
        nested = [f for f in files if f.name.endswith(NESTED)]
        if nested and not depth:
            raise _refused(archive, nested[0], "is nested too deep in other archives")
        return len(files) + sum(_unpack_nested(archive, folder, f, depth - 1) for f in nested)


def _extract(archive: Path, file: IO[bytes], folder: Path) -> set[PurePosixPath]:
    """Write an archive's files to a folder, links as copies, and return their paths; raises as `unpack` does."""
    members = _zip_members if _is_zip(file) else _tar_members
    files, links = set(), {}
    try:
        for name, content in members(archive, file):
            path = _checked_path(archive, name)
            if path in files or path in links:
                raise _refused(archive, name, "occurs twice")
            if isinstance(content, str):
                links[path] = PurePosixPath(posixpath.normpath(content))
            elif content is None:
                (folder / path).mkdir(parents=True, exist_ok=True)
            else:
                files.add(path)
                _write(folder / path, content)
        for name, target in links.items():
            if target not in files:
                raise _refused(archive, name, f"links to {target}, which is not a file of the archive")
            _write(folder / name, (folder / target).open("rb"))
            files.add(name)
    except DAMAGED as e:
        why = str(e).partition("\n")[0].rstrip(":")
        raise InputError(
            f"{archive}: cut short, damaged, or neither tar nor zip ({why}); delete it and run again"
        ) from None
    except (FileExistsError, NotADirectoryError):
        raise _refused(archive, name, "is both a file and a folder") from None
    return files


def _checked_path(archive: Path, name: str) -> PurePosixPath:
    """The path of a member in the folder; InputError if it leads out of the folder, or if no file can have the name."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _refused(archive, name, "lies outside the folder")
    if "\0" in name or any(len(os.fsencode(part)) > MAX_NAME for part in path.parts):
        raise _refused(archive, name, "has a name that no file can have")
    return path


def _is_zip(file: IO[bytes]) -> bool:
    """Check both ends: a tar may have a zip as its last file, or a first name that begins with PK."""
    found = file.read(4) in (b"PK\3\4", b"PK\5\6") and zipfile.is_zipfile(file)
    file.seek(0)
    return found


def _unpack_nested(archive: Path, folder: Path, name: PurePosixPath, depth: int) -> int:
    """Unpack a file of `folder` that is an archive. Returns how many files that adds."""
    path = folder / name
    try:
        more = unpack(path, path.with_name(f"{path.name}.unpacked"), depth)
    except InputError as e:
        why = str(e).removeprefix(f"{path}: ").partition(";")[0]
        raise _refused(archive, name, f"is an archive that cannot be unpacked ({why})") from None
    path.unlink()
    return more - 1


def _refused(archive: Path, name: object, why: str) -> InputError:
    return InputError(f"{archive}: member {str(name)!r} {why}; nothing was unpacked; replace the archive")


def _write(path: Path, content: IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("xb") as f:
        shutil.copyfileobj(content, f, CHUNK)


def _tar_members(archive: Path, file: IO[bytes]) -> Members:
    with tarfile.open(fileobj=file) as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # otherwise a corpus of a million files takes a gigabyte
            if member.isfile():
                yield member.name, tar.extractfile(member)
            elif member.isdir():
                yield member.name, None
            elif member.islnk():
                yield member.name, member.linkname
            elif member.issym():
                yield member.name, posixpath.join(posixpath.dirname(member.name), member.linkname)
            else:
                raise _refused(archive, member.name, "is a device or a pipe")
        # tarfile treats a damaged header as the end, and stops before the checksum of a compressed file.
        tar.fileobj.seek(tar.offset)
        if tar.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("the end-of-archive block is missing")
        while tar.fileobj.read(CHUNK):
            pass


def _zip_members(archive: Path, file: IO[bytes]) -> Members:
    with zipfile.ZipFile(file) as z:
        for member in z.infolist():
            if stat.S_ISLNK(member.external_attr >> 16):  # the Unix mode
                target = z.read(member).decode()
                yield member.filename, posixpath.join(posixpath.dirname(member.filename), target)
            elif member.flag_bits & 1:
                raise _refused(archive, member.filename, "is encrypted")
            else:
                yield member.filename, None if member.is_dir() else z.open(member)


@contextmanager
def replacing_folder(out_dir: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `out_dir`, which replaces `out_dir` if the block ends without an error.

    On an error it is removed. What a killed run leaves is removed by the next one. Raises InputError if the old
    `out_dir` holds files or folders that the new one does not, because they are not from the corpus.
    """
    out_dir = Path(out_dir)
    folder = out_dir.with_name(f".{out_dir.name}.tmp")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
        if out_dir.exists():
            ours = {p.name for p in folder.iterdir()} | {RECORD}
            if foreign := sorted(p.name for p in out_dir.iterdir() if p.name not in ours):
                raise InputError(f"{out_dir}: holds {foreign[0]!r}, which is not part of the corpus; move it elsewhere")
            shutil.rmtree(out_dir)
        folder.rename(out_dir)
    except BaseException:
        shutil.rmtree(folder)
        raise
