"""What a run's results folder holds, and the trials and scores of its lists."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from spkr.errors import InputError
from spkr.kaldi.trial_speakers import Sides, read_sides, speakers_of_trials
from spkr.kaldi.trials import Trials
from spkr.metrics.scores import read_both_kinds, read_scores
from spkr.report.lists import ScoredList, read_lists


@dataclass(frozen=True)
class RunResults:
    """The files that `spkr eval` and the workflow wrote into one folder."""

    rows: list[dict]  # of each list and back-end, the primary first
    made_by: Mapping
    further: Mapping[str, object]  # other sections of results.json, such as identification
    lists: dict[str, ScoredList]
    slices: list[dict[str, str]]
    config: Mapping
    config_text: str

    @property
    def primary(self) -> str:
        """The back-end that was chosen on dev."""
        return next(row["backend"] for row in self.rows if row["primary"] == "yes")

    @property
    def backends(self) -> list[str]:
        """All back-ends, the primary first."""
        return list(dict.fromkeys([self.primary, *(row["backend"] for row in self.rows)]))


def read_results(folder: str | Path) -> RunResults:
    """Read results.json and lists.json of a folder and, if they are there, slices.tsv and config.yaml.

    Raises InputError if a file is missing or is not what `spkr eval` writes, or if the two name different lists.
    """
    folder = Path(folder)
    path = folder / "results.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = sorted(content["results"], key=lambda row: row["primary"] != "yes")
        found = {row["trials"] for row in rows}
        made_by = dict(content["made_by"])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a folder that `spkr eval` wrote") from None
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise InputError(f"{path}: not the results of `spkr eval` ({type(e).__name__}: {e}); measure again") from None
    if not any(row["primary"] == "yes" for row in rows):
        raise InputError(f"{path}: no row of a primary back-end; measure again")
    lists = read_lists(folder / "lists.json")
    if found != set(lists):
        odd = min(found ^ set(lists))
        raise InputError(f"{path}: {odd!r} is not in both this file and {folder / 'lists.json'}; measure again")
    order = {name: k for k, name in enumerate(lists)}
    rows.sort(key=lambda row: order[row["trials"]])
    text = _text_of(folder / "config.yaml")
    known = ("results", "made_by")
    return RunResults(
        rows, made_by, {k: v for k, v in content.items() if k not in known},
        lists, _read_slices(folder / "slices.tsv"), yaml.safe_load(text) or {}, text,
    )  # fmt: skip


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _read_slices(path: Path) -> list[dict[str, str]]:
    """The rows of slices.tsv, as text; none without the file."""
    if not path.exists():
        return []
    return pd.read_csv(path, sep="\t", dtype=str, na_filter=False, quoting=csv.QUOTE_NONE).to_dict("records")


@dataclass(frozen=True)
class ListScores:
    """One list with its scores, all arrays (number of trials,)."""

    name: str
    files: ScoredList
    trials: Trials
    scores: dict[str, np.ndarray]  # of each back-end
    ratios: dict[str, np.ndarray]  # of those that are calibrated
    sides: Sides | None = None
    speakers: tuple[np.ndarray, np.ndarray] | None = None  # numbers of both sides, into `names`
    names: tuple[str, ...] = ()

    def beside(self, name: str) -> Path | None:
        """A file of the list's data directory, if it is there."""
        path = Path(self.files.utt2spk).with_name(name) if self.files.utt2spk else None
        return path if path and path.exists() else None

    def both(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values of target and of nontarget trials."""
        return values[self.trials.target], values[~self.trials.target]


def read_list(name: str, files: ScoredList, allow_duplicates: bool = False) -> ListScores:
    """Read a list, its scores and, if it names utt2spk, its speakers; InputError as reading them raises it."""
    trials = read_both_kinds(files.trials, allow_duplicates)
    scores, ratios = (
        {backend: read_scores(path, trials, allow_duplicates) for backend, path in paths.items()}
        for paths in (files.scores, files.llrs)
    )
    if not files.utt2spk:
        return ListScores(name, files, trials, scores, ratios)
    sides = read_sides(trials, files.trials, files.utt2spk, files.models)
    speakers = speakers_of_trials(trials, files.trials, sides)
    names = tuple(sorted({*sides.speakers[0], *sides.speakers[1]}))
    return ListScores(name, files, trials, scores, ratios, sides, speakers, names)
