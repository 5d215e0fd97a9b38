"""A grid's table: rows of several seeds that differ in their settings, and the row that a list of dev chooses.

A row's value is the mean of a measure over its seeds, of the primary back-end. The chosen row has the lowest mean EER
on the list that chooses; of equal ones the first. Every other row is compared with the first one on that list: speakers
are drawn, and seeds, the same for both rows (`spkr.report.seeds.in_draws`), so that the difference is paired by both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.report.comparison import Difference, differences, measures_named
from spkr.report.measures import Measure
from spkr.report.runs import check_same_trials, find_runs, shared_lists
from spkr.report.runs_table import few_speakers, measure_rows, system_name
from spkr.report.seeds import Seeds, in_draws

CHOOSES, SHOWN = "eer", ("eer", "mindcf_0.01")
OF_DEV = "dev_"  # what names of dev's lists begin with


@dataclass(frozen=True)
class GridTable:
    """What the table of a grid shows."""

    rows: Mapping[str, Seeds]  # by name, the first is what the others are compared with
    lists: Sequence[str]  # first the one that chooses
    measures: Mapping[str, Measure]
    chosen: str
    compared: Mapping[str, Difference]  # by name of a row: its EER less the first row's on the list that chooses
    notes: Sequence[str]

    @property
    def first(self) -> str:
        """The row that others are compared with."""
        return next(iter(self.rows))

    @property
    def resolved(self) -> bool | None:
        """Whether the chosen row is better than the first by more than chance; None if it is the first."""
        return None if self.chosen == self.first else self.compared[self.chosen].better == 0


def compare_rows(rows: Mapping[str, Sequence[str | Path]], choose_by: str, lists: Sequence[str] = ()) -> GridTable:
    """Compare the rows of a grid, and choose one.

    Args: the folders of each row's runs by its name; a list of dev; other lists to show.
    Raises InputError for a list that is not of dev, rows without the same seeds, runs without these lists, and as
    `measure_rows` does.
    """
    if not choose_by.startswith(OF_DEV):
        raise InputError(f"{choose_by}: is no list of dev, and nothing is chosen on test; expected {OF_DEV}trials_...")
    found, measures = {name: _row(name, runs) for name, runs in rows.items()}, measures_named(SHOWN)
    every = [run for row in found.values() for run in row.runs]
    shown = shared_lists(every, list(dict.fromkeys([choose_by, *lists])))
    for trials in shown:
        check_same_trials(every, trials)
    _check_same_seeds(found)
    means = {name: row.mean(choose_by, CHOOSES) for name, row in found.items()}
    compared, n_speakers = _compared(found, choose_by, measures, means)
    lowest = min(means.values()) + 10 ** -measures[CHOOSES].decimals  # results.json has rounded values
    chosen = next(name for name, mean in means.items() if mean <= lowest)
    notes = few_speakers(choose_by, n_speakers)
    if len({run.code for run in every}) > 1:
        notes.append("the runs were made by different versions of the code: `made_by` in their results.json")
    return GridTable(found, shown, measures, chosen, compared, notes)


def _row(name: str, folders: Sequence[str | Path]) -> Seeds:
    """The runs of a row, by their primary back-end."""
    runs, others = find_runs(folders)
    if others:
        raise InputError(f"{others[0]}: no results/results.json; expected a run of the row {name}")
    backends = {backend for run in runs for backend in run.backends()}
    if len(backends) > 1:
        raise InputError(f"{name}: its runs have the primary back-ends {', '.join(sorted(backends))}; expected one")
    return Seeds(runs, *backends)


def _check_same_seeds(rows: Mapping[str, Seeds]) -> None:
    first, *others = rows
    for name in others:
        if (found := rows[name].label("seed")) != (expected := rows[first].label("seed")):
            raise InputError(
                f"{name}: its seeds are {found}, and those of {first} are {expected}; expected the same, as rows are "
                "compared seed by seed"
            )


def _compared(
    rows: Mapping[str, Seeds], trials: str, measures: Mapping[str, Measure], means: Mapping[str, float]
) -> tuple[dict[str, Difference], int | None]:
    """Each row but the first, compared with it by Holm's method over them; and the speakers of the list."""
    first, *others = rows
    if not others:
        return {}, rows[first].row(trials).get("n_speakers")
    measured = measure_rows(trials, list(rows.values()), measures, False)
    # The same draws of seeds for all rows: a new generator for each
    of_rows = {
        name: in_draws(
            [measured.in_draws[system_name(run, row.backend)][CHOOSES] for run in row.runs], np.random.default_rng(0)
        )
        for name, row in rows.items()
        if measured.in_draws
    }
    found = differences(trials, CHOOSES, means, of_rows, [(name, first) for name in others], measured.n_speakers)
    return dict(zip(others, found, strict=True)), measured.n_speakers
