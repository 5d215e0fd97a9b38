"""Gaussian speakers, and scoring of trials among them by the fixture `corpus`'s back-end."""

import numpy as np

from spkr.backend import BACKENDS
from spkr.backend.chain import parse_chain
from spkr.backend.pipeline import Backend
from spkr.backend.score import score_trials


def embeddings(speakers, utts, dim, seed=0, within=0.5):
    """Gaussian speakers: embeddings (speakers * utts, dim), and whose each is."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(speakers, dim)) + 3
    labels = np.repeat(np.arange(speakers), utts)
    return centres[labels] + within * rng.normal(size=(len(labels), dim)), labels


def score(backend="plda", trials="trials", out="out", models="models", scps=("test.scp",), folder="backend", **options):
    """The lines of the scores by a back-end, which is a name of BACKENDS or a chain."""
    chain = parse_chain(BACKENDS.get(backend, backend))
    score_trials(Backend.read(chain, folder), trials, scps, out, models_path=models, **options)
    return open(out).read().splitlines(keepends=True)  # noqa: SIM115, PTH123


def write_trials_of(pairs, path="trials"):
    with open(path, "w") as f:  # noqa: PTH123
        f.writelines(f"{a} {b}\n" for a, b in pairs)


NAMES = [f"m{s}" for s in range(8)] + [f"s{s:02d}-u{k}" for s in range(8) for k in range(6)]
