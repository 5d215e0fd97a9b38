"""Runs and their results: finding them, and the systems whose scores on one trial list can be compared."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from spkr.errors import InputError
from spkr.files import located, sha256
from spkr.report.comparison import ScoreFile, SharedList
from spkr.report.lists import ScoredList, read_lists

RESULTS = "results.json"
NEEDED = ("name", "run", "model", "seed", "trials", "backend", "primary", "trials_sha256", "front_end")
AGAIN = "run `snakemake -R report` again"


@dataclass(frozen=True, eq=False)
class Run:
    """A run that has results."""

    name: str  # its folder, as it was named
    results: Path  # the folder of results.json
    rows: Mapping[tuple[str, str], Mapping]  # of results.json, by list and back-end
    code: str | None  # the digest of the code that made them

    @property
    def file(self) -> Path:
        """Its results.json."""
        return self.results / RESULTS

    @cached_property
    def lists(self) -> Mapping[str, ScoredList]:
        """What `spkr eval` read; InputError if the file is wrong or not there."""
        path = self.results / "lists.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file; it names the scores that are compared: {AGAIN}")
        return read_lists(path)

    def list_names(self) -> list[str]:
        """The lists in its results."""
        return list(dict.fromkeys(trials for trials, _ in self.rows))

    def backends(self, given: Sequence[str] = (), all_of_them: bool = False) -> list[str]:
        """The back-ends that are `given`, else all of them or the primary one."""
        known = {backend: row["primary"] == "yes" for (_, backend), row in self.rows.items()}
        if unknown := [name for name in given if name not in known]:
            raise InputError(f"{self.file}: no back-end {unknown[0]!r}; expected one of {', '.join(known)}")
        return list(given) or [name for name, primary in known.items() if primary or all_of_them]

    def path(self, named: str) -> Path:
        """A file that lists.json names."""
        return located(named, self.file)


def find_runs(paths: Sequence[str | Path]) -> tuple[list[Run], list[str]]:
    """The runs that these folders are or hold, and the names of what is neither.

    A folder may be a run (exp/an4/main), its results folder, or one that holds runs (exp/an4). Raises InputError for a
    path that does not exist, a results.json that is broken, and if there is no run.
    """
    runs, others = {}, []
    for path in map(Path, paths):
        if not path.exists():
            raise InputError(f"{path}: no such folder; expected a run, such as exp/an4/main")
        within = [path, path / "results", *sorted(path.glob("*/results"))]
        if found := [folder for folder in within if (folder / RESULTS).is_file()]:
            found = found[:1] if found[0] in within[:2] else found
            runs |= {run.name: run for run in map(_read_run, found)}
        else:
            others.append(str(path))
    if not runs:
        raise InputError(f"{', '.join(others)}: no results/{RESULTS}; expected runs, such as exp/an4/main")
    return list(runs.values()), others


def _read_run(results: Path) -> Run:
    path = results / RESULTS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows, made_by = content["results"], content.get("made_by") or {}
        by_name = {(row["trials"], row["backend"]): row for row in rows if all(row[key] is not None for key in NEEDED)}
    except (ValueError, KeyError, TypeError) as e:
        raise InputError(f"{path}: is not what `spkr eval` writes ({type(e).__name__}: {e}); {AGAIN}") from None
    if not by_name or not any(row["primary"] == "yes" for row in rows):
        raise InputError(f"{path}: no results of a primary back-end; {AGAIN}")
    return Run(str(results.parent if results.name == "results" else results), results, by_name, made_by.get("code"))


def shared_lists(runs: Sequence[Run], names: Sequence[str] = ()) -> list[str]:
    """The lists that are named, else those of all runs; InputError if a run lacks one, or if they share none."""
    for run in runs:
        if lacking := [name for name in names if name not in run.list_names()]:
            raise InputError(f"{run.file}: no list {lacking[0]!r}; expected one of {', '.join(run.list_names())}")
    shared = [name for name in runs[0].list_names() if all(name in run.list_names() for run in runs)]
    if not shared:
        of_each = "; ".join(f"{run.file} has {', '.join(run.list_names())}" for run in runs)
        raise InputError(f"no trial list is in all of these runs: {of_each}")
    return list(names) or shared


def check_same_trials(runs: Sequence[Run], name: str) -> None:
    """Raise InputError unless the results of all runs with this list are of the same trials."""
    digests = {run: row["trials_sha256"] for run in runs for (trials, _), row in run.rows.items() if trials == name}
    first, *others = digests
    for run in others:
        if digests[run] != digests[first]:
            raise InputError(
                f"{name} is not the same list in {first.file} (sha256 {digests[first][:12]}) and in {run.file} "
                f"({digests[run][:12]}); compare runs on the same trials, or name other lists with --trials"
            )


def missing_files(systems: Iterable[tuple[Run, str]], name: str) -> list[Path]:
    """The files that comparing these systems, each a run and a back-end, on a list would need, and that are missing."""
    found = []
    for run, backend in systems:
        if not (path := run.results / "lists.json").is_file():
            found.append(path)
        elif of_list := run.lists.get(name):
            named = (of_list.trials, of_list.utt2spk, of_list.models, of_list.scores.get(backend))
            named += (of_list.llrs.get(backend),)
            found += [path for path in map(run.path, filter(None, named)) if not path.is_file()]
    return found


def systems_on(name: str, systems: Mapping[str, tuple[Run, str]]) -> SharedList:
    """The score files of systems, each a run and a back-end, on the list of this name.

    Raises InputError if their results are of different trials, if the list's file was changed since, or if lists.json
    does not name what is needed.
    """
    check_same_trials([run for run, _ in systems.values()], name)
    files = {}
    for label, (run, backend) in systems.items():
        of_list = run.lists.get(name)
        if of_list is None or backend not in of_list.scores or (name, backend) not in run.rows:
            raise InputError(f"{run.results / 'lists.json'}: no scores of {name} by {backend}; {AGAIN}")
        llrs = of_list.llrs.get(backend)
        files[label] = ScoreFile(run.path(of_list.scores[backend]), llrs and run.path(llrs))
    run, backend = next(iter(systems.values()))
    scored, digest = run.lists[name], run.rows[name, backend]["trials_sha256"]
    if not scored.utt2spk:
        raise InputError(f"{run.results / 'lists.json'}: {name} has no utt2spk; name it, as speakers are resampled")
    trials = run.path(scored.trials)
    if (found := sha256(trials)) != digest:
        raise InputError(f"{trials}: sha256 {found[:12]}, but {run.file} is of {digest[:12]}: changed since; {AGAIN}")
    return SharedList(name, trials, run.path(scored.utt2spk), scored.models and run.path(scored.models), files)
