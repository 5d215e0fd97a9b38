"""Training a back-end from tables of embeddings: the same bytes again, few data, bad input."""

import logging

import pytest

from spkr.backend.train import train_backend
from spkr.config.backend_options import BackendOptions
from spkr.errors import InputError
from spkr.kaldi.maps import write_map
from spkr.kaldi.objects import read_matrix
from spkr.kaldi.table import TableReader, TableWriter
from tests.unit.backend.scoring import embeddings, score, write_trials_of


def test_training_again_gives_the_same_bytes(corpus):
    train_backend(["train.scp"], ["train.utt2spk"], "again", BackendOptions(min_utts_per_speaker=1, lda_dim=6))
    for name in ("mean.vec", "transform.mat", "plda"):
        assert (corpus / "again" / name).read_bytes() == (corpus / "backend" / name).read_bytes()


def test_speakers_of_few_utterances_are_left_out_and_counted(corpus, caplog):
    caplog.set_level(logging.INFO)
    utt2spk = {f"s{s:02d}-u{k}": f"s{s:02d}" for s in range(20) for k in range(6)}
    utt2spk |= {f"s{s:02d}-u{k}": f"s{s:02d}-{k}" for s in range(3) for k in range(2)}
    write_map("few", utt2spk)
    train_backend(["train.scp"], ["few"], "filtered", BackendOptions(lda_dim=6, min_utts_per_speaker=4))
    assert "training on 114 of 120 utterances and 20 of 26 speakers" in caplog.text
    assert "from 114 utterances of 20 speakers" in caplog.text
    with pytest.raises(InputError, match="0 of 26 speakers are left to train on"):
        train_backend(["train.scp"], ["few"], "none", BackendOptions(lda_dim=6, min_utts_per_speaker=7))


def test_training_refuses_before_the_work(corpus):
    write_map("one", {f"s{s:02d}-u{k}": "s" for s in range(20) for k in range(6)})
    write_map("own", {f"s{s:02d}-u{k}": f"s{s:02d}-u{k}" for s in range(20) for k in range(6)})
    write_map("fewer", {f"s{s:02d}-u{k}": f"s{s:02d}" for s in range(20) for k in range(5)})
    for name, message in (("one", "one: 120 .* of 1 speakers"), ("own", "own: .*no two of the same"),
                          ("fewer", "20 entries that fewer does not have, first 's00-u5'")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            train_backend(["train.scp"], [name], "nothing", BackendOptions(min_utts_per_speaker=1, lda_dim=6))
    assert not (corpus / "nothing").exists()


def test_fewer_embeddings_than_dimensions_train_and_score(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, speakers = embeddings(12, 4, 64)
    with TableWriter("train.ark") as table:
        for k, vector in enumerate(x):
            table[f"s{speakers[k]:02d}-{k % 4}"] = vector
    write_map("utt2spk", {f"s{s:02d}-{k}": f"s{s:02d}" for s in range(12) for k in range(4)})
    train_backend(["train.scp"], ["utt2spk"], "backend", BackendOptions(min_utts_per_speaker=1, lda_dim=200))
    assert read_matrix("backend/transform.mat").shape == (11, 65)
    write_trials_of([("s00-0", "s00-1"), ("s00-0", "s01-1")])
    same, other = (float(line.split()[2]) for line in score(models=None, scps=["train.scp"]))
    assert same > 0 > other


def test_an_utterance_that_has_most_of_the_variance_is_named(corpus, caplog):
    vectors = dict(TableReader("train.scp"))
    train_backend(["train.scp"], ["train.utt2spk"], "again", BackendOptions(min_utts_per_speaker=1, lda_dim=6))
    assert "variance" not in caplog.text
    with TableWriter("odd.ark") as table:
        for key, vector in vectors.items():
            table[key] = vector * (1e6 if key == "s04-u2" else 1)
    train_backend(["odd.scp"], ["train.utt2spk"], "odd", BackendOptions(min_utts_per_speaker=1, lda_dim=6))
    assert "the embedding of s04-u2 has 99.17 % of the variance of all 120, so that LDA and PLDA fit it" in caplog.text
