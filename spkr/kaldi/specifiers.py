"""The names of tables on command lines: plain files, or Kaldi's `scp:FILE`, `ark:FILE`, `ark,t:FILE` and so on.

    read     FILE.ark, ark:FILE       an ark, binary or text
             any other FILE, scp:FILE an scp
    write    FILE.ark                 an ark with FILE.scp beside it
             ark:FILE                 an ark without an scp
             ark,scp:FILE.ark,FILE.scp
             `t` among these words (ark,t:FILE) makes a text ark; `-` is the standard output

Kaldi's other options for reading (s, cs, ...) tell its programs how to read a table. They are accepted and ignored.
Commands are refused, and so is `-` for reading.
"""

from pathlib import Path
from sys import intern
from typing import NamedTuple

from spkr.errors import InputError
from spkr.outputs import is_stream

FORMS = {"ark", "scp"}
READING = {"b", "t", "o", "no", "s", "ns", "cs", "ncs", "np", "bg"}
WRITING = {"b", "t", "f", "nf"}


class Source(NamedTuple):
    """A table to read."""

    path: Path
    is_ark: bool


class Target(NamedTuple):
    """A table to write."""

    ark: Path
    scp: Path | None
    text: bool

    @property
    def files(self) -> list[Path]:
        """The files that are written."""
        return [self.ark] if self.scp is None else [self.ark, self.scp]


def source_of(name: str | Path) -> Source:
    """The table to read for a name; InputError for a name of another form, a command or standard input."""
    words, rest = _split(name)
    if not words:
        return Source(Path(name), rest.endswith(".ark"))
    if "p" in words:
        raise InputError(f"{name}: p (leave out what is missing) is not supported: a missing entry is an error here")
    forms = [word for word in words if word in FORMS]
    if len(forms) > 1 or not set(words) <= FORMS | READING:
        raise InputError(f"{name}: expected scp:FILE, ark:FILE, or a file")
    return Source(_path(name, rest), forms == ["ark"])


def table_in(folder: str | Path, name: str) -> Path:
    """The table of this name in a folder: its scp or, without one, its ark."""
    scp = Path(folder) / f"{name}.scp"
    ark = scp.with_suffix(".ark")
    return ark if ark.exists() and not scp.exists() else scp


def target_of(name: str | Path) -> Target:
    """The table to write for a name; InputError for a name of another form, a command or an scp of a stream."""
    words, rest = _split(name)
    if not words:
        ark = Path(name)
        if ark.suffix != ".ark" and not is_stream(ark):  # x.test and x.dev would share x.scp
            raise InputError(f"{name}: expected an output that ends in .ark, with an scp beside it, or ark:{name}")
        return _checked(Target(ark, ark.with_suffix(".scp"), False))
    forms = [word for word in words if word in FORMS]
    paths = rest.split(",", len(forms) - 1)
    paths = ["/dev/stdout" if path.strip() == "-" else path for path in paths]
    files = {form: _path(name, path) for form, path in zip(forms, paths, strict=False)}
    distinct = len(files) == len(forms) == len(set(paths))
    if not distinct or "ark" not in files or not set(words) <= FORMS | WRITING:
        raise InputError(f"{name}: expected FILE.ark, ark:FILE, ark,t:FILE or ark,scp:FILE.ark,FILE.scp")
    return _checked(Target(files["ark"], files.get("scp"), "t" in words))


def _checked(target: Target) -> Target:
    if target.scp and is_stream(target.ark):
        raise InputError(
            f"{target.ark}: is a pipe or a device, and an scp names places in a file; name a file, or "
            f"ark:{target.ark} or ark,t:{target.ark}, which have no scp"
        )
    return target


def place_of(where: str) -> tuple[str, int]:
    """The path and offset of an entry in an scp; for another form, a ValueError that says what to do."""
    path, _, offset = where.rpartition(":")
    if path and offset.isdecimal():
        return intern(path), int(offset)  # the same string in all entries of an ark
    if where.startswith("["):
        raise ValueError("this is a text ark, not an scp; name it as ark:FILE")
    form = "commands are" if "|" in (where[:1], where[-1:]) else "ranges are" if where[-1:] == "]" else "this is"
    raise ValueError(
        f"expected <path>:<offset>, {form} not supported; copy the table first, with Kaldi's "
        "`copy-feats scp:FILE.scp ark,scp:NEW.ark,NEW.scp` (`copy-vector` for vectors)"
    )


def _split(name: str | Path) -> tuple[list[str], str]:
    """The words before the colon of one of Kaldi's names, and the rest; a plain file has no words."""
    head, colon, rest = str(name).partition(":")
    words = head.split(",")
    return (words, rest) if colon and FORMS & set(words) else ([], str(name))


def _path(name: str | Path, path: str) -> Path:
    path = path.strip()
    if path in ("", "-") or path.startswith("|") or path.endswith("|"):
        raise InputError(f"{name}: commands, and - for standard input, are not supported; name a file")
    return Path(path)
