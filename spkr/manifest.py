"""Manifests: beside what a job made, a small file that says what it was, so that damage is seen before it is read.

    manifest.json, or manifest.<part>.json where several jobs write into one folder:
      made_by   stage, options, and a digest of the code
      files     name -> bytes, sha256, and what is known beside: lines of a text, keys and dim of an ark

It is written last and goes first: it never vouches for files of another run. A file that no manifest beside it lists
is the user's own, of which nothing is asked.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spkr.errors import InputError
from spkr.files import replacing, sha256, written

PACKAGE = Path(__file__).parent
NAMES = "manifest*.json"
MAX_THREADS = 8  # that hash files: more of them wait for the disk


@contextmanager
def artefacts(
    stage: str,
    options: Mapping[str, object],
    *manifests: str | Path,
    reads: Iterable[str | Path] = (),
    code: Path = PACKAGE,
) -> Iterator[None]:
    """Check what a job is about to read, let it work, and write the manifests of what it wrote beside each of them.

    Args:
        stage: the rule, or the verb, that makes the files.
        options: with what, as JSON takes it; paths are written as they are.
        manifests: where they go.
        reads: files and folders, as `check_files` takes them.
        code: folder of what makes the files, if it is more than spkr.

    The old manifests go first. Of the processes of one training, the first one alone does all this.
    Raises InputError as `check_files` does.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    check_files(*reads)
    for manifest in manifests:
        Path(manifest).unlink(missing_ok=True)
    written.clear()
    yield
    made_by = {"stage": stage, "options": options, "code": code_version(*{PACKAGE, code})}
    for manifest in map(Path, manifests):
        beside = {path: facts for path, facts in written.items() if path.parent == manifest.parent}
        _write(manifest, {"made_by": made_by, "files": {path.name: describe(path) | beside[path] for path in beside}})


def _write(manifest: Path, content: dict) -> None:
    with replacing(manifest) as f:
        json.dump(content, f, indent=1, sort_keys=True, default=str)
        f.write("\n")


def describe(path: Path) -> dict[str, object]:
    """What a manifest says of a file: bytes and sha256."""
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def code_version(*folders: Path) -> str:
    """A digest of the Python code in some folders and below."""
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    return hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Entry:
    """One file of a manifest."""

    manifest: Path
    stage: str  # that made the file
    path: Path
    bytes: int
    sha256: str

    def fault(self) -> str | None:
        """How the file differs from what was made; None where it does not."""
        try:
            if (found := self.path.stat().st_size) != self.bytes:
                return f"{found} bytes; the stage {self.stage} wrote {self.bytes}"
            return None if sha256(self.path) == self.sha256 else f"other bytes than the stage {self.stage} wrote"
        except FileNotFoundError:
            return f"missing; the stage {self.stage} wrote it"
        except OSError as e:
            return f"cannot be read ({e.strerror})"

    def is_current(self) -> bool:
        """Whether the manifest still says so: a job that makes the file anew takes it away first."""
        try:
            return self in read_manifest(self.manifest)
        except InputError:
            return False


def read_manifest(path: Path) -> list[Entry]:
    """The entries of a manifest; InputError where it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stage, entries = content["made_by"]["stage"], []
        for name, entry in content["files"].items():
            if Path(name).name != name:
                raise ValueError(f"{name!r} is no name of a file beside it")
            entries.append(Entry(path, str(stage), path.with_name(name), int(entry["bytes"]), str(entry["sha256"])))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise InputError(f"{path}: not a manifest ({type(e).__name__}: {e}); {repair(path)}") from None
    return entries


def check_files(*paths: str | Path, arks: bool = True) -> None:
    """Compare files with what the manifests beside them say, each once; of a folder, all files that they list.

    `arks` are checked with the scp that names them. Raises InputError, naming a file that differs, what was expected,
    and what to do.
    """

    @cache
    def listed(folder: Path) -> dict[str, Entry]:
        entries = [entry for path in sorted(folder.glob(NAMES)) for entry in read_manifest(path)]
        return {entry.path.name: entry for entry in entries}

    found: dict[Path, Entry | None] = {}
    left = [Path(path) for path in paths]
    while left:
        path = left.pop()
        if path.is_dir():
            left += [entry.path for entry in listed(path).values()]
        elif path not in found:
            found[path] = listed(path.parent).get(path.name)
            left += arks_of(path) if arks and path.suffix == ".scp" else []
    for entry, fault in faults(entry for _, entry in sorted(found.items()) if entry):
        raise InputError(f"{entry.path}: {fault}; {repair(entry.path)}")


def arks_of(scp: Path) -> list[Path]:
    """The arks that a table's scp names; none of a list of other files, or where there is no such file."""
    try:
        with scp.open(encoding="utf-8", errors="replace") as f:
            places = (line.rstrip().partition(" ")[2].rpartition(":") for line in f)
            return [Path(ark) for ark in dict.fromkeys(ark for ark, _, at in places if at.isdecimal())]
    except OSError:
        return []


def faults(entries: Iterable[Entry]) -> Iterator[tuple[Entry, str]]:
    """The files that differ from what was made, and how; a few files are read at a time."""
    with ThreadPoolExecutor(min(MAX_THREADS, len(os.sched_getaffinity(0)))) as pool:
        entries = list(entries)
        for entry, fault in zip(entries, pool.map(Entry.fault, entries), strict=True):
            if fault and entry.is_current():
                yield entry, fault


def repair(path: Path) -> str:
    """What to do about a damaged file."""
    run = Path(*path.parts[:2]) if path.parts[0] == "exp" else path.parent
    return (
        f"`spkr check --remove {run}` takes it away and says how to make it again"
        f" (`spkr check --accept {path}` if it was changed on purpose)"
    )


def accept(path: Path) -> None:
    """Write what a file is now into the manifest that lists it; InputError where there is none, or no such file."""
    for manifest in sorted(path.parent.glob(NAMES)):
        if path in [entry.path for entry in read_manifest(manifest)]:
            content = json.loads(manifest.read_text(encoding="utf-8"))
            content["files"][path.name] = describe(path) | {"accepted": True}
            _write(manifest, content)
            return
    raise InputError(f"{path}: no manifest beside it lists it; there is nothing to accept")
