"""A million cosine trials of 512 dimensions, text in and out, against a loop that averages the models at each trial.

    python benchmarks/score_cosine.py

1,000 models of five utterances against 1,000 utterances. The loop, as it stands in many notebooks, is timed on 20,000
trials, and its time multiplied by 50.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import tempfile
from pathlib import Path

import numpy as np
from common import median_cpu, report

from spkr.backend import BACKENDS
from spkr.backend.chain import parse_chain
from spkr.backend.pipeline import Backend
from spkr.backend.score import score_trials
from spkr.kaldi.maps import read_spk2utt, write_spk2utt
from spkr.kaldi.objects import write_array
from spkr.kaldi.table import TableReader, TableWriter

MODELS, UTTS, ENROL, DIM, FEWER = 1_000, 1_000, 5, 512, 50


def make_data(folder: Path) -> None:
    """Embeddings, models, all their trials, and every FEWER-th of them."""
    rng = np.random.default_rng(1)
    models = {f"model{k:04}": [f"enrol{k:04}-{n}" for n in range(ENROL)] for k in range(MODELS)}
    utts = [f"utt{k:04}" for k in range(UTTS)]
    with TableWriter(folder / "xvector.ark") as table:
        for utt in [utt for of_model in models.values() for utt in of_model] + utts:
            table[utt] = rng.normal(size=DIM)
    write_spk2utt(folder / "models", models)
    write_array(folder / "mean.vec", np.zeros(DIM))
    lines = [f"{model} {utt}\n" for model in models for utt in utts]
    (folder / "trials").write_text("".join(lines))
    (folder / "fewer").write_text("".join(lines[::FEWER]))


def loop(folder: Path) -> None:
    """Average, normalise and score, a trial at a time."""
    table, models = dict(TableReader(folder / "xvector.scp")), read_spk2utt(folder / "models")
    with (folder / "fewer").open() as trials, (folder / "peer").open("w") as out:
        for line in trials:
            model, utt = line.split()
            enrol, test = np.mean([table[name] for name in models[model]], axis=0), table[utt]
            score = enrol @ test / (np.linalg.norm(enrol) * np.linalg.norm(test))
            out.write(f"{model} {utt} {score:.6f}\n")


def main() -> None:
    """Print the ratio."""
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        make_data(folder)
        trials, table, models = folder / "trials", [folder / "xvector.scp"], folder / "models"
        ours, theirs = median_cpu(
            lambda: score_trials(
                Backend.read(parse_chain(BACKENDS["cosine"]), folder),
                trials,
                table,
                folder / "scores",
                models_path=models,
            ),
            lambda: loop(folder),
        )
    report(f"{MODELS * UTTS} cosine trials", ours, f"a loop ({FEWER} times a part of it)", FEWER * theirs, 0.05)


if __name__ == "__main__":
    main()
