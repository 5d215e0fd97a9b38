"""Comparisons of recordings as text and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spkr.packed.decision import Comparison
from spkr.packed.heard import Heard, joined

if TYPE_CHECKING:
    from spkr.packed.packed_model import PackedModel

SURE = 0.9995  # a probability from which on three digits would say 1

Verdict = tuple[Sequence[Heard], Heard, Comparison]  # the recordings of one speaker, another one, and the comparison


def on_a_line(text: str) -> str:
    """Text without what would end a line or move the cursor, such as a file name may hold."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def as_text(verdict: Verdict) -> str:
    """A comparison in lines: the decision, by what, and how much speech there was."""
    enrol, test, found = verdict
    sides = [f"  {side}: {of_recording(one)}" for side, one in (*(("A", one) for one in enrol), ("B", test))]
    warnings = [f"  warning: {warning}" for warning in joined([*enrol, test])]
    return "\n".join(map(on_a_line, [f"{'same' if found.same else 'different'}: {evidence(found)}", *sides, *warnings]))


def evidence(found: Comparison) -> str:
    """What a decision rests on, in words."""
    rule = found.rule
    threshold = f"threshold {rule.threshold:.2f} on the {'ratio' if rule.on_ratios else 'score'}, {rule.why}"
    if found.llr is None:
        return f"score {found.score:.4g}; {threshold}"
    probability = "above 0.999" if found.probability >= SURE else f"{found.probability:.3g}"
    at = f"probability {probability} at a prior of {rule.prior:g}"
    return f"log-likelihood ratio {found.llr:.2f}, {at}; score {found.score:.4g}; {threshold}"


def of_recording(one: Heard) -> str:
    """A recording in words."""
    return f"{one.source}, {one.speech:.1f} s of speech in {one.seconds:.1f} s ({one.vad} VAD)"


def as_json(path: str, model: "PackedModel", verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Comparisons with one model as JSON types."""
    return {"model": str(path), "sha256": model.sha256, "comparisons": [verdict_json(verdict) for verdict in verdicts]}


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A comparison with what was heard of both sides, as JSON types."""
    enrol, test, found = verdict
    return comparison_json(found) | {"a": [recording_json(one) for one in enrol], "b": recording_json(test)}


def comparison_json(found: Comparison) -> dict[str, Any]:
    """A comparison as JSON types."""
    rule = found.rule
    return {
        "same": found.same, "llr": found.llr, "probability": found.probability, "prior": rule.prior,
        "score": found.score, "threshold": rule.threshold, "threshold_on": "llr" if rule.on_ratios else "score",
        "why": rule.why,
    }  # fmt: skip


def recording_json(one: Heard) -> dict[str, Any]:
    """What is known of a recording, as JSON types, without its embedding."""
    return {"source": one.source, "seconds": round(one.seconds, 3), "speech": round(one.speech, 2), "vad": one.vad,
            "warnings": list(one.warnings)}  # fmt: skip
