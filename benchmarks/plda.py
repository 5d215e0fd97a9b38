"""PLDA in ten iterations on 100,000 embeddings of 200 dimensions in memory, against speechbrain's.

    python benchmarks/plda.py

Both begin with embeddings and the names of their speakers; speechbrain's has a speaker space of all 200 dimensions, as
ours always has.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

from common import median_cpu, report
from peers import gaussian_speakers, speechbrain, speechbrain_stats

from spkr.backend.plda import train_plda
from spkr.backend.stats import speaker_stats

UTTS, SPEAKERS, DIM, ITERS = 100_000, 2_000, 200, 10


def main() -> None:
    """Print the ratio."""
    x, speakers = gaussian_speakers(UTTS, SPEAKERS, DIM)
    stats, peer = speechbrain_stats(x, speakers), speechbrain()
    seconds = median_cpu(
        lambda: train_plda(speaker_stats(x, speakers), ITERS),
        lambda: peer.PLDA(rank_f=DIM, nb_iter=ITERS).plda(stats),
    )
    work = f"PLDA of {UTTS} embeddings, {DIM} dimensions, {SPEAKERS} speakers, {ITERS} iterations"
    report(work, seconds[0], "speechbrain", seconds[1], 0.06)


if __name__ == "__main__":
    main()
