"""The section `grid`: runs that one command makes, and how one of them is chosen."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from spkr.config.options import Count, Options, Text, Word, entries_of, option, unique

SET_BY_GRID = ("seed", "run")  # keys of a config
SHARED = ("recipe", "name", "corpora", "models", "corpus", "trials", "augment", "grid")  # one for all runs, as data are
SHARED_LISTS = (("train", "with"), ("finetune", "train", "with"))


def _run_name(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if not text.isascii() or not text.replace("_", "").isalnum():
        raise ValueError(f"name {value!r}; expected letters, digits and _ only")
    return text


def _settings(value: object) -> object:
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{value!r}; expected settings, such as {{model: {{preset: tdnn}}}}, or {{}}")
    return value


RunName = Annotated[str, BeforeValidator(_run_name, json_schema_input_type=str)]
Settings = Annotated[dict, BeforeValidator(_settings, json_schema_input_type=dict)]


class Grid(Options):
    """A grid of settings and seeds; `all` then makes all of its runs, exp/<name>/<run>-s<seed>, and their table."""

    name: Word = option("main", "the table is exp/<name>/grid/<this name>.txt")
    seeds: Annotated[tuple[Count, ...], Field(min_length=1), AfterValidator(unique)] = option(
        (1, 2, 3), "each of `runs` is made with each of them"
    )
    choose_by: Text | None = option(
        None, "the list of dev whose mean EER chooses a row; dev_trials_<train.dev_trials> if null"
    )
    lists: Annotated[tuple[Text, ...], AfterValidator(unique)] = option(
        (), "lists that the table shows beside that one; all if empty"
    )
    runs: entries_of(RunName, Settings) = option(
        {}, "what each row of the table changes, by its name; the first is what others are compared with"
    )
