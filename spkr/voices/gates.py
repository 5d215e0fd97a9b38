"""The gates of enrolment: enough speech, recordings of one voice, and no voice that is enrolled under another name.

With a calibration, natural log-likelihood ratios (LLR) decide. Recordings of a name belong together if one voice is the
likelier explanation, LLR > 0, whatever the prior; another name is too near if `spkr verify` would call the two the
same. Without a calibration, both are decided by the threshold on scores.
"""

from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass

import numpy as np

from spkr.packed.decision import Comparison, Rule
from spkr.packed.heard import Heard
from spkr.packed.packed_model import PackedModel
from spkr.voices.voice import Recording, Voice

LEAST_SPEECH = 1.0  # seconds, of each recording
GOOD_SPEECH = 3.0  # seconds, of all recordings; less is warned of


@dataclass(frozen=True)
class Gate:
    """What a gate has found."""

    name: str  # speech, cohesion or distance
    passed: bool
    value: float | None  # seconds, or LLR or score; None where there is nothing to compare with
    limit: float  # of the value
    words: str  # what was found, with its numbers


Recordings = Sequence[Recording | Heard]  # of one voice; both have an embedding and seconds


def compared(model: PackedModel, enrol: Sequence[Recordings], test: Sequence[Recordings], rule: Rule) -> np.ndarray:
    """Each voice of `enrol` (E) against each of `test` (T), a voice being its recordings: Comparisons (E, T)."""
    return model.compare_all(*([_as_heard(one) for one in side] for side in (enrol, test)), rule)


def _as_heard(recordings: Recordings) -> list[Heard]:
    return [Heard(r.source, r.embedding, r.seconds, r.speech) for r in recordings]


def likeness(found: Comparison) -> float:
    """The LLR of a comparison; its score without a calibration."""
    return found.score if found.llr is None else found.llr


def speech_gate(recordings: Recordings, least: float) -> Gate:
    """Each recording has `least` seconds of speech; how much all have is said, too."""
    shortest = min(recordings, key=lambda r: r.speech)
    total = f"{sum(r.speech for r in recordings):.1f} s of speech"
    words = (
        f"{total} in {counted(recordings)}, {shortest.speech:.1f} s in {shortest.source}; expected {least:g} s in each"
    )
    return Gate("speech", shortest.speech >= least, shortest.speech, least, words)


def cohesion_gate(model: PackedModel, recordings: Recordings, rule: Rule) -> Gate:
    """The recordings are of one voice: each against the average of the others, and the two groups that differ most.

    The groups find two recordings of one voice among two of another, where each has one to go with.
    """
    calibrated = rule.prior is not None
    limit = 0.0 if calibrated else rule.threshold
    if len(recordings) == 1:
        return Gate("cohesion", True, None, limit, "one recording, with no other to compare it with")
    everyone = range(len(recordings))
    splits = [([i], [j for j in everyone if j != i]) for i in everyone] + _groups(model, recordings, rule)
    sides = ([[recordings[i] for i in split[side]] for split in splits] for side in (0, 1))
    values = [likeness(found) for found in np.diag(compared(model, *sides, rule))]
    worst = int(np.argmin(values))
    one, other = ([recordings[i] for i in side] for side in splits[worst])
    apart = f"{', '.join(r.source for r in one)} against {counted(other, 'other ')}"
    words = f"{apart}: {'LLR' if calibrated else 'score'} {values[worst]:.2f}; expected more than {limit:.2f}"
    return Gate("cohesion", values[worst] > limit, values[worst], limit, words)


def distance_gate(model: PackedModel, recordings: Recordings, others: Iterable[Voice], rule: Rule) -> Gate:
    """The voice would not be called the same as one of these others."""
    if not (others := list(others)):
        return Gate("distance", True, None, rule.threshold, "no other voice is enrolled")
    column = compared(model, [voice.recordings for voice in others], [recordings], rule)[:, 0]
    values = [found.llr if rule.on_ratios else found.score for found in column]
    nearest = int(np.argmax(values))
    words = (
        f"the nearest is {others[nearest].name!r}: {'LLR' if rule.on_ratios else 'score'} {values[nearest]:.2f}; "
        f"expected less than {rule.threshold:.2f}, {rule.why}"
    )
    return Gate("distance", not column[nearest].same, values[nearest], rule.threshold, words)


def counted(recordings: Sized, kind: str = "") -> str:
    """How many recordings, in words."""
    return f"{len(recordings)} {kind}recording{'s' * (len(recordings) != 1)}"


def _groups(model: PackedModel, recordings: Recordings, rule: Rule) -> list[tuple[list[int], list[int]]]:
    """The two groups that the first principal coordinate of all pairs tells apart; none if one is of one recording."""
    singles = [[r] for r in recordings]
    pairs = np.array([[likeness(found) for found in row] for row in compared(model, singles, singles, rule)])
    np.fill_diagonal(pairs, pairs[~np.eye(len(pairs), dtype=bool)].max())
    centred = pairs - pairs.mean(0) - pairs.mean(1)[:, None] + pairs.mean()
    first = np.linalg.eigh((centred + centred.T) / 2)[1][:, -1] > 0
    groups = np.flatnonzero(first).tolist(), np.flatnonzero(~first).tolist()
    return [groups] if min(map(len, groups)) > 1 else []
