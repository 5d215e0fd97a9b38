"""The utterances and speakers of the names in a trial list, from its data directory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.kaldi.maps import read_map
from spkr.kaldi.trials import Trials, Utterances, look_up_utterances, read_models


@dataclass(frozen=True)
class Sides:
    """Enrolment, then test: the utterances and the speaker of each name."""

    utts: tuple[Utterances, Utterances]
    speakers: tuple[list[str], list[str]]


def read_sides(trials: Trials, path: str | Path, utt2spk: str | Path, models: str | Path | None = None) -> Sides:
    """Look up the names of the list that was read from `path`: models of `models` (spk2utt's form), or utterances.

    Raises InputError, with the line, for a name that is neither, and for a model with an unknown utterance or with more
    than one speaker.
    """
    speaker_of, utts_of = read_map(utt2spk), read_models(models)
    for line, (model, utts) in enumerate(utts_of.items(), 1):
        for utt in utts:
            if utt not in speaker_of:
                raise InputError(f"{models}:{line}: {utt!r} of model {model!r} is not in {utt2spk}")
            if speaker_of[utt] != speaker_of[utts[0]]:
                raise InputError(
                    f"{models}:{line}: model {model!r} has utterances of {speaker_of[utts[0]]!r} and "
                    f"{speaker_of[utt]!r}; expected those of one speaker"
                )
    utts = look_up_utterances(trials, path, speaker_of, f"an utterance of {utt2spk}", utts_of, models)
    return Sides(utts, tuple([speaker_of[of_name[0]] for of_name in side] for side in utts))


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
            f"{path}:{trials.line(k)}: a {kind} trial of speakers {names[enrol[k]]!r} and {names[test[k]]!r}; "
            f"correct its label, or the speakers"
        )
    return enrol, test
