"""How often intervals from resampling speakers cover the truth, and how long they take for a million trials.

    python benchmarks/coverage_of_intervals.py [EXPERIMENTS]

An experiment draws speakers, and the scores of all pairs of their recordings, from a model whose error rates are known.
Scores are calibrated log-likelihood ratios with an EER of 5 %; a part of their variance belongs to the speakers, as in
spkr/metrics/expected_interval.py: all of it to the speaker of a target trial, half of it to each of a nontarget trial.
"""

import sys
import time
from collections.abc import Iterator

import numpy as np
from scipy.special import ndtr, ndtri

from spkr.metrics.bootstrap import Resampled, draw_speakers, ends, resample
from spkr.metrics.cllr import cllr, min_cllr
from spkr.metrics.dcf import act_dcf, dcf, min_dcf
from spkr.metrics.eer import eer_kaldi
from spkr.report.measures import MEASURES, intervals

EER, PRIOR = 0.05, 0.05
D = -2 * ndtri(EER)  # distance of the means in standard deviations: scores are N(+-D^2 / 2, D^2)
LISTS = {10: 10, 20: 6, 44: 5}  # speakers -> recordings of each
SHARES = (0.1, 0.25)  # of the variance that belongs to the speakers
EXPERIMENTS = 500
FUNCTIONS = {
    "eer": lambda t, s: eer_kaldi(t, s)[0],
    "actdcf": lambda t, s: act_dcf(t, s, PRIOR),
    "cllr": cllr,
    "mindcf": lambda t, s: min_dcf(t, s, PRIOR),
    "mincllr": min_cllr,
}


def truth() -> dict[str, float]:
    """Each measure of a list of infinitely many speakers."""
    theta = np.append(np.linspace(-20, 20, 100_001), np.log((1 - PRIOR) / PRIOR))
    costs = dcf(ndtr((theta - D**2 / 2) / D), 1 - ndtr((theta + D**2 / 2) / D), PRIOR)
    x = np.linspace(-10, 10, 100_001)
    bits = np.trapezoid(np.logaddexp(0, -(D**2 / 2 + D * x)) * np.exp(-(x**2) / 2), x) / np.sqrt(2 * np.pi) / np.log(2)
    return {"eer": EER, "actdcf": costs[-1], "cllr": bits, "mindcf": costs[:-1].min(), "mincllr": bits}


def all_pairs(n_speakers: int, utts: int) -> tuple[np.ndarray, np.ndarray]:
    """The speakers of both sides of all pairs of recordings."""
    speaker = np.repeat(np.arange(n_speakers, dtype=np.int32), utts)
    i, j = np.triu_indices(len(speaker), 1)
    return speaker[i], speaker[j]


def simulated(enrol: np.ndarray, test: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The scores of one experiment, for speakers that are drawn."""
    rng, target = np.random.default_rng(seed), enrol == test
    of_targets, of_nontargets = rng.normal(size=(2, 1 + enrol.max()))
    of_speakers = np.where(target, of_targets[enrol], (of_nontargets[enrol] + of_nontargets[test]) / np.sqrt(2))
    z = np.sqrt(share) * of_speakers + np.sqrt(1 - share) * rng.normal(size=len(enrol))
    return np.where(target, 1, -1) * D**2 / 2 + D * z


def covered(n_speakers: int, share: float, experiments: int) -> Iterator[dict[str, bool]]:
    """For each experiment, whether the interval of each measure has the true value in it."""
    enrol, test = all_pairs(n_speakers, LISTS[n_speakers])
    draws, wanted = draw_speakers(n_speakers, len(enrol)), truth()
    for seed in range(experiments):
        sides = Resampled(simulated(enrol, test, share, seed), enrol == test, enrol, test)
        found = resample({"sides": sides}, draws, lambda sides: {k: one(*sides) for k, one in FUNCTIONS.items()})
        limits = {k: ends(found[k], one(*sides.sides), n_speakers) for k, one in FUNCTIONS.items()}
        yield {k: low <= wanted[k] <= high for k, (low, high) in limits.items()}


def a_million() -> float:
    """Seconds for the intervals of all measures of a million calibrated trials of 500 speakers."""
    rng = np.random.default_rng(1)
    enrol, test = rng.integers(500, size=(2, 1_000_000)).astype(np.int32)
    test = np.where(rng.random(len(test)) < 0.1, enrol, test)
    scores = simulated(enrol, test, SHARES[0], 1).astype(np.float32)
    begun = time.perf_counter()
    intervals(MEASURES, enrol == test, scores / 2 + 1, scores, (enrol, test))
    return time.perf_counter() - begun


def main() -> None:
    """Print both."""
    experiments = int(sys.argv[1]) if len(sys.argv) > 1 else EXPERIMENTS
    print(f"a million trials, {len(MEASURES)} measures: {a_million():.1f} s (at most 20)")
    print(f"percent of {experiments} experiments whose 95 % interval covers the truth")
    print("| speakers | share | " + " | ".join(FUNCTIONS) + " |", flush=True)
    for n_speakers in LISTS:
        for share in SHARES:
            hits = list(covered(n_speakers, share, experiments))
            cells = (f"{100 * np.mean([hit[name] for hit in hits]):.1f}" for name in FUNCTIONS)
            print(f"| {n_speakers} | {share} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
