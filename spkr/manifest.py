"""Manifests: beside what a job made, a small file that says what it was, so that damage is seen before it is read.

    manifest.json, or manifest.<part>.json where several jobs write into one folder:
      made_by   stage, options, and a digest of the code
      files     name -> bytes, sha256, and facts: lines of a text, keys and dim of an ark

It is written last. Until then the one of an earlier run stays, by which files that were replaced or removed since are
seen to differ. A job that fails removes what it wrote. A file that no manifest beside it lists is the user's own, of
which nothing is asked.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spkr.code import code_version
from spkr.errors import InputError
from spkr.files import Written, located, recording, replacing, run_folder, sha256
from spkr.kaldi.specifiers import source_of
from spkr.outputs import check_folders, check_outputs

PACKAGE = Path(__file__).parent
NAMES = "manifest*.json"
MAX_THREADS = 8  # that hash files: more of them wait for the disk


@contextmanager
def artefacts(
    stage: str,
    options: Mapping[str, object],
    *manifests: str | Path,
    reads: Iterable[str | Path] = (),
    writes: Iterable[str | Path] = (),
    code: Path = PACKAGE,
) -> Iterator[None]:
    """Check what a job is about to read and write, let it work, and write the manifests of what it wrote beside each.

    Args:
        stage: the rule, or the verb, that makes the files.
        options: with what, as JSON takes it; paths are written as they are.
        manifests: where they go; a folder that has one of them is none of `reads`.
        reads: files and folders, as `check_files` takes them.
        writes: files that the caller named, or that have fixed names: none of them is read (`check_outputs`).
        code: folder of what makes the files, if it is more than spkr.

    Where the job fails, what it wrote beside the manifests is removed. Where it ends, so is what an earlier run of the
    stage made there and this one did not. Of the processes of one training, the first one alone does all this.
    Raises InputError as `check_files` and `check_outputs` do, and where another stage wrote one of the manifests.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    made = [Path(manifest) for manifest in manifests]
    check_folders([manifest.parent for manifest in made], reads)
    earlier = {manifest: _earlier(manifest, stage) for manifest in made}
    inputs = _named(reads)
    check_outputs([*writes, *made], [*inputs, *(entry.manifest for entry in inputs.values() if entry)])
    _verify(inputs)
    try:
        with recording() as written:
            yield
    except BaseException:
        for path in [path for path in written if path.parent in {manifest.parent for manifest in made}]:
            path.unlink(missing_ok=True)
        raise
    _record({"stage": stage, "options": options, "code": code_version(*{PACKAGE, code})}, earlier, written)


def _record(made_by: dict, earlier: Mapping[Path, list["Entry"]], written: Written) -> None:
    """Write each manifest of `earlier`; remove what it listed before and what was not written again."""
    for manifest in earlier:
        beside = {path: facts for path, facts in written.items() if path.parent == manifest.parent}
        for entry in earlier[manifest]:
            if entry.path not in beside and not entry.fault():  # a file that was changed is the user's own
                entry.path.unlink()
        _write(manifest, {"made_by": made_by, "files": {path.name: describe(path) | beside[path] for path in beside}})


def _earlier(manifest: Path, stage: str) -> list["Entry"]:
    """What an earlier run of a stage has listed there; InputError where another stage has.

    All stages that make data directories count as one: data, data subset, data combine.
    """
    entries = read_manifest(manifest) if manifest.exists() else []
    for entry in entries:
        if entry.stage.partition(" ")[0] != stage.partition(" ")[0]:
            raise InputError(
                f"{manifest}: lists what the stage {entry.stage} wrote to this folder; name another one for what "
                f"{stage} writes"
            )
    return entries


def _write(manifest: Path, content: dict) -> None:
    with replacing(manifest) as f:
        json.dump(content, f, indent=1, sort_keys=True, default=str)
        f.write("\n")


def describe(path: Path) -> dict[str, object]:
    """What a manifest says of a file: bytes and sha256."""
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


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
        """Whether the manifest still lists it so: it may have been replaced or removed since it was read."""
        try:
            return self in read_manifest(self.manifest)
        except InputError:
            return False


def read_manifest(path: Path) -> list[Entry]:
    """The entries of a manifest; InputError where the file is no manifest."""
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

    A table may be named as Kaldi does (`ark:FILE`); its `arks` are checked with the scp that names them. Raises
    InputError, naming a file that differs, what was expected, and what to do.
    """
    _verify(_named(paths, arks))


def _named(paths: Iterable[str | Path], arks: bool = True) -> dict[Path, Entry | None]:
    """The files that `check_files` compares, with what a manifest says of them."""
    listed = cache(entries_beside)
    found: dict[Path, Entry | None] = {}
    left = [source_of(path).path for path in paths]
    while left:
        path = left.pop()
        if path.is_dir():
            left += [entry.path for entry in listed(path).values()]
        elif path not in found:
            found[path] = listed(path.parent).get(path.name)
            left += arks_of(path) if arks and path.suffix == ".scp" else []
    return found


def _verify(found: Mapping[Path, Entry | None]) -> None:
    for entry, fault in faults(entry for _, entry in sorted(found.items()) if entry):
        raise InputError(f"{entry.path}: {fault}; {repair(entry.path)}")


def entries_beside(folder: Path) -> dict[str, Entry]:
    """The files in a folder that its manifests list, by name."""
    entries = [entry for path in sorted(folder.glob(NAMES)) for entry in read_manifest(path)]
    return {entry.path.name: entry for entry in entries}


def unlisted(paths: Iterable[str | Path]) -> list[Path]:
    """Of these files, those that are there and that no manifest beside them lists: they may be the user's own.

    Raises InputError where a manifest beside them cannot be read.
    """
    listed = cache(entries_beside)
    there = [path for path in map(Path, paths) if path.is_symlink() or path.exists()]
    return [path for path in there if path.name not in listed(path.parent) and not path.match(NAMES)]


def arks_of(scp: Path) -> list[Path]:
    """The arks that a table's scp names; none of a list of other files, or where there is no such file."""
    if not scp.is_file():
        return []
    try:
        with scp.open(encoding="utf-8", errors="replace") as f:
            places = (line.rstrip().partition(" ")[2].rpartition(":") for line in f)
            return [located(ark, scp) for ark in dict.fromkeys(ark for ark, _, at in places if at.isdecimal())]
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
    run = run_folder(path)
    folder = run / Path(*path.parent.relative_to(run).parts[:2]) if run and path.is_relative_to(run) else path.parent
    return (
        f"`spkr check --remove {folder}` removes it and prints how to make it again"
        f" (`spkr check --accept {path}` if it was changed on purpose)"
    )


def accept(path: Path) -> None:
    """Write what a file is now into the manifest that lists it; InputError where no manifest does."""
    for manifest in sorted(path.parent.glob(NAMES)):
        if path in [entry.path for entry in read_manifest(manifest)]:
            content = json.loads(manifest.read_text(encoding="utf-8"))
            content["files"][path.name] = describe(path) | {"accepted": True}
            _write(manifest, content)
            return
    raise InputError(f"{path}: no manifest beside it lists it; there is nothing to accept")
