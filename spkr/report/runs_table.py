"""One table over runs: a row for each, seeds joined, a column for each list and measure, and which are the best."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spkr.errors import InputError
from spkr.manifest import check_files
from spkr.metrics.bootstrap import FEW_SPEAKERS, SPEAKERS
from spkr.report.comparison import Measured, differences, measure_systems
from spkr.report.measures import Measure
from spkr.report.runs import AGAIN, Run, check_same_trials, missing_files, systems_on
from spkr.report.seeds import Seeds, in_draws

Column = tuple[str, str]  # list, measure

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunsTable:
    """What a table over runs shows."""

    rows: Sequence[Seeds]
    lists: Sequence[str]
    measures: Mapping[str, Measure]
    best: Mapping[Column, int]  # the row that is better than all others, where there is one
    notes: Sequence[str]


def tabulate(
    rows: Sequence[Seeds], lists: Sequence[str], measures: Mapping[str, Measure], allow_duplicates: bool = False
) -> RunsTable:
    """Find the best row of each column: the lowest value, if it is better than each other one in paired draws.

    Holm's correction is over the others. Where score files are missing, nothing is compared, and a note says so.
    Raises InputError if a list is not the same in all runs, if score files are not those of results.json, and as
    `systems_on` and `measure_systems` do.
    """
    best, undecided, notes = {}, [], []
    if len({run.code for row in rows for run in row.runs}) > 1:
        notes.append("the runs were made by different versions of the code: `made_by` in their results.json")
    for trials in lists:
        there = [k for k, row in enumerate(rows) if row.row(trials)]
        systems = [(run, rows[k].backend) for k in there for run in rows[k].runs]
        check_same_trials([run for run, _ in systems], trials)
        notes += few_speakers(trials, next((rows[k].row(trials).get("n_speakers") for k in there), None))
        if len(there) < 2:
            continue
        if missing := missing_files(systems, trials):
            notes.append(f"{trials}: not compared, as {missing[0]} is missing")
            continue
        logger.info("%s: comparing %d systems", trials, len(there))
        measured = measure_rows(trials, [rows[k] for k in there], measures, allow_duplicates)
        for measure, heading in _headings(measures).items():
            with_value = {k: rows[k].mean(trials, measure) for k in there}
            with_value = {k: value for k, value in with_value.items() if value is not None}
            if len(with_value) < 2 or measured.n_speakers < SPEAKERS:
                continue
            lowest = min(with_value, key=with_value.get)
            if _survives(lowest, with_value, rows, trials, measure, measured):
                best[trials, measure] = lowest
            else:
                undecided.append(f"{trials} {heading}")
    notes += [f"the lowest cannot be told apart from another: {', '.join(undecided)}"] if undecided else []
    return RunsTable(rows, lists, measures, best, notes)


def few_speakers(trials: str, n_speakers: int | None) -> list[str]:
    """A note where the speakers are too few."""
    if n_speakers is None or n_speakers >= FEW_SPEAKERS:
        return []
    narrow = f"with fewer than {FEW_SPEAKERS}, intervals are too narrow and p is too low"
    needed = f"{SPEAKERS} are needed for intervals and comparisons"
    return [f"{trials}: {n_speakers} speakers; {needed if n_speakers < SPEAKERS else narrow}"]


def _headings(measures: Mapping[str, Measure]) -> dict[str, str]:
    return {name: measure.heading or name for name, measure in measures.items()}


def system_name(run: Run, backend: str) -> str:
    """The name of a run's back-end in what `measure_rows` measured."""
    return f"{run.name} {backend}"


def measure_rows(
    trials: str, rows: Sequence[Seeds], measures: Mapping[str, Measure], allow_duplicates: bool
) -> Measured:
    """Measure the score files of all runs; InputError if results.json has other values."""
    systems = {system_name(run, row.backend): (run, row.backend) for row in rows for run in row.runs}
    shared = systems_on(trials, systems)
    check_files(*shared.files())
    measured = measure_systems(shared, measures, len(rows) - 1, allow_duplicates)
    for name, (run, backend) in systems.items():
        for measure, value in measured.values[name].items():
            known, decimals = run.rows[trials, backend].get(measure), measures[measure].decimals
            if known is not None and not abs(value - known) < 10**-decimals:
                raise InputError(
                    f"{run.file}: {measure} of {trials} by {backend} is {known}, but {shared.systems[name].scores} "
                    f"gives {value:.{decimals}f}: the scores have changed since; {AGAIN}"
                )
    return measured


def _survives(
    lowest: int, with_value: Mapping[int, float], rows: Sequence[Seeds], trials: str, measure: str, measured: Measured
) -> bool:
    """Whether the row with the lowest value is better than each other one, after Holm's correction over these."""
    rng, n = np.random.default_rng(0), measured.n_speakers
    of_rows = {
        k: in_draws([measured.in_draws[system_name(run, rows[k].backend)][measure] for run in rows[k].runs], rng)
        for k in with_value
    }
    pairs = [(lowest, k) for k in with_value if k != lowest]
    return all(one.better == 0 for one in differences(trials, measure, with_value, of_rows, pairs, n))
