"""Quality measures of trials, for calibration: what says how much a score is worth, whoever speaks.

Each measure is a number of either side of a trial. It gives two columns, the natural logarithms of the lesser and of
the greater of the two, so that a trial and its mirror image are calibrated alike.

Sources: M. Mandasari et al., "Quality measure functions for calibration of speaker recognition systems in various
duration conditions", IEEE Trans. ASLP 21, 2013; J. Thienpondt et al., "The IDLab VoxSRC-20 submission", ICASSP 2021,
for the lesser and the greater.
"""

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name

import numpy as np

from spkr.backend import QUALITY
from spkr.errors import InputError
from spkr.kaldi.maps import read_map
from spkr.kaldi.trial_speakers import Sides
from spkr.kaldi.trials import Trials, Utterances


def seconds(side: Utterances, utt2spk: Path) -> np.ndarray:
    """Seconds of all utterances of each name together, by utt2dur beside utt2spk."""
    path = utt2spk.with_name("utt2dur")
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

    return np.array([sum(map(duration, utts)) for utts in side])


def utterances(side: Utterances, utt2spk: Path) -> np.ndarray:
    """The number of utterances of each name."""
    return np.array([float(len(utts)) for utts in side])


def quality_columns(names: Sequence[str], trials: Trials, sides: Sides, utt2spk: str | Path) -> np.ndarray:
    """Two columns for each of these measures, (number of trials, 2 len(names)).

    Raises InputError if utt2dur lacks an utterance, or has something else than seconds.
    """
    columns = []
    for name in names:
        measure = resolve_name(QUALITY[name])
        enrol, test = (np.log(measure(side, Path(utt2spk))) for side in sides.utts)
        both = enrol[trials.enrol], test[trials.test]
        columns += [np.minimum(*both), np.maximum(*both)]
    return np.stack(columns, axis=1) if columns else np.empty((len(trials), 0))
