"""What a data directory says of the names on either side of a trial list: their utterances and speakers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.kaldi.datadir import read_map, read_spk2utt
from spkr.kaldi.trials import Trials


@dataclass(frozen=True)
class Sides:
    """Enrolment, then test: the utterances and the speaker of each name."""

    utts: tuple[list[Sequence[str]], list[Sequence[str]]]
    speakers: tuple[list[str], list[str]]


def read_sides(trials: Trials, path: str | Path, utt2spk: str | Path, models: str | Path | None = None) -> Sides:
    """Look up the names of the list that was read from `path`: models of `models` (spk2utt's form), or utterances.

    Raises InputError, with the line, for a name that is neither and for a model without one speaker.
    """
    speaker_of, utts_of = read_map(utt2spk), read_spk2utt(models) if models else {}
    for line, (model, utts) in enumerate(utts_of.items(), 1):
        for utt in utts:
            if utt not in speaker_of:
                raise InputError(f"{models}:{line}: {utt!r} of model {model!r} is not in {utt2spk}")
            if speaker_of[utt] != speaker_of[utts[0]]:
                raise InputError(
                    f"{models}:{line}: model {model!r} has utterances of {speaker_of[utts[0]]!r} and "
                    f"{speaker_of[utt]!r}; expected those of one speaker"
                )
    for names, places in ((trials.enrol_names, trials.enrol), (trials.test_names, trials.test)):
        for k, name in enumerate(names):
            if name not in utts_of and name not in speaker_of:
                line = 1 + int(np.argmax(places == k))
                known = f"a model of {models} or " if models else ""
                raise InputError(f"{path}:{line}: {name!r} is not {known}an utterance of {utt2spk}")
    enrol, test = ([utts_of.get(name) or [name] for name in side] for side in (trials.enrol_names, trials.test_names))
    return Sides((enrol, test), tuple([speaker_of[utts[0]] for utts in side] for side in (enrol, test)))


def speakers_of_trials(trials: Trials, path: str | Path, sides: Sides) -> tuple[np.ndarray, np.ndarray]:
    """The speakers of each trial, numbered from 0: two int32 (number of trials,).

    Raises InputError, with the line, for the first trial whose label contradicts them.
    """
    names = sorted({*sides.speakers[0], *sides.speakers[1]})
    number = {name: k for k, name in enumerate(names)}
    enrol, test = (np.array([number[spk] for spk in side], np.int32) for side in sides.speakers)
    enrol, test = enrol[trials.enrol], test[trials.test]
    if (wrong := (enrol == test) != trials.target).any():
        k = int(wrong.argmax())
        kind = "target" if trials.target[k] else "nontarget"
        raise InputError(
            f"{path}:{k + 1}: a {kind} trial of speakers {names[enrol[k]]!r} and {names[test[k]]!r}; "
            f"correct its label, or the speakers"
        )
    return enrol, test
