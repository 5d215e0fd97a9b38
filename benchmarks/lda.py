"""LDA from 512 to 200 dimensions of 100,000 embeddings in memory, trained and applied, against speechbrain's.

    python benchmarks/lda.py

Both begin with embeddings and the names of their speakers, and end with the transform and the embeddings after it.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
from common import median_cpu, report
from peers import gaussian_speakers, speechbrain, speechbrain_stats

from spkr.backend.lda import compute_lda
from spkr.backend.stats import speaker_stats
from spkr.backend.transforms import transform_vectors

UTTS, SPEAKERS, DIM, LDA_DIM = 100_000, 2_000, 512, 200


def ours(x: np.ndarray, speakers: list[str]) -> None:
    """Train and apply."""
    transform_vectors(x, compute_lda(speaker_stats(x, speakers), LDA_DIM).astype(np.float32))


def main() -> None:
    """Print the ratio."""
    x, speakers = gaussian_speakers(UTTS, SPEAKERS, DIM)
    stats, peer = speechbrain_stats(x, speakers), speechbrain()
    seconds = median_cpu(lambda: ours(x, speakers), lambda: peer.LDA().do_lda(stats, LDA_DIM))
    work = f"LDA of {UTTS} embeddings, {DIM} to {LDA_DIM}"
    report(work, seconds[0], "speechbrain", seconds[1], 0.25)


if __name__ == "__main__":
    main()
