"""Numbers of utterances and of voiced frames, and what rests on utterances without a voiced frame.

    num_utts         <name> <number of utterances>        of an average
    utt2num_voiced   <utterance> <number of voiced frames>

An embedding of silence says nothing about a speaker, yet any two of them are much alike.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.kaldi.fields import COUNT
from spkr.kaldi.select import read_maps
from spkr.kaldi.trials import Trials, Utterances

SILENT = ("warn", "refuse")  # what to do about utterances without a voiced frame

logger = logging.getLogger(__name__)


def read_counts(paths: Sequence[str | Path], of: str, least: int = 0) -> dict[str, int]:
    """Read whole numbers by name from files that share no name; `of` says what they count, for messages.

    Raises InputError for a number below `least` and for text that is not a number.
    """
    counts = read_maps(paths)
    for name, number in counts.items():
        if not COUNT.fullmatch(number) or int(number) < least:
            where = " or ".join(map(str, paths))
            raise InputError(f"{where}: {name} has {number!r}; expected a number of {of}, {least} or more")
    return {name: int(number) for name, number in counts.items()}


def read_silent(paths: Sequence[str | Path], utts: Iterable[str]) -> set[str]:
    """Those of these utterances that have no voiced frame, by the utt2num_voiced of their sets; empty without files.

    Raises InputError for an utterance without a line, and as `read_counts` does.
    """
    if not paths:
        return set()
    num_voiced = read_counts(paths, "voiced frames")
    for utt in utts:
        if utt not in num_voiced:
            where = " or ".join(map(str, paths))
            raise InputError(f"{where}: no line for {utt!r}; expected its number of voiced frames")
    return {utt for utt in utts if not num_voiced[utt]}


def report_silent(where: str | Path, silent: set[str], consequence: str, action: str = "warn") -> None:
    """Log the number of utterances without a voiced frame and the first one; InputError if `action` is `refuse`."""
    if not silent:
        return
    count = f"{len(silent)} utterances have" if len(silent) > 1 else "an utterance has"
    problem = f"{where}: {count} no voiced frame, first {min(silent)!r}; {consequence}"
    if action == "refuse":
        raise InputError(f"{problem}; leave it out, or take --silent warn")
    logger.warning("%s", problem)


def without_silent(utts: Iterable[Sequence[str]], silent: set[str]) -> Utterances:
    """The utterances of each name without the silent ones; a name that has only silent ones keeps them."""
    return [tuple(utt for utt in of_name if utt not in silent) or tuple(of_name) for of_name in utts]


def rest_on_silence(trials: Trials, utts: tuple[Utterances, Utterances], silent: set[str]) -> np.ndarray:
    """Which trials have only silent utterances on at least one side; bool (number of trials,)."""
    enrol, test = (np.array([silent.issuperset(of_name) for of_name in side]) for side in utts)
    return enrol[trials.enrol] | test[trials.test]
