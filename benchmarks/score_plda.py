"""A million PLDA trials as the command scores them: arks and text in, text out.

    python benchmarks/score_plda.py

Embeddings of 512 dimensions, 200 after LDA; every one of 1,000 models against every one of 1,000 utterances, and a
million of the pairs of 5,000 models and 20,000 utterances in no order. Kaldi's ivector-plda-scoring took 9.3 s and
11.3 s of CPU for these, from vectors that were processed before. The whole command is a process of its own; within one,
imports are not counted.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import median_cpu

from spkr.backend import BACKENDS
from spkr.backend.chain import parse_chain
from spkr.backend.pipeline import Backend
from spkr.backend.plda import Plda
from spkr.backend.score import score_trials
from spkr.kaldi.objects import write_array
from spkr.kaldi.table import TableWriter

TRIALS, DIM, LDA_DIM = 1_000_000, 512, 200


def make_backend(folder: Path) -> None:
    """A back-end of random numbers."""
    rng = np.random.default_rng(1)
    write_array(folder / "mean.vec", rng.normal(size=DIM))
    write_array(folder / "transform.mat", rng.normal(size=(LDA_DIM, DIM + 1)) / 20)
    transform, psi = rng.normal(size=(LDA_DIM, LDA_DIM)) / 14, np.sort(rng.uniform(0.1, 9, LDA_DIM))[::-1]
    Plda(rng.normal(size=LDA_DIM) / 10, transform, psi).write(folder / "plda")


def make_trials(folder: Path, models: int, utts: int) -> None:
    """Tables of embeddings, and TRIALS pairs of both, all of them in order or some in no order."""
    rng = np.random.default_rng(2)
    for name, count in (("model", models), ("utt", utts)):
        with TableWriter(folder / f"{name}.ark") as table:
            for k in range(count):
                table[f"{name}{k:05}"] = rng.normal(size=DIM)
    pairs = models * utts
    chosen = np.arange(pairs) if pairs == TRIALS else rng.choice(pairs, TRIALS, replace=False)
    lines = (f"model{k // utts:05} utt{k % utts:05}\n" for k in chosen.tolist())
    (folder / "trials").write_text("".join(lines))


def command_cpu(*arguments: str) -> float:
    """CPU seconds of `spkr ...` as a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "from spkr.cli import main; main()", *arguments], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print seconds and bars."""
    for models, utts, bar in ((1_000, 1_000, 1.0), (5_000, 20_000, 1.5)):
        with tempfile.TemporaryDirectory() as tmp:
            folder = Path(tmp)
            make_backend(folder)
            make_trials(folder, models, utts)
            trials, out, tables = folder / "trials", folder / "scores", [folder / "model.scp", folder / "utt.scp"]
            backend = Backend.read(parse_chain(BACKENDS["plda"]), folder)
            [inside] = median_cpu(lambda: score_trials(backend, trials, tables, out))  # noqa: B023
            arguments = ["score", trials, out, "--backend", "plda", "--backend-dir", folder, "--xvectors", *tables]
            whole = statistics.median(command_cpu(*map(str, arguments)) for _ in range(5))
        verdict = "reached" if whole <= bar else "MISSED"
        print(f"{TRIALS} PLDA trials of {models} models and {utts} utterances: {inside:.2f} s, and {whole:.2f} s as a "
              f"command with its imports (at most {bar} s: {verdict})", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
