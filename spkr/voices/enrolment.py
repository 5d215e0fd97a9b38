"""Enrolling a voice: recordings are heard, pass the gates, and are stored."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spkr.audio.channels import Channel
from spkr.errors import InputError
from spkr.packed.decision import Rule
from spkr.packed.heard import Audio, Heard, Sound, joined, read_sound
from spkr.packed.packed_model import PackedModel
from spkr.voices.gates import GOOD_SPEECH, LEAST_SPEECH, Gate, cohesion_gate, counted, distance_gate, speech_gate
from spkr.voices.store import VoiceStore
from spkr.voices.voice import Recording, Voice


@dataclass(frozen=True, eq=False)
class Enrolment:
    """A voice that was enrolled, and what the gates found."""

    voice: Voice  # with all of its recordings
    added: tuple[Heard, ...]  # the recordings that were added now
    gates: tuple[Gate, ...]
    warnings: tuple[str, ...]

    @property
    def forced(self) -> bool:
        """Whether a gate was not passed."""
        return not all(gate.passed for gate in self.gates)


@dataclass(frozen=True)
class Terms:
    """The terms of an enrolment."""

    rule: Rule  # when two voices are the same
    least_speech: float = LEAST_SPEECH  # seconds, of each recording
    extend: bool = False  # add to a voice that is enrolled
    force: bool = False  # enrol whatever the gates find


def enrol(
    model: PackedModel,
    store: str | Path,
    name: str,
    recordings: Sequence[Audio | Sound],
    terms: Terms,
    rate: int | None = None,
    channel: Channel = None,
) -> Enrolment:
    """Enrol a voice under a name. The store is made if it does not exist.

    Args:
        recordings: paths, or samples (n,) as of `PackedModel.hear`; or sounds that were read already
        rate: Hz, of samples; default: the model's
        channel: of files with several
    Raises InputError as `PackedModel.hear` and `VoiceStore.add` do, and if a gate is not passed, unless terms.force.
    """  # fmt: skip
    voices = VoiceStore(store, model.sha256, model.dim)
    name = voices.check_free(name, terms.extend)
    if not recordings:
        raise InputError(f"{name!r}: no recording; expected one or more")
    sounds = read_sounds(model, recordings, rate, channel)
    heard = model.hear_all(sounds)
    new = [as_recording(sound, one) for sound, one in zip(sounds, heard, strict=True)]
    found: list[Gate] = []

    def accept(enrolled: Mapping[str, Voice]) -> None:
        found[:] = _gates(model, name, new, enrolled, terms)
        if not (terms.force or all(gate.passed for gate in found)):
            faults = "; ".join(f"{gate.name}: {gate.words}" for gate in found if not gate.passed)
            raise InputError(
                f"{name!r} is not enrolled: {faults}. Give other recordings, or enrol all the same (--force)"
            )

    voice = voices.add(name, new, extend=terms.extend, accept=accept)
    return Enrolment(voice, tuple(heard), tuple(found), (*joined(heard), *_few(voice)))


def as_recording(sound: Sound, heard: Heard) -> Recording:
    """A recording as it is stored."""
    digest = hashlib.sha256(sound.samples.tobytes()).hexdigest()
    return Recording(heard.source, digest, heard.seconds, heard.speech, heard.embedding)


def read_sounds(
    model: PackedModel, recordings: Sequence[Audio | Sound], rate: int | None = None, channel: Channel = None
) -> list[Sound]:
    """Recordings at the model's rate. `rate` is that of samples; a file has its own. Raises as `read_sound` does.

    Samples get a number, by which messages name them: array 1 is the first recording. Sounds are returned as they are.
    """
    sounds = []
    for number, audio in enumerate(recordings, 1):
        if isinstance(audio, Sound):
            sounds.append(audio)
            continue
        is_array = isinstance(audio, np.ndarray)
        sound = read_sound(audio, model.front_end, rate if is_array else None, channel)
        sounds.append(replace(sound, source=f"array {number}") if is_array else sound)
    return sounds


def _gates(model: PackedModel, name: str, new: Sequence[Recording], enrolled: Mapping[str, Voice], terms: Terms):
    before = enrolled[name].recordings if name in enrolled else ()
    others = [voice for voice in enrolled.values() if voice.name != name]
    every = [*before, *new]
    return [
        speech_gate(new, terms.least_speech),
        cohesion_gate(model, every, terms.rule),
        distance_gate(model, every, others, terms.rule),
    ]


def _few(voice: Voice) -> list[str]:
    """A warning of little speech in all recordings of a voice."""
    if voice.speech >= GOOD_SPEECH:
        return []
    speech = f"{voice.speech:.1f} s of speech in {counted(voice.recordings)}"
    return [f"{voice.name}: {speech}; {GOOD_SPEECH:g} s or more are better"]
