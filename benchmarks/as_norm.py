"""A million trials of 512 dimensions, normalised by AS-norm against a cohort of 5,000, against the same in plain numpy.

    OMP_NUM_THREADS=2 python benchmarks/as_norm.py

Every one of 1,000 models against every one of 1,000 utterances, and a million of the pairs of 5,000 models and 20,000
utterances in no order. Ours reads arks and text and writes text. The peer has all embeddings in memory, processed and
in float64: cohort scores as one matrix product for each side, sorted, then a gather for each trial, as in wespeaker.
Seconds are those of the clock, on as many cores as OMP_NUM_THREADS says. PLDA's are in 200 dimensions, without a peer.
"""

import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from score_plda import DIM, make_backend, make_trials

from spkr.backend import BACKENDS
from spkr.backend.chain import Step, parse_chain
from spkr.backend.cohort import Cohort
from spkr.backend.pipeline import Backend
from spkr.backend.score import score_trials
from spkr.kaldi.table import TableReader, TableWriter

MEMBERS, TOP_N, BAR = 5_000, 300, 10.0


def seconds(function: Callable[[], object]) -> float:
    """The least time of three calls."""
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def peer(enrol: np.ndarray, test: np.ndarray, cohort: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """AS-norm of cosines of vectors of length 1."""
    scores = np.einsum("td,td->t", enrol[i], test[j])
    normalised = np.zeros(len(scores))
    for side, rows in ((enrol, i), (test, j)):
        closest = np.sort(side @ cohort.T, axis=1)[:, -TOP_N:]
        normalised += (scores - closest.mean(axis=1)[rows]) / closest.std(axis=1)[rows] / 2
    return normalised


def main() -> None:
    """Print seconds and bars."""
    for models, utts in ((1_000, 1_000), (5_000, 20_000)):
        with tempfile.TemporaryDirectory() as tmp:
            folder = Path(tmp)
            make_backend(folder)
            make_trials(folder, models, utts)
            rng = np.random.default_rng(3)
            with TableWriter(folder / "cohort.ark") as table:
                for k in range(MEMBERS):
                    table[f"cohort{k:04}"] = rng.normal(size=DIM)
            tables = [folder / "model.scp", folder / "utt.scp"]
            for name in ("cosine", "plda"):
                backend = Backend.read(parse_chain(BACKENDS[f"{name}_asnorm"]), folder)
                cohort = Cohort(Step("as-norm", TOP_N), [folder / "cohort.scp"])
                ours = seconds(
                    lambda: score_trials(backend, folder / "trials", tables, folder / "scores", cohort=cohort)  # noqa: B023
                )
                verdict = "reached" if ours <= BAR else "MISSED"
                print(f"AS-norm, 1,000,000 {name} trials of {models} models and {utts} utterances, {MEMBERS} members: "
                      f"{ours:.2f} s (at most {BAR:.0f} s: {verdict})", flush=True)  # fmt: skip
            sides = [
                np.stack(list(TableReader(path).values())).astype(float) for path in (*tables, folder / "cohort.scp")
            ]
            sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
            lines = [line.split() for line in (folder / "trials").read_text().splitlines()]
            i, j = (np.array([int(line[k].lstrip("modelut")) for line in lines]) for k in (0, 1))
            theirs = seconds(lambda: peer(*sides, i, j))  # noqa: B023
            print(f"plain numpy, cosine, in memory: {theirs:.2f} s", flush=True)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main()
