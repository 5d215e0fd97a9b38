"""The runs of a grid: what each of them sets, and what is wrong with a grid."""

import json
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from spkr.config.grid_options import SET_BY_GRID, SHARED, SHARED_LISTS, Grid
from spkr.config.options import suggest
from spkr.config.pretrained import with_networks
from spkr.config.schema import Config
from spkr.config.sources import Source, place
from spkr.errors import InputError

RUNS = ("grid", "runs")


def check_grid(config: Config, sources: Sequence[Source]) -> None:
    """Raise InputError if a source has a section `grid` that makes nothing, or whose lists do not exist."""
    grid, given = config.grid, [source for source in sources if source.sets(("grid",))]
    if given and not grid.runs:
        raise InputError(f"{place(RUNS, given)}no runs; expected at least one, such as {{main: {{}}}}, or no grid")
    if not grid.runs:
        return
    for key, instead in zip(SET_BY_GRID, ("grid.seeds", "grid.runs"), strict=True):
        if any(source.sets((key,)) for source in sources):
            raise InputError(f"{place((key,), sources)}a grid sets it itself, by {instead}; leave it out")
    lists = config.lists()
    of_dev = [name for name, (s, _) in lists.items() if s == "dev"]
    chosen, where = choosing_list(config), place(("grid", "choose_by"), sources)
    if chosen not in of_dev:
        is_of_test = "is of test, and nothing is chosen on test" if chosen in lists else "no such list of dev"
        expected = suggest(chosen, of_dev) if of_dev else "expected a list of dev in `trials`"
        raise InputError(f"{where}{chosen!r} {is_of_test}; {expected}")
    for name in grid.lists:
        if name not in lists:
            raise InputError(f"{place(('grid', 'lists'), sources)}no such list {name!r}; {suggest(name, lists)}")


def choosing_list(config: Config) -> str:
    """The list of dev, by its name in the results, whose mean EER chooses a row."""
    return config.grid.choose_by or f"dev_trials_{config.train.dev_trials}"


def shown_lists(config: Config) -> list[str]:
    """The lists of a grid's table, first the one that chooses."""
    return list(dict.fromkeys([choosing_list(config), *(config.grid.lists or config.lists())]))


def runs_of(grid: Grid) -> Iterator[tuple[str, str, int]]:
    """The name of each run of a grid, the entry of `grid.runs` that it is of, and its seed."""
    for entry in grid.runs:
        for seed in grid.seeds:
            yield f"{entry}-s{seed}", entry, seed


def changes(entry: str, sources: Sequence[Source], root: Path) -> list[Source]:
    """What an entry of `grid.runs` sets, as sources with the lines of their files.

    Raises InputError for a key that is not a run's own.
    """
    above, found = (*RUNS, entry), []
    for source in sources:
        if source.sets(above):
            lines = {key[len(above) :]: line for key, line in source.lines.items() if key[: len(above)] == above}
            settings = source.settings["grid"]["runs"][entry] or {}
            found.append(with_networks(Source(source.name, settings, lines), root))
    for keys in [*((key,) for key in (*SET_BY_GRID, *SHARED)), *SHARED_LISTS]:
        if any(source.sets(keys) for source in found):
            key = ".".join(keys)
            of_grid = key in SET_BY_GRID
            why = "the grid sets it itself" if of_grid else "it is the same in all runs; set it beside `grid`"
            raise InputError(f"{place(keys, found)}no run of a grid changes this: {why}")
    return found


def check_unheard(run: str, config: Config, sources: Sequence[Source]) -> None:
    """Raise InputError if a run of a grid learns from dev, by which a row is chosen."""
    for keys, names in _heard(config):
        if heard := [name for name in names if name.partition("_")[0] == "dev"]:
            raise InputError(
                f"{place(keys, sources)}{heard[0]}, and a list of dev is to choose a row; expected other sets (the run "
                f"{run} of the grid)"
            )


def _heard(config: Config) -> Iterator[tuple[tuple[str, ...], Sequence[str]]]:
    """The sets that a run learns from, each with the keys of what says so."""
    yield from (((*keys, "sets"), train.sets) for keys, train in config.trainings())
    if not config.backend.trained:
        yield ("backend", "sets"), config.backend.sets
    yield ("backend", "adapt_to"), [config.backend.adapt_to or ""]


def check_order(runs: Mapping[str, Config], sources: Sequence[Source]) -> None:
    """Raise InputError if runs, by name, are trained with each other's models, so that none can be the first."""
    folders = {Path("exp", config.experiment, run).resolve(): run for run, config in runs.items()}
    needs: dict[str, set[str]] = {}
    for run, config in runs.items():
        models = [] if config.pretrained else [config.train.init_from, config.train.teacher]
        parents = [Path(path).resolve().parent.parent for path in models if path]
        needs[run] = {folders[folder] for folder in parents if folder in folders}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as e:
        circle = " and ".join(e.args[1][1:])
        raise InputError(
            f"{place(RUNS, sources)}{circle}: each is trained with the model of another, and none comes first"
        ) from None


def check_differ(configs: Mapping[str, Config], sources: Sequence[Source]) -> None:
    """Raise InputError if two entries, of which these are configs with one seed, make the same runs."""
    known: dict[str, str] = {}
    for entry, config in configs.items():
        settings = json.dumps({k: v for k, v in config.to_dict().items() if k not in SET_BY_GRID}, sort_keys=True)
        if other := known.get(settings):
            raise InputError(
                f"{place((*RUNS, entry), sources)}has the settings of {other}; expected other ones: leave one out"
            )
        known[settings] = entry
