"""Runs that differ in their seed alone, as one system: the mean and the spread of their measures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from spkr.config.sources import read_source
from spkr.errors import InputError
from spkr.report.runs import AGAIN, Run

CHANGES_NOTHING = ("seed", "run", "corpora", "models")  # keys of a config
SAME = ("name", "model", "backend", "front_end")  # columns of the results


@dataclass(frozen=True, eq=False)
class Seeds:
    """A back-end of a run, or of several runs with different seeds."""

    runs: Sequence[Run]
    backend: str

    def label(self, column: str) -> str:
        """A column of the results that all rows of a run share; several values behind commas."""
        values = [next(row[column] for (_, b), row in run.rows.items() if b == self.backend) for run in self.runs]
        return ", ".join(dict.fromkeys(map(str, values)))

    def row(self, trials: str) -> Mapping | None:
        """The first run's row of this list, if it has one."""
        return self.runs[0].rows.get((trials, self.backend))

    def values(self, trials: str, measure: str) -> list[float]:
        """The measure in each run; empty where a run lacks it. InputError if results.json has no such column."""
        rows = [(run, run.rows.get((trials, self.backend))) for run in self.runs]
        for run, row in rows:
            if row and measure not in row:
                raise InputError(f"{run.file}: no column {measure}; `spkr eval --priors` adds priors, or {AGAIN}")
        found = [row[measure] for _, row in rows if row]
        return found if len(found) == len(rows) and None not in found else []

    def mean(self, trials: str, measure: str) -> float | None:
        """The mean over the runs; None where a run lacks it."""
        values = self.values(trials, measure)
        return fmean(values) if values else None

    def spread(self, trials: str, measure: str) -> float | None:
        """The standard deviation over several runs, with n - 1."""
        values = self.values(trials, measure)
        return stdev(values) if len(values) > 1 else None


def joined(runs: Sequence[Run], backends: Sequence[str] = ()) -> list[Seeds]:
    """The runs' back-ends that are named, else their primary ones; those that differ in the seed alone are joined.

    These have the same `name`, `model`, `backend` and `front_end`, the same results/config.yaml but for the seed, the
    run's name and where corpora and models lie, and each another seed. A run without config.yaml is not joined.
    """
    groups: dict[object, list[tuple[Run, str]]] = {}
    for run in runs:
        for backend in run.backends(backends):
            groups.setdefault(_settings(run, backend), []).append((run, backend))
    found = []
    for members in groups.values():
        of_group = [Seeds([run], backend) for run, backend in members]
        if len({one.label("seed") for one in of_group}) == len(members):
            of_group = [Seeds([run for run, _ in members], members[0][1])]
        found += of_group
    return found


def _settings(run: Run, backend: str) -> object:
    """What runs that are joined have in common."""
    path = run.results / "config.yaml"
    if not path.is_file():
        return run, backend
    config = {key: value for key, value in read_source(path).settings.items() if key not in CHANGES_NOTHING}
    one = Seeds([run], backend)
    return json.dumps([config, *map(one.label, SAME)], sort_keys=True, default=str)


def in_draws(of_runs: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """The mean of a measure in each draw of speakers, (draws,); as many seeds as there are, drawn with replacement.

    Without the draw of seeds, the interval would say how systems compare on other speakers, for these very seeds.
    """
    stacked = np.stack(of_runs)
    drawn = rng.integers(len(stacked), size=stacked.shape)
    return np.take_along_axis(stacked, drawn, axis=0).mean(axis=0)
