"""Finding files under a folder that are damaged, missing or left over."""

import os
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from spkr.audio.fingerprint import check_fingerprint
from spkr.errors import InputError
from spkr.files import is_left_over, located, run_folder
from spkr.kaldi.maps import read_map
from spkr.manifest import MAX_THREADS, NAMES, arks_of, faults, read_manifest

TEMPORARY = ".*.tmp"  # as spkr.files.replacing names them


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a file."""

    path: Path
    problem: str
    manifest: Path | None = None  # that lists it
    stage: str = ""  # that makes it again
    ours: bool = True  # False for a recording: only the user may change it

    @property
    def made(self) -> int:
        """When its manifest was written, in nanoseconds."""
        return self.manifest.stat().st_mtime_ns if self.manifest else 0

    def remove(self) -> None:
        """Remove the file and the manifest that lists it; a missing manifest makes the workflow run the job again."""
        for path in (self.path, self.manifest):
            if path and self.ours:
                path.unlink(missing_ok=True)


@dataclass
class Checked:
    """What was checked under a folder, and what is wrong with it."""

    files: int = 0
    bytes: int = 0
    recordings: int = 0
    findings: list[Finding] = field(default_factory=list)

    def commands(self) -> list[str]:
        """Commands that make damaged files again, one for each stage, in the order in which the files were made.

        One command for files of several stages would also make everything between them again.
        """
        of_stage: dict[tuple[Path, str], list[str]] = {}
        for found in sorted((f for f in self.findings if f.stage), key=lambda f: f.made):
            run = run_folder(found.path) or Path()
            path = found.path.relative_to(run) if found.path.is_relative_to(run) else found.path
            of_stage.setdefault((run, found.stage), []).append(str(path))
        return [_command(run, paths) for (run, _), paths in of_stage.items()]


def _command(run: Path, paths: list[str]) -> str:
    """The command that makes files again; their paths are relative to the folder of the run."""
    command = shlex.join(["snakemake", "--cores", "all", *paths])
    return command if run.resolve() == Path.cwd() else f"(cd {shlex.quote(str(run))} && {command})"


def check_tree(folder: Path) -> Checked:
    """Check the files that manifests under a folder list, the audio of its data directories, and leftover files.

    Raises InputError if the folder does not exist or holds no manifest.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected that of a recipe, such as exp/an4, or one in it")
    paths = sorted(Path(root) / name for root, _, names in os.walk(folder, onerror=_refuse) for name in names)
    manifests = [path for path in paths if fnmatch(path.name, NAMES)]
    if not manifests:
        raise InputError(f"{folder}: holds no manifest; there is nothing to check")
    checked, entries = Checked(), []
    for manifest in manifests:
        try:
            entries += read_manifest(manifest)
        except InputError as e:
            problem = str(e).removeprefix(f"{manifest}: ").partition("; ")[0]
            checked.findings.append(Finding(manifest, problem, manifest, "unknown"))
    for entry, fault in faults(entries):
        checked.findings.append(Finding(entry.path, fault, entry.manifest, entry.stage))
    known = {entry.path for entry in entries}
    for ark in dict.fromkeys(ark for path in paths if path.suffix == ".scp" for ark in arks_of(path)):
        if ark not in known and not ark.exists():
            checked.findings.append(Finding(ark, "missing, though a table names it", stage="unknown"))
    for path in paths:
        if fnmatch(path.name, TEMPORARY) and is_left_over(path):
            checked.findings.append(Finding(path, "left half-written by a job that was killed"))
    recordings = set()
    for sums in (path for path in paths if path.name == "reco2sum"):
        try:
            wav, expected = read_map(sums.with_name("wav.scp")), read_map(sums)
            recordings |= {(str(located(wav[recording], sums)), expected[recording]) for recording in wav}
        except (InputError, KeyError) as e:
            checked.findings.append(Finding(sums, f"cannot be compared with the recordings ({e})", ours=False))
    checked.findings += _check_audio(sorted(recordings))
    checked.files, checked.bytes, checked.recordings = len(entries), sum(e.bytes for e in entries), len(recordings)
    return checked


def _refuse(error: OSError) -> None:
    """Raise InputError for a folder that cannot be read, so that it is not skipped."""
    raise InputError(f"{error.filename}: cannot be read ({error.strerror})")


def _check_audio(recordings: list[tuple[str, str]]) -> Iterator[Finding]:
    def fault(recording: tuple[str, str]) -> str | None:
        try:
            check_fingerprint(*recording)
        except InputError as e:
            return str(e).removeprefix(f"{recording[0]}: ")
        return None

    with ThreadPoolExecutor(MAX_THREADS) as pool:
        for (source, _), problem in zip(recordings, pool.map(fault, recordings), strict=True):
            if problem:
                yield Finding(Path(source), problem, ours=False)
