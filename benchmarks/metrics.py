"""Three EERs and minDCF at three priors, of a million scores in memory and of 40 million.

    python benchmarks/metrics.py [float32|float64]

The peer is scikit-learn's `roc_curve` on arrays in memory, which leaves EER and minDCF still to be read from the curve.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import resource
import sys

import numpy as np
from common import median_cpu, report

from spkr.metrics.dcf import min_dcf
from spkr.metrics.eer import eer_kaldi, eer_linear, eer_rocch
from spkr.metrics.roc import sorted_sides

PRIORS = (0.01, 0.001, 0.05)
SIZES = {1_000_000: 5, 40_000_000: 1}  # scores -> calls whose median is taken
TARGETS = 0.05  # the part of trials


def simulated(n: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """n scores of an EER near 7 %, and which are of targets."""
    rng = np.random.default_rng(1)
    is_target = rng.random(n, np.float32) < TARGETS
    scores = rng.standard_normal(n, dtype)
    scores[is_target] += 3
    return scores, is_target


def measure(scores: np.ndarray, is_target: np.ndarray) -> None:
    """The work."""
    target, nontarget = sorted_sides(scores[is_target], scores[~is_target])
    for eer in (eer_kaldi, eer_linear, eer_rocch):
        eer(target, nontarget)
    for prior in PRIORS:
        min_dcf(target, nontarget, prior)


def main() -> None:
    """Print the ratios."""
    try:
        from sklearn.metrics import roc_curve
    except ImportError as e:
        sys.exit(f"the peer is not installed ({e}): pip install scikit-learn")
    dtype = sys.argv[1] if len(sys.argv) > 1 else "float32"
    for n, repeats in SIZES.items():
        scores, is_target = simulated(n, dtype)
        [ours] = median_cpu(lambda: measure(scores, is_target), repeats=repeats)  # noqa: B023
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        [theirs] = median_cpu(lambda: roc_curve(is_target, scores), repeats=repeats)  # noqa: B023
        report(f"EERs and minDCFs of {n:,} {dtype} scores", ours, "roc_curve", theirs, 0.30)
    print(f"at most {memory:.2f} GB before the last roc_curve, with the scores themselves (at most 2)")


if __name__ == "__main__":
    main()
