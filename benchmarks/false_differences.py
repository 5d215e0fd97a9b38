"""How often `spkr compare` tells apart two systems that are equally good, by the number of speakers in the list.

    python benchmarks/false_differences.py [LISTS]

In each simulated list both systems find some speakers hard, each its own and some in common, so that on other speakers
they would be equally good. At p < 0.05, five in a hundred lists should show a difference. The peer draws trials in
place of speakers, as if these were independent.
"""

import sys

import numpy as np

from spkr.metrics.bootstrap import Resampled, resample
from spkr.metrics.eer import eer_kaldi
from spkr.metrics.paired import SIGNIFICANT, two_sided_p

SPEAKERS, UTTERANCES, DRAWS = (10, 20, 40, 80), 6, 300


def simulated(n_speakers: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """All pairs of a list: scores of two systems (2, n), labels, and the speakers of either side (n,)."""
    i, j = np.triu_indices(n_speakers * UTTERANCES, 1)
    enrol, test = i // UTTERANCES, j // UTTERANCES
    common, own = rng.normal(0, 0.5, n_speakers), rng.normal(0, 0.5, (2, n_speakers))
    margins = 3 + common + own
    noise = 0.7 * rng.normal(size=len(i)) + 0.7 * rng.normal(size=(2, len(i)))
    return noise + np.where(enrol == test, margins[:, enrol], 0), enrol == test, enrol, test


def p_of_speakers(scores, target, enrol, test, rng: np.random.Generator) -> float:
    """The p-value of the difference in EER."""
    systems = {name: Resampled(of, target, enrol, test) for name, of in zip("ab", scores, strict=True)}
    n = 1 + test.max()
    draws = rng.multinomial(n, np.full(n, 1 / n), DRAWS)
    in_draws = resample(systems, draws, lambda a, b: {"d": eer_kaldi(*a)[0] - eer_kaldi(*b)[0]})["d"]
    return two_sided_p(in_draws, difference(scores, target), n)


def difference(scores, target) -> float:
    """Of the EER of two systems, scores (2, n)."""
    a, b = (eer_kaldi(of[target], of[~target])[0] for of in scores)
    return a - b


def p_of_trials(scores, target, rng: np.random.Generator) -> float:
    """The same from draws of trials."""
    n = len(target)
    in_draws = []
    for _ in range(DRAWS):
        chosen = rng.integers(n, size=n)
        in_draws.append(difference(scores[:, chosen], target[chosen]))
    return two_sided_p(np.array(in_draws), difference(scores, target), n)


def main() -> None:
    """Print the shares."""
    n_lists = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    print("lists of equal systems in which p < 0.05, in percent (5 is right)")
    print("speakers  draws of speakers  draws of trials")
    for n_speakers in SPEAKERS:
        rng = np.random.default_rng(n_speakers)
        lists = [simulated(n_speakers, rng) for _ in range(n_lists)]
        found = [[p_of_speakers(*one, rng), p_of_trials(*one[:2], rng)] for one in lists]
        shares = 100 * (np.array(found) < SIGNIFICANT).mean(axis=0)
        print(f"{n_speakers:8}  {shares[0]:17.1f}  {shares[1]:15.1f}", flush=True)


if __name__ == "__main__":
    main()
