"""Who is speaking: the enrolled voices that are likeliest, or nobody who is enrolled.

A recording gets the name of the voice with the highest log-likelihood ratio (LLR), if two conditions are met; else it
is unknown. The comparison with that voice is decided as `same`, as in `spkr verify`. And the voice is ahead of the
runner-up by a margin: exp(LLR of one - LLR of the other) says how many times likelier the recording is from the first
of the two. The default margin asks for ten times, so that a name is wrong, between these two, once in eleven or less.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spkr.errors import InputError
from spkr.packed.decision import Comparison, Rule
from spkr.packed.heard import Heard
from spkr.packed.packed_model import PackedModel
from spkr.voices.gates import compared, likeness
from spkr.voices.store import VoiceStore
from spkr.voices.voice import UNKNOWN, Voice

MARGIN = math.log(10)  # of log-likelihood ratios
NO_MARGIN = 0.0  # of scores without a calibration, which have no scale that is known


@dataclass(frozen=True)
class Candidate:
    """An enrolled voice, and how a recording compares with it."""

    name: str
    comparison: Comparison


@dataclass(frozen=True)
class Identity:
    """Whose voice it is."""

    name: str | None  # None: unknown
    best: tuple[Candidate, ...]  # the likeliest voices, best first
    margin: float | None  # by which the first is ahead of the second, in LLR or score; None with one voice enrolled
    least_margin: float
    why: str  # in words
    heard: tuple[Heard, ...]  # the recordings, whose average was compared

    @property
    def shown(self) -> str:
        """The name, or `unknown`."""
        return UNKNOWN if self.name is None else self.name


def enrolled_voices(store: VoiceStore) -> list[Voice]:
    """The voices of a store. Raises InputError if nobody is enrolled."""
    if not (voices := store.voices()):
        raise InputError(f"{store.path}: no voice is enrolled; enrol one with `spkr enrol`")
    return voices


def identify(
    model: PackedModel,
    voices: Sequence[Voice],
    sides: Sequence[Sequence[Heard]],
    rule: Rule,
    margin: float | None = None,
    top: int = 5,
) -> list[Identity]:
    """Who each of several sides is; a side is one or more recordings of a person, which are averaged.

    Args:
        voices: enrolled, at least one
        margin: over the runner-up, of LLRs (of scores without a calibration), 0 or more; default: MARGIN (NO_MARGIN)
        top: the number of candidates in the result, 1 or more
    Raises InputError for another margin or top.
    """  # fmt: skip
    if margin is not None and not margin >= 0:
        raise InputError(f"margin {margin:g}; expected 0 or more")
    if top < 1:
        raise InputError(f"top {top}; expected 1 or more")
    if not sides:
        return []
    least = (NO_MARGIN if rule.prior is None else MARGIN) if margin is None else margin
    found = compared(model, [voice.recordings for voice in voices], sides, rule)
    return [_identity(voices, column, side, least, top) for column, side in zip(found.T, sides, strict=True)]


def _identity(voices: Sequence[Voice], found, side: Sequence[Heard], least: float, top: int) -> Identity:
    """The identity that follows from comparisons (E,) with all voices (E)."""
    order = sorted(range(len(voices)), key=lambda i: -likeness(found[i]))  # of equals, the first by name
    best = tuple(Candidate(voices[i].name, found[i]) for i in order[: max(top, 2)])
    first, unit = best[0], "score" if best[0].comparison.llr is None else "LLR"
    margin = likeness(first.comparison) - likeness(best[1].comparison) if len(best) > 1 else None
    rule = first.comparison.rule
    value = first.comparison.llr if rule.on_ratios else first.comparison.score
    ahead = "no other voice is enrolled" if margin is None else f"{margin:.2f} ahead of {best[1].name!r}"
    why = f"{first.name!r} is the likeliest: {unit} {likeness(first.comparison):.2f}, {ahead}"
    known = first.comparison.same and (margin is None or margin >= least)
    if not first.comparison.same:
        what = "LLR" if rule.on_ratios else "score"
        why += f"; its {what} {value:.2f} is below the threshold {rule.threshold:.2f}, {rule.why}"
    elif not known:
        why += f"; expected a margin of {least:.2f} or more"
    return Identity(first.name if known else None, best[:top], margin, least, why, tuple(side))
