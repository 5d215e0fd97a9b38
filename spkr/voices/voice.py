"""A voice and its recordings, and what may be a name."""

import unicodedata
from dataclasses import dataclass

import numpy as np

from spkr.errors import InputError

MOST_LETTERS = 200  # of a name
UNKNOWN = "unknown"  # said of a recording whose voice is not enrolled


@dataclass(frozen=True, eq=False)
class Recording:
    """What a store knows of a recording of a voice."""

    source: str  # the path that it was read from, or a word for samples from memory
    audio_sha256: str  # hexadecimal, of the audio
    seconds: float  # of the recording
    speech: float  # seconds of speech that were found in it
    embedding: np.ndarray  # (dim,) float32, as the network gives it
    added: str = ""  # UTC; set when it is stored


@dataclass(frozen=True, eq=False)
class Voice:
    """An enrolled voice and its recordings, at least one."""

    name: str
    added: str  # UTC
    recordings: tuple[Recording, ...]

    @property
    def embedding(self) -> np.ndarray:
        """The average (dim,) float32 of the recordings' embeddings."""
        return np.mean([recording.embedding for recording in self.recordings], axis=0, dtype=np.float32)

    @property
    def speech(self) -> float:
        """Seconds of speech in all recordings."""
        return sum(recording.speech for recording in self.recordings)

    def to_dict(self, embeddings: bool = True) -> dict[str, object]:
        """All that is known of the voice, for JSON; with or without its embeddings."""
        return {
            "name": self.name,
            "added": self.added,
            "recordings": [
                {
                    "source": r.source, "audio_sha256": r.audio_sha256, "seconds": r.seconds, "speech": r.speech,
                    "added": r.added, **({"embedding": r.embedding.tolist()} if embeddings else {}),
                }
                for r in self.recordings
            ],
        }  # fmt: skip


def check_name(name: str) -> str:
    """A name in Unicode's composed form, so that two spellings of é are one name.

    Raises InputError unless it is one line of at most MOST_LETTERS printable characters, without blanks at its ends.
    """
    text = unicodedata.normalize("NFC", name)
    if not text or text != text.strip() or not text.isprintable() or len(text) > MOST_LETTERS:
        raise InputError(
            f"{name!r}: expected a name of 1 to {MOST_LETTERS} printable characters, without blanks at its ends"
        )
    if text.casefold() == UNKNOWN:
        raise InputError(f"{name!r}: is said of voices that are not enrolled; choose another name")
    return text
