"""Peers that are not among our dependencies, and what they need to be given."""

import sys

import numpy as np


def speechbrain():
    """speechbrain's LDA and PLDA; the program ends with a message where it is not installed."""
    try:
        from speechbrain.processing import PLDA_LDA
    except ImportError as e:
        sys.exit(f"the peer is not installed ({e}): pip install speechbrain, best in an environment of its own")
    return PLDA_LDA


def speechbrain_stats(vectors: np.ndarray, speakers: list[str]):
    """Embeddings (N, D) and their speakers as speechbrain takes them."""
    none = np.full(len(vectors), None)
    return speechbrain().StatObject_SB(
        modelset=np.array(speakers, object), segset=np.arange(len(vectors)).astype(str).astype(object), start=none,
        stop=none, stat0=np.ones((len(vectors), 1)), stat1=vectors.astype(np.float64),
    )  # fmt: skip


def gaussian_speakers(utts: int, speakers: int, dim: int) -> tuple[np.ndarray, list[str]]:
    """Embeddings (utts, dim) float32 of speakers in no order, and their names."""
    rng = np.random.default_rng(1)
    speaker = rng.permutation(np.arange(utts) % speakers)
    x = rng.normal(size=(speakers, dim))[speaker] + rng.normal(size=(utts, dim))
    return x.astype(np.float32), [f"speaker{k:05}" for k in speaker]
