"""Quality measures of trials, for calibration: what says how much a score is worth, whoever speaks.

Each measure is a number of either side of a trial. It gives two columns, the lesser and the greater of the two, so that
a trial and its mirror image are calibrated alike. `duration` and `num_utts` are natural logarithms; `cohort` is the
mean of the side's cohort scores as it is, and has two columns for each system.

Sources: M. Mandasari et al., "Quality measure functions for calibration of speaker recognition systems in various
duration conditions", IEEE Trans. ASLP 21, 2013; J. Thienpondt et al., "The IDLab VoxSRC-20 submission", ICASSP 2021,
for the lesser and the greater, and for the mean of the cohort scores ("imposter mean").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

import numpy as np

from spkr.backend import QUALITY
from spkr.backend.cohort import SIDES, read_cohort_means
from spkr.errors import InputError
from spkr.kaldi.maps import read_map
from spkr.kaldi.trial_speakers import Sides
from spkr.kaldi.trials import Trials, Utterances


@dataclass(frozen=True)
class Side:
    """The enrolment or the test side of a list, and the files that say something of it."""

    kind: str  # enrol or test
    names: Sequence[str]
    utts: Utterances
    utt2spk: Path
    cohorts: Sequence[str | Path]  # of each system, what `spkr score --cohort-statistics` wrote


def seconds(side: Side) -> list[np.ndarray]:
    """Log seconds of all utterances of each name together, by utt2dur beside utt2spk."""
    path = side.utt2spk.with_name("utt2dur")
    durations = read_map(path)

    def duration(utt: str) -> float:
        try:
            found = float(durations[utt])
        except (KeyError, ValueError):
            found = 0.0
        if not 0 < found < np.inf:
            raise InputError(
                f"{path}: utterance {utt!r} has {durations.get(utt, 'no line')!r}; expected seconds above 0"
            )
        return found

    return [np.log([sum(map(duration, utts)) for utts in side.utts])]


def utterances(side: Side) -> list[np.ndarray]:
    """The log number of utterances of each name."""
    return [np.log([len(utts) for utts in side.utts])]


def cohort_means(side: Side) -> list[np.ndarray]:
    """The mean of each name's cohort scores, of each system."""
    return [_cohort_means(path, side) for path in side.cohorts]


def _cohort_means(path: str | Path, side: Side) -> np.ndarray:
    means = read_cohort_means(path)
    if missing := [name for name in side.names if (side.kind, name) not in means]:
        raise InputError(f"{path}: no line `{side.kind} {missing[0]}`; expected one for each name of the list")
    return np.array([means[side.kind, name] for name in side.names])


def check_cohorts(quality: Sequence[str], systems: Sequence[str | Path], cohorts: Sequence[str | Path]) -> None:
    """Raise InputError unless there is a file of cohort statistics for each system, where they are a measure."""
    if len(cohorts) != (wanted := len(systems) if "cohort" in quality else 0):
        raise InputError(
            f"{len(cohorts)} files of cohort statistics for {', '.join(map(str, systems))} with the quality measures "
            f"{', '.join(quality) or 'none'}; expected {wanted}: --cohort-statistics, as `spkr score` writes them for "
            "back-ends with s-norm or as-norm"
        )


def quality_columns(
    quality: Sequence[str], trials: Trials, sides: Sides, utt2spk: str | Path, cohorts: Sequence[str | Path] = ()
) -> np.ndarray:
    """The columns of these measures, (number of trials, number_of_columns).

    Raises InputError if utt2dur lacks an utterance, or has something else than seconds; and if a file of cohort
    statistics lacks a name.
    """
    enrol, test = (
        Side(kind, names, utts, Path(utt2spk), cohorts)
        for kind, names, utts in zip(SIDES, (trials.enrol_names, trials.test_names), sides.utts, strict=True)
    )
    columns = []
    for name in quality:
        measure = resolve_name(QUALITY[name])
        for of_enrol, of_test in zip(measure(enrol), measure(test), strict=True):
            both = of_enrol[trials.enrol], of_test[trials.test]
            columns += [np.minimum(*both), np.maximum(*both)]
    return np.stack(columns, axis=1) if columns else np.empty((len(trials), 0))
