"""Sounds in a packed model, and what they gave when it was made: whoever has the file can check a machine with them.

They are made, not recorded, so that no voice of a person is passed on: pulses at a pitch, through resonances, in
syllables with pauses between. They need not sound like speech; the network has only to give the same numbers.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spkr.config.front_end_options import FrontEnd
from spkr.packed.heard import Heard, read_sound
from spkr.packed.ratios import Voices

if TYPE_CHECKING:
    from spkr.packed.packed_model import PackedModel

PART = "examples.safetensors"
SECONDS = 2.4
SYLLABLE = 0.3  # seconds, a quarter of it a pause
VOICES = {"low": (105, (560, 1480, 2520)), "middle": (160, (640, 1190, 2390)), "high": (230, (850, 1720, 2810))}
BANDWIDTH = 90  # Hz, of the resonances
COSINE = 1e-4  # the largest cosine distance to the embedding of the file; other machines round differently


@dataclass(frozen=True)
class Deviations:
    """How far this machine is from the one that made the file."""

    cosine: float  # the largest cosine distance of an embedding
    score: float  # the largest difference of a score

    @property
    def is_same(self) -> bool:
        """Whether the embeddings agree."""
        return self.cosine <= COSINE


def sounds(fe: FrontEnd) -> dict[str, np.ndarray]:
    """The sounds by name, (samples,) int16 at the rate of the features; the same on every machine."""
    rate = int(fe.sample_frequency)
    return {name: _voice(rate, pitch, formants) for name, (pitch, formants) in VOICES.items()}


def _voice(rate: int, pitch: float, formants: tuple[int, ...]) -> np.ndarray:
    t = np.arange(int(SECONDS * rate)) / rate
    harmonics = np.arange(pitch, min(rate / 2, 4000), pitch)
    gains = sum(1 / (1 + ((harmonics - f) / BANDWIDTH) ** 2) for f in formants)
    glide = 2 * np.pi * np.cumsum(1 + 0.06 * np.sin(2 * np.pi * 1.3 * t)) / rate
    wave = sum(gain * np.sin(f * glide) for gain, f in zip(gains, harmonics, strict=True))
    in_syllable = np.clip(np.sin(2 * np.pi * t / SYLLABLE) + 0.7, 0, 1)
    wave *= in_syllable / np.abs(wave).max()
    return np.round(8000 * wave).astype(np.int16)


def answers(model: "PackedModel", found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The embeddings (N, dim) and scores (N, N) of sounds by name."""
    heard = _heard(model, found)
    scores, _ = model.ratios.of_pairs(*[Voices.of([[one] for one in heard])] * 2)
    return {"embeddings": np.stack([one.embedding for one in heard]), "scores": scores}


def selfcheck(model: "PackedModel") -> Deviations:
    """Compute the examples of a packed model again, and compare."""
    arrays = model.container.arrays(PART)
    expected = {name: arrays.pop(name) for name in ("embeddings", "scores")}
    found = answers(model, {name: arrays[name] for name in VOICES})
    a, b = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (found["embeddings"], expected["embeddings"]))
    return Deviations(
        max(0.0, float(1 - np.vecdot(a, b).min())), float(np.abs(found["scores"] - expected["scores"]).max())
    )


def _heard(model: "PackedModel", found: dict[str, np.ndarray]) -> list[Heard]:
    return model.hear_all([read_sound(samples, model.front_end) for samples in found.values()])
