"""A PLDA model, and a back-end with the tables that it was trained on and is tried on."""

import numpy as np
import pytest

from spkr.backend.plda import Plda
from spkr.backend.train import train_backend
from spkr.config.backend_options import BackendOptions
from spkr.kaldi.maps import write_map, write_spk2utt
from spkr.kaldi.table import TableReader, TableWriter
from tests.unit.backend.scoring import embeddings


@pytest.fixture
def model():
    rng = np.random.default_rng(1)
    return Plda(rng.normal(size=5), rng.normal(size=(5, 5)), np.array([8.0, 4, 2, 0.5, 0]))


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """Tables of training and test embeddings, a back-end trained on the first, models and trials on the second."""
    monkeypatch.chdir(tmp_path)
    for name, seed, count in (("train", 0, 20), ("test", 9, 8)):
        x, speakers = embeddings(count, 6, 12, seed)
        keys = [f"s{s:02d}-u{k % 6}" for k, s in enumerate(speakers)]
        with TableWriter(f"{name}.ark") as table:
            for key, vector in zip(keys, x, strict=True):
                table[key] = vector
        write_map(f"{name}.utt2spk", {key: key[:3] for key in keys})
    write_spk2utt("models", {f"m{s}": [f"s{s:02d}-u{k}" for k in range(1 + s % 4)] for s in range(8)})
    train_backend(["train.scp"], ["train.utt2spk"], "backend", BackendOptions(min_utts_per_speaker=1, lda_dim=6))
    return tmp_path


@pytest.fixture
def others(corpus):
    """The embeddings of `train` under names that `test` does not have: a cohort, of the utterances of t00 to t19."""
    with TableWriter("others.ark") as table:
        for key, vector in TableReader("train.scp").items():
            table[f"t{key[1:]}"] = vector
    write_spk2utt("others", {f"t{s:02d}": [f"t{s:02d}-u{k}" for k in range(6)] for s in range(20)})
    return corpus
