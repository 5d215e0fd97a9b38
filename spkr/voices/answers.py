"""What enrolment, identification and a store say, as text and as JSON types."""

from collections.abc import Mapping, Sequence
from typing import Any

from spkr.packed.heard import joined
from spkr.packed.verdicts import comparison_json, of_recording, on_a_line, recording_json
from spkr.voices.enrolment import Enrolment
from spkr.voices.gates import counted
from spkr.voices.identifying import Candidate, Identity
from spkr.voices.labelling import Named
from spkr.voices.voice import UNKNOWN, Voice


def enrolment_text(done: Enrolment) -> str:
    """An enrolment in lines: the voice, its recordings, what each gate found, warnings."""
    gates = [f"  {gate.name}{'' if gate.passed else ' (NOT passed)'}: {gate.words}" for gate in done.gates]
    heard = [f"  added: {of_recording(one)}" for one in done.added]
    return _lines([f"enrolled: {voice_text(done.voice)}", *heard, *gates, *_warned(done.warnings)])


def enrolment_json(done: Enrolment) -> dict[str, Any]:
    """An enrolment as JSON types."""
    gates = [
        {"name": g.name, "passed": g.passed, "value": g.value, "limit": g.limit, "words": g.words} for g in done.gates
    ]
    return voice_json(done.voice) | {
        "new": [recording_json(one) for one in done.added], "gates": gates, "forced": done.forced,
        "warnings": list(done.warnings),
    }  # fmt: skip


def identity_text(source: str, found: Identity) -> str:
    """Whose voice a recording is, in lines: the name, why, the likeliest voices, warnings."""
    best = [f"  {number}. {_candidate_text(one)}" for number, one in enumerate(found.best, 1)]
    heard = [f"  heard: {of_recording(one)}" for one in found.heard]
    return _lines([f"{source}: {found.shown}", f"  {found.why}", *best, *heard, *_warned(joined(found.heard))])


def identity_json(found: Identity) -> dict[str, Any]:
    """Whose voice a recording is, as JSON types; `name` is null if it is unknown."""
    return {
        "name": found.name, "why": found.why, "margin": found.margin, "least_margin": found.least_margin,
        "best": [{"name": one.name} | comparison_json(one.comparison) for one in found.best],
        "heard": [recording_json(one) for one in found.heard],
    }  # fmt: skip


def named_text(one: Named) -> str:
    """Who a label of segments, or one segment, is, in a line."""
    known = one.identity and one.identity.name
    seconds = sum(segment.duration for segment in one.segments)
    number = f"{len(one.segments)} segment{'s' * (len(one.segments) != 1)}"
    who = f"{one.label}, {number}, {seconds:.1f} s: {known or UNKNOWN}"
    return _lines([who, f"  {one.why}"])


def named_json(one: Named) -> dict[str, Any]:
    """Who a label of segments, or one segment, is, as JSON types."""
    identity = None if one.identity is None else one.identity.name
    return {
        "label": one.label, "name": identity, "why": one.why,
        "segments": [{"start": s.start, "duration": s.duration} for s in one.segments],
        "best": [] if one.identity is None else identity_json(one.identity)["best"],
    }  # fmt: skip


def voice_text(voice: Voice) -> str:
    """A voice in a line."""
    return f"{voice.name}: {counted(voice.recordings)}, {voice.speech:.1f} s of speech, since {voice.added}"


def voice_json(voice: Voice) -> dict[str, Any]:
    """A voice as JSON types, without its embeddings."""
    return voice.to_dict(embeddings=False) | {"speech": voice.speech}


def voice_details(voice: Voice) -> str:
    """A voice in lines, one for each recording."""
    heard = [
        f"  {r.source}: {r.speech:.1f} s of speech in {r.seconds:.1f} s, added {r.added}, sha256 {r.audio_sha256}"
        for r in voice.recordings
    ]
    return _lines([voice_text(voice), *heard])


def export_json(model: str | None, voices: Sequence[Voice]) -> Mapping[str, Any]:
    """All that a store holds of voices, with the model that the embeddings are of."""
    return {"model": model, "voices": [voice.to_dict() for voice in voices]}


def _candidate_text(one: Candidate) -> str:
    found = one.comparison
    if found.llr is None:
        return f"{one.name}: score {found.score:.4g}"
    return f"{one.name}: log-likelihood ratio {found.llr:.2f}, score {found.score:.4g}"


def _warned(warnings: Sequence[str]) -> list[str]:
    return [f"  warning: {warning}" for warning in warnings]


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(map(on_a_line, lines))
