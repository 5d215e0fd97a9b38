"""Lists of speakers whose voices differ, and intervals of measures on them."""

import numpy as np

from spkr.metrics.bootstrap import Resampled, draw_speakers, ends, resample


def list_of_speakers(n_speakers, n, seed, levels=None, spread=1.0):
    """Scores, labels and both speakers of `n` trials; some voices are harder than others."""
    rng = np.random.default_rng(seed)
    enrol, test = rng.integers(n_speakers, size=(2, n)).astype(np.int32)
    enrol[:n_speakers] = test[:n_speakers] = np.arange(n_speakers)
    test = np.where(rng.random(n) < 0.2, enrol, test)
    test[-1] = (enrol[-1] + 1) % n_speakers
    scores = rng.normal(0, 1, n) + (enrol == test) * (2 + spread * rng.normal(0, 1, n_speakers)[enrol])
    return scores if levels is None else (levels * scores).round(), enrol == test, enrol, test


def intervals_of(scores, target, enrol, test, **measures):
    """The ends of each measure's interval."""
    sides, n_speakers = Resampled(scores, target, enrol, test), 1 + int(max(enrol.max(), test.max()))
    draws = draw_speakers(n_speakers, len(scores))
    found = resample({"sides": sides}, draws, lambda sides: {k: measure(*sides) for k, measure in measures.items()})
    return {name: ends(found[name], measure(*sides.sides), n_speakers) for name, measure in measures.items()}
