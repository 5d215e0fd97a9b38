"""How often `spkr compare` tells apart two systems that are equally good, by the number of speakers in the list.

    python benchmarks/false_differences.py [LISTS]

Each simulated list has new speakers. Scores are those of coverage_of_intervals.py, with an EER of 5 % on average; half
of what speakers and trials contribute is common to both systems. At p < 0.05, five in a hundred lists should show a
difference. The peer draws trials in place of speakers, as if these were independent.
"""

import sys

import numpy as np
from coverage_of_intervals import FUNCTIONS, LISTS, SHARES, D, all_pairs

from spkr.metrics.bootstrap import Resampled, draw_speakers, resample
from spkr.metrics.paired import SIGNIFICANT, two_sided_p

MEASURES = {name: FUNCTIONS[name] for name in ("eer", "actdcf", "cllr", "mindcf")}
DRAWS, DRAWS_OF_TRIALS = 400, 100
EXPERIMENTS = 300


def simulated(enrol: np.ndarray, test: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Log-likelihood ratios of two systems, (2, n)."""

    def half_in_common(n: int) -> np.ndarray:
        return (rng.normal(size=n) + rng.normal(size=(2, n))) / np.sqrt(2)

    of_targets, of_nontargets = half_in_common(1 + enrol.max()), half_in_common(1 + enrol.max())
    of_pairs = (of_nontargets[:, enrol] + of_nontargets[:, test]) / np.sqrt(2)
    z = np.sqrt(share) * np.where(enrol == test, of_targets[:, enrol], of_pairs)
    z += np.sqrt(1 - share) * half_in_common(len(enrol))
    return np.where(enrol == test, 1, -1) * D**2 / 2 + D * z


def differences(a: tuple, b: tuple) -> dict[str, float]:
    """Of each measure of the sides of two systems."""
    return {name: measure(*a) - measure(*b) for name, measure in MEASURES.items()}


def p_values(scores: np.ndarray, enrol: np.ndarray, test: np.ndarray, rng: np.random.Generator) -> list[float]:
    """Of each measure from draws of speakers, and of the EER from draws of trials."""
    target, n = enrol == test, 1 + int(test.max())
    systems = {name: Resampled(of, target, enrol, test) for name, of in zip("ab", scores, strict=True)}
    known = differences(*(system.sides for system in systems.values()))
    in_draws = resample(systems, draw_speakers(n, len(test))[:DRAWS], differences)
    eer, of_trials = MEASURES["eer"], []
    for _ in range(DRAWS_OF_TRIALS):
        chosen = rng.integers(len(target), size=len(target))
        same, drawn = target[chosen], scores[:, chosen]
        a, b = (eer(of[same], of[~same]) for of in drawn)
        of_trials.append(a - b)
    by_speakers = [two_sided_p(in_draws[name], known[name], n) for name in MEASURES]
    return [*by_speakers, two_sided_p(np.array(of_trials), known["eer"], len(target))]


def main() -> None:
    """Print the shares."""
    experiments = int(sys.argv[1]) if len(sys.argv) > 1 else EXPERIMENTS
    print("percent of lists with p < 0.05 for equal systems; 5 is right")
    print("| speakers | share |", " | ".join(MEASURES), "| eer, draws of trials |")
    for n_speakers, recordings in LISTS.items():
        enrol, test = all_pairs(n_speakers, recordings)
        for share in SHARES:
            rng = np.random.default_rng(n_speakers)
            found = [p_values(simulated(enrol, test, share, rng), enrol, test, rng) for _ in range(experiments)]
            shares = 100 * (np.array(found) < SIGNIFICANT).mean(axis=0)
            print(f"| {n_speakers} | {share} |", " | ".join(f"{x:.1f}" for x in shares), "|", flush=True)


if __name__ == "__main__":
    main()
