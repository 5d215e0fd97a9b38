"""What LDA and PLDA need to know of the training embeddings: sufficient statistics, taken in one pass."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.errors import InputError


@dataclass
class SpeakerStats:
    """Statistics of N embeddings of dimension D from K speakers (Kaldi's `PldaStats`)."""

    counts: np.ndarray  # (K,) n_k, utterances of speaker k
    means: np.ndarray  # (K, D) m_k
    offset_scatter: np.ndarray  # (D, D) sum_k sum_{i of k} (x_i - m_k)(x_i - m_k)^T

    @property
    def num_utts(self) -> int:
        """N, the number of embeddings."""
        return int(self.counts.sum())

    def centre(self, mean: np.ndarray) -> "SpeakerStats":
        """The statistics of x - mean for every embedding x; mean (D,)."""
        return SpeakerStats(self.counts, self.means - mean, self.offset_scatter)

    def project(self, A: np.ndarray) -> "SpeakerStats":
        """The statistics of A x for every embedding x; A (d, D)."""
        return SpeakerStats(self.counts, self.means @ A.T, A @ self.offset_scatter @ A.T)


def check_speakers(speakers: Iterable[str], where: str | Path) -> None:
    """Raise InputError, naming `where`, unless there are two speakers, and one of them with two utterances."""
    counts = Counter(speakers)
    if len(counts) < 2:
        raise InputError(
            f"{where}: {counts.total()} training utterances of {len(counts)} speakers; expected two speakers or more"
        )
    if max(counts.values()) < 2:
        raise InputError(
            f"{where}: {counts.total()} training utterances of {len(counts)} speakers, no two of the same one; only "
            "these show how one voice varies: add utterances"
        )


def speaker_stats(vectors: np.ndarray, speakers: Sequence) -> SpeakerStats:
    """Accumulate the statistics of embeddings (N, D), where `speakers` (N,) tells whose each of them is.

    Raises InputError where `check_speakers` does.
    """
    names, speaker, counts = np.unique(np.asarray(speakers), return_inverse=True, return_counts=True)
    check_speakers(names[speaker].tolist(), "embeddings")
    by_speaker = vectors[np.argsort(speaker, kind="stable")]
    starts = np.cumsum(counts) - counts
    means = np.add.reduceat(by_speaker, starts, axis=0, dtype=np.float64) / counts[:, None]
    offsets = by_speaker - np.repeat(means, counts, axis=0)
    return SpeakerStats(counts, means, offsets.T @ offsets)
