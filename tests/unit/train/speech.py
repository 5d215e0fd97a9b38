"""Something like speech."""

import numpy as np

RATE = 16000


def spoken(rng: np.random.Generator, n: int) -> np.ndarray:
    """Noise in syllables with pauses between, some frames of which are unvoiced."""
    rhythm = np.maximum(np.sin(2 * np.pi * 3 * np.arange(n) / RATE + rng.uniform(0, 6)), 0.01)
    return (2000 * rhythm * rng.standard_normal(n)).astype(np.int16)
