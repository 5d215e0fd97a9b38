"""The trials in which a back-end errs most, and the speakers that it finds hard."""

from dataclasses import dataclass

import numpy as np

from spkr.kaldi.fields import decimal
from spkr.kaldi.maps import read_map
from spkr.metrics.eer import eer_kaldi
from spkr.report.html.run_results import ListScores


@dataclass(frozen=True)
class Side:
    """One side of a trial."""

    name: str
    utts: tuple[str, ...]
    speaker: str
    sex: str  # empty if it is not known
    seconds: float | None


@dataclass(frozen=True)
class WorstTrial:
    """A trial that was decided wrongly, or nearly so."""

    enrol: Side
    test: Side
    score: float
    ratio: float | None
    wrong: bool  # at the threshold of the EER


@dataclass(frozen=True)
class HardSpeaker:
    """The errors of one speaker at the threshold of the EER."""

    name: str
    sex: str
    n_target: int
    rejected: int
    n_nontarget: int
    accepted: int

    @property
    def p_miss(self) -> float | None:
        """The share (0..1) of its target trials that are rejected."""
        return self.rejected / self.n_target if self.n_target else None

    @property
    def p_fa(self) -> float | None:
        """The share (0..1) of its nontarget trials that are accepted."""
        return self.accepted / self.n_nontarget if self.n_nontarget else None

    @property
    def hardness(self) -> float:
        """The mean of the two shares."""
        return float(np.mean([p for p in (self.p_miss, self.p_fa) if p is not None]))


def worst_trials(one: ListScores, backend: str, count: int) -> dict[str, list[WorstTrial]]:
    """The nontarget trials of a list with the highest scores, and the target trials with the lowest, worst first."""
    scores, target = one.scores[backend], one.trials.target
    threshold = np.float32(eer_kaldi(*one.both(scores))[1])
    sexes, seconds = _of_data(one)
    found = {}
    for kind, sign, chosen in (("false acceptances", -1, ~target), ("false rejections", 1, target)):
        places = np.flatnonzero(chosen)
        order = places[np.argsort(sign * scores[places], kind="stable")[:count]]
        found[kind] = [
            WorstTrial(
                *(_side(one, side, k, sexes, seconds) for side in (0, 1)), float(scores[k]),
                float(one.ratios[backend][k]) if backend in one.ratios else None,
                bool((np.float32(scores[k]) >= threshold) != target[k]),
            ) for k in order.tolist()
        ]  # fmt: skip
    return found


def _of_data(one: ListScores) -> tuple[dict[str, str], dict[str, float]]:
    """The sex of each speaker and the seconds of each utterance, as far as the data directory has them."""
    sexes, lengths = one.beside("spk2gender"), one.beside("utt2dur")
    return (
        read_map(sexes) if sexes else {},
        {utt: decimal(value) for utt, value in read_map(lengths).items()} if lengths else {},
    )


def _side(one: ListScores, side: int, k: int, sexes: dict[str, str], seconds: dict[str, float]) -> Side:
    places, names = (
        (one.trials.enrol, one.trials.enrol_names) if side == 0 else (one.trials.test, one.trials.test_names)
    )
    number = places[k]
    if not one.sides:
        return Side(names[number], (), "", "", None)
    utts, speaker = tuple(one.sides.utts[side][number]), one.sides.speakers[side][number]
    known = all(utt in seconds for utt in utts)
    return Side(names[number], utts, speaker, sexes.get(speaker, ""), sum(map(seconds.get, utts)) if known else None)


def hard_speakers(one: ListScores, backend: str) -> list[HardSpeaker]:
    """The speakers of a list, the hardest first; none if speakers are not known.

    A nontarget trial counts for both of its speakers.
    """
    if not one.speakers:
        return []
    scores, target = one.scores[backend].astype(np.float32), one.trials.target
    accepted = scores >= np.float32(eer_kaldi(*one.both(scores))[1])
    enrol, test = one.speakers
    sexes, _ = _of_data(one)

    def count(chosen: np.ndarray, *sides: np.ndarray) -> np.ndarray:
        return sum(np.bincount(side[chosen], minlength=len(one.names)) for side in sides)

    columns = (
        *(count(target, enrol), count(target & ~accepted, enrol)),
        *(count(~target, enrol, test), count(~target & accepted, enrol, test)),
    )
    found = [
        HardSpeaker(name, sexes.get(name, ""), *map(int, counts))
        for name, *counts in zip(one.names, *columns, strict=True)
    ]
    return sorted(found, key=lambda speaker: (-speaker.hardness, speaker.name))
