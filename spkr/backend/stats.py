"""Sufficient statistics of training embeddings for LDA and PLDA, computed in one pass."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spkr.errors import InputError

BLOCK = 4096  # utterances at a time: their copy in double precision is small beside the embeddings


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
    """Raise InputError, which names `where`, unless there are two speakers, and one of them has two utterances."""
    counts = Counter(speakers)
    if len(counts) < 2:
        raise InputError(
            f"{where}: {counts.total()} training utterances of {len(counts)} speakers; expected two speakers or more"
        )
    if max(counts.values()) < 2:
        raise InputError(
            f"{where}: {counts.total()} training utterances of {len(counts)} speakers, no two of the same one; add "
            "utterances: only two of one speaker show how a voice varies"
        )


def speaker_stats(vectors: np.ndarray, speakers: Sequence) -> SpeakerStats:
    """Accumulate the statistics of embeddings (N, D), whose speakers are `speakers` (N,).

    Raises InputError as `check_speakers` does.
    """
    check_speakers(speakers, "embeddings")
    number = {name: k for k, name in enumerate(sorted(set(speakers)))}
    speaker = np.array([number[name] for name in speakers])
    order, counts = np.argsort(speaker, kind="stable"), np.bincount(speaker)
    ends = np.cumsum(counts)
    K, D = len(counts), vectors.shape[1]
    means, scatter = np.empty((K, D)), np.zeros((D, D))
    first = 0
    while first < K:  # some speakers at a time, with about BLOCK utterances
        begin = ends[first] - counts[first]
        last = max(first + 1, int(np.searchsorted(ends, begin + BLOCK)))
        x = vectors[order[begin : ends[last - 1]]].astype(np.float64)
        for k in range(first, last):
            own = x[ends[k] - counts[k] - begin : ends[k] - begin]
            means[k] = own.mean(axis=0)
            own -= means[k]
        scatter += x.T @ x
        first = last
    return SpeakerStats(counts, means, scatter)
