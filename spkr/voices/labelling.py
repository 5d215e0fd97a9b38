"""Names for the speakers of given segments of a recording, from a store of voices.

Segments with one label are one speaker's: their embeddings are averaged, and the average is identified. Or each segment
is identified by itself. Speakers who are not known keep their label. What two people say at once is heard as it is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spkr.audio.channels import Channel
from spkr.errors import InputError
from spkr.kaldi.rules import MAX_OVERSHOOT
from spkr.packed.decision import Rule
from spkr.packed.heard import Heard, Sound, read_sound
from spkr.packed.packed_model import PackedModel
from spkr.voices.identifying import Identity, identify
from spkr.voices.rttm import Segment, check_times, word
from spkr.voices.voice import Voice

LEAST = 0.5  # seconds of a segment; shorter ones say little of a voice


@dataclass(frozen=True)
class Named:
    """A label of the segments, or one segment, and who it is."""

    label: str
    segments: tuple[Segment, ...]
    identity: Identity | None  # None: nothing could be heard
    why: str  # in words

    @property
    def name(self) -> str:
        """The name of the voice; the label, if it is not known."""
        return self.identity.name if self.identity and self.identity.name else self.label


@dataclass(frozen=True)
class Labelling:
    """How segments are named."""

    rule: Rule
    margin: float | None = None  # as of `identify`
    least: float = LEAST  # seconds; shorter segments are not listened to
    each_segment: bool = False  # by itself, whatever its label


def label(
    model: PackedModel,
    voices: Sequence[Voice],
    recording: str | Path,
    segments: Sequence[Segment],
    how: Labelling,
    channel: Channel = None,
) -> list[Named]:
    """Names for the speakers of one recording's segments, in the order in which they begin to speak.

    Args: channel is that of all segments; default: if the segments name several, each is listened to on its own.
    Raises InputError if the recording cannot be read, a segment does not lie in it, or a name of the result would stand
    for two speakers.
    """  # fmt: skip
    heard = dict(_heard(model, recording, segments, how.least, channel))
    labels: dict[object, list[Segment]] = {}
    for segment in sorted(segments, key=lambda s: s.start):
        labels.setdefault(segment if how.each_segment else segment.label, []).append(segment)
    sides = {key: [heard[s] for s in group if isinstance(heard[s], Heard)] for key, group in labels.items()}
    known = dict(zip([key for key in sides if sides[key]], identify(
        model, voices, [side for side in sides.values() if side], how.rule, how.margin), strict=True))  # fmt: skip
    named = [
        Named(group[0].label, tuple(group), known.get(key), known[key].why if key in known else str(heard[group[0]]))
        for key, group in labels.items()
    ]
    _check_apart(named)
    return named


def _heard(
    model: PackedModel, recording: str | Path, segments: Sequence[Segment], least: float, channel: Channel
) -> Iterator[tuple[Segment, Heard | str]]:
    """Each segment with its embedding, or with the reason why it has no embedding."""
    for number, group in _by_channel(segments, channel).items():
        sound = read_sound(str(recording), model.front_end, channel=number)
        check_times(group, sound.source, sound.seconds, MAX_OVERSHOOT)
        for segment in group:
            part = _cut(sound, segment, model.rate)
            if part.seconds < least or len(part.samples) < model.front_end.min_samples:
                yield segment, f"too short: {part.seconds:g} s; expected {least:g} s or more"
                continue
            try:
                yield segment, model.hear_all([part])[0]
            except InputError as e:
                yield segment, str(e)


def _cut(sound: Sound, segment: Segment, rate: int) -> Sound:
    first, last = (round(seconds * rate) for seconds in (segment.start, segment.end))
    samples = sound.samples[first:last]
    return Sound(segment.place, samples, len(samples) / rate)


def _by_channel(segments: Iterable[Segment], channel: Channel) -> Mapping[Channel, list[Segment]]:
    """Segments by the channel that is listened to; RTTM counts channels from 1."""
    groups: dict[str, list[Segment]] = {}
    for segment in segments:
        groups.setdefault(segment.fields[2], []).append(segment)
    if len(groups) == 1:
        return {channel: next(iter(groups.values()))}
    if channel is not None:
        raise InputError(f"channel {channel} for segments of the channels {', '.join(groups)}; leave it out")
    for name, group in groups.items():
        if not (name.isascii() and name.isdecimal() and int(name)):
            raise InputError(f"{group[0].place}: channel {name!r}; expected a number from 1")
    return {int(name) - 1: group for name, group in groups.items()}


def _check_apart(named: Iterable[Named]) -> None:
    """Raise InputError if two speakers would have one name in RTTM: a label that is also a name, or two spellings."""
    first: dict[str, Named] = {}
    for one in named:
        other = first.setdefault(word(one.name), one)
        known, other_known = (bool(n.identity and n.identity.name) for n in (one, other))
        if (one.name, known) != (other.name, other_known):
            raise InputError(
                f"{one.segments[0].place}: {word(one.name)!r} would stand for two speakers, those of the labels "
                f"{other.label!r} and {one.label!r}: give the segments other labels, or the voice another name"
            )
