"""Made-up voices for tests of the store."""

import numpy as np

from spkr.voices.store import VoiceStore
from spkr.voices.voice import Recording

MODEL = "a" * 64
DIM = 16


def recording(source, seed=None, dim=DIM):
    """A recording whose embedding and sum follow from its name."""
    rng = np.random.default_rng(list(source.encode()) if seed is None else seed)
    embedding = rng.normal(size=dim).astype(np.float32)
    return Recording(source, source.encode().hex().ljust(64, "0"), 3.5, 2.5, embedding)


def store(path, dim=DIM):
    return VoiceStore(path, MODEL, dim)
