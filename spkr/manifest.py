"""Manifests: small files that describe what a job made, so that a damaged file is found before it is used.

    manifest.json, or manifest.<part>.json where several jobs write into one folder:
      made_by   stage, options, and a digest of the code
      files     name -> bytes, sha256, and facts: lines of a text, keys and dim of an ark

A manifest lies beside its files and is written last. Until then, the manifest of an earlier run stays, and shows which
files were replaced or removed since. A job that fails removes what it wrote. A file that no manifest beside it lists
belongs to the user, and is not checked.
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
MAX_THREADS = 8  # that hash files; more would only wait for the disk


@contextmanager
def artefacts(
    stage: str,
    options: Mapping[str, object],
    *manifests: str | Path,
    reads: Iterable[str | Path] = (),
    writes: Iterable[str | Path] = (),
    code: Path = PACKAGE,
) -> Iterator[None]:
    """Check the files that a job will read and write, let it run, and write manifests of the files that it wrote.

    Args:
        stage: the rule, or the verb, that makes the files.
        options: of the stage, to be written as JSON; paths are not resolved.
        manifests: their paths; each lists the files in its own folder, which must not be one of `reads`.
        reads: files and folders, as for `check_files`.
        writes: output files, named by the caller or fixed; none of them may be an input (`check_outputs`).
        code: the folder of the code that makes the files, if spkr is not all of it.

    If the job fails, the files that it wrote beside the manifests are removed. If it succeeds, files there that only an
    earlier run of the stage wrote are removed. If a training has several processes, only the first does all this.
    Raises InputError as `check_files` and `check_outputs` do, and if another stage wrote one of the manifests.
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
    """Write each manifest of `earlier`, and remove files that it listed before and that were not written again."""
    for manifest in earlier:
        beside = {path: facts for path, facts in written.items() if path.parent == manifest.parent}
        for entry in earlier[manifest]:
            if entry.path not in beside and not entry.fault():  # a file that was changed belongs to the user
                entry.path.unlink()
        _write(manifest, {"made_by": made_by, "files": {path.name: describe(path) | beside[path] for path in beside}})


def _earlier(manifest: Path, stage: str) -> list["Entry"]:
    """The entries of a manifest that an earlier run of a stage wrote; InputError if another stage wrote it.

    The stages that make data directories (data, data subset, data combine) count as one.
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
    """What a manifest says about a file: bytes and sha256."""
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
        """How the file differs from what the stage made; None if it does not."""
        try:
            if (found := self.path.stat().st_size) != self.bytes:
                return f"{found} bytes; the stage {self.stage} wrote {self.bytes}"
            return None if sha256(self.path) == self.sha256 else f"other bytes than the stage {self.stage} wrote"
        except FileNotFoundError:
            return f"missing; the stage {self.stage} wrote it"
        except OSError as e:
            return f"cannot be read ({e.strerror})"

    def is_current(self) -> bool:
        """Whether the manifest still has this entry; another job may have replaced or removed the manifest."""
        try:
            return self in read_manifest(self.manifest)
        except InputError:
            return False


def read_manifest(path: Path) -> list[Entry]:
    """The entries of a manifest; InputError if the file is not a manifest."""
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


def made_by(manifest: str | Path) -> dict:
    """What a manifest records of the job that wrote it: stage, options, code; {} without such a manifest."""
    try:
        return dict(json.loads(Path(manifest).read_text(encoding="utf-8"))["made_by"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def check_files(*paths: str | Path, arks: bool = True) -> None:
    """Compare each file once with the manifests beside it; of a folder, compare all files that its manifests list.

    A table may have one of Kaldi's names (`ark:FILE`). With `arks`, the arks that an scp names are checked, too.
    Raises InputError for a file that differs, with what was expected and what to do.
    """
    _verify(_named(paths, arks))


def _named(paths: Iterable[str | Path], arks: bool = True) -> dict[Path, Entry | None]:
    """The files that `check_files` compares, each with its entry in a manifest, or None."""
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
    """Those of these files that exist and that no manifest beside them lists: they may belong to the user.

    Raises InputError if a manifest beside them cannot be read.
    """
    listed = cache(entries_beside)
    there = [path for path in map(Path, paths) if path.is_symlink() or path.exists()]
    return [path for path in there if path.name not in listed(path.parent) and not path.match(NAMES)]


def arks_of(scp: Path) -> list[Path]:
    """The arks that a table's scp names; empty if it lists other files or does not exist."""
    if not scp.is_file():
        return []
    try:
        with scp.open(encoding="utf-8", errors="replace") as f:
            places = (line.rstrip().partition(" ")[2].rpartition(":") for line in f)
            return [located(ark, scp) for ark in dict.fromkeys(ark for ark, _, at in places if at.isdecimal())]
    except OSError:
        return []


def faults(entries: Iterable[Entry]) -> Iterator[tuple[Entry, str]]:
    """Yield the entries whose files differ from what was made, and how; a few files are read at a time."""
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
    """Update a file's size and sha256 in the manifest that lists it; InputError if no manifest does."""
    for manifest in sorted(path.parent.glob(NAMES)):
        if path in [entry.path for entry in read_manifest(manifest)]:
            content = json.loads(manifest.read_text(encoding="utf-8"))
            content["files"][path.name] = describe(path) | {"accepted": True}
            _write(manifest, content)
            return
    raise InputError(f"{path}: no manifest beside it lists it; there is nothing to accept")
