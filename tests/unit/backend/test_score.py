"""Scores that depend on their trial alone, and what cannot be scored."""

import shutil
from pathlib import Path

import kaldiio
import numpy as np
import pytest

from spkr.backend.plda import Plda
from spkr.backend.score import write_scores
from spkr.backend.steps import Backend
from spkr.backend.vectors import length_normalize, transform_vectors
from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.datadir import read_map, write_map, write_spk2utt
from spkr.kaldi.objects import read_matrix, read_vector, write_array, write_plda
from spkr.kaldi.table import TableWriter, read_object
from spkr.kaldi.trials import Trials
from tests.unit.backend.scoring import NAMES, score, write_trials_of


@pytest.mark.parametrize("backend", ["cosine", "lda_cosine", "plda"])
def test_score_of_a_trial_alone_is_its_score_in_a_list_to_the_byte(corpus, backend):
    pairs = [(a, b) for a in NAMES for b in NAMES]  # models and utterances, on both sides
    write_trials_of(pairs)
    lines = score(backend)
    assert [tuple(line.split()[:2]) for line in lines] == pairs
    for k in range(0, len(pairs), 101):
        write_trials_of([pairs[k]], "one")
        assert score(backend, "one", "one.out") == [lines[k]]
    write_trials_of(pairs[::-1], "reversed")
    assert score(backend, "reversed", "reversed.out") == lines[::-1]
    same = np.array([a.lstrip("ms0")[:1] == b.lstrip("ms0")[:1] for a, b in pairs])
    values = np.array([float(line.split()[2]) for line in lines])
    assert values[same].mean() > values[~same].mean() + values[~same].std()


def test_cosine_of_a_model_is_that_of_its_centred_average(corpus):
    write_trials_of([("m2", "s05-u1")])
    table = kaldiio.load_scp("test.scp")
    mean = read_vector("backend/mean.vec")
    u = np.mean([table[f"s02-u{k}"] for k in range(3)], axis=0) - mean
    v = table["s05-u1"] - mean
    assert float(score("cosine")[0].split()[2]) == pytest.approx(u @ v / np.sqrt((u @ u) * (v @ v)), abs=1e-6)


def test_plda_score_of_a_model_knows_its_number_of_utterances(corpus):
    write_trials_of([("m3", "s03-u5"), ("s03-u5", "m2")])
    table, mean, lda = (
        kaldiio.load_scp("test.scp"),
        read_vector("backend/mean.vec"),
        read_matrix("backend/transform.mat"),
    )
    names = [["s03-u0", "s03-u1", "s03-u2", "s03-u3"], ["s03-u5"], ["s02-u0", "s02-u1", "s02-u2"]]
    raw = np.stack([np.mean([table[utt] for utt in utts], axis=0) for utts in names])
    n = np.array([4, 1, 3])
    model = Plda.read("backend/plda")
    processed = length_normalize(transform_vectors(raw - mean.astype(np.float32), lda.astype(np.float32)))
    u = model.transform_embedding(processed, n)
    expected = model.log_likelihood_ratio(u, n, u, n, np.array([0, 1]), np.array([1, 2]))
    assert [float(line.split()[2]) for line in score()] == pytest.approx(expected.tolist(), rel=1e-6)


@pytest.mark.parametrize(
    "pairs, models, message",
    [
        ([("m1", "s00-u0"), ("m1", "nobody")], "models", r"trials:2: 'nobody' is not a model of models or an utt"),
        ([("m1", "s00-u0")], None, r"trials:1: 'm1' is not an utterance"),
        ([("mx", "s00-u0")], "more", r"more:2: 's00-u9' of model 'mx'"),
    ],
)
def test_unknown_names_are_refused_with_their_line(corpus, pairs, models, message):
    write_trials_of(pairs)
    write_spk2utt("more", {"ma": ["s00-u0"], "mx": ["s00-u1", "s00-u9"]})
    with pytest.raises(InputError, match=message):
        score(models=models)
    assert not (corpus / "out").exists()


def test_parts_that_do_not_fit_are_refused(corpus):
    write_trials_of([("m1", "s00-u0")])
    for folder in ("short", "narrow", "small", "without"):
        shutil.copytree("backend", folder)
    write_array("short/mean.vec", np.ones(11))
    write_array("narrow/transform.mat", np.ones((6, 20)))
    write_plda("small/plda", np.zeros(2), np.eye(2), np.ones(2))
    Path("without/plda").unlink()
    for backend, folder, message in [
        ("cosine", "short", "embeddings of 12 dimensions for a back-end of 11"),
        ("lda_cosine", "narrow", "narrow/transform.mat: takes 20 columns; expected the 12"),
        ("plda", "small", "small/plda: 2 dimensions; expected 6"),
        ("plda", "without", "without/plda: no such file"),
        ("pdla", "backend", "back-end 'pdla'; expected one of cosine, lda_cosine, plda"),
    ]:
        with pytest.raises(InputError, match=message):
            score(backend, folder=folder)
    with pytest.raises(InputError, match="'s00-u0' is in test.scp, too"):
        score(scps=["test.scp", "train.scp"])
    with pytest.raises(InputError, match="smoothing -0.1"):
        Backend.read("plda", "backend", smoothing=-0.1)


def test_embedding_of_another_dimension_is_refused_by_place(corpus):
    with TableWriter("odd.ark") as table:
        for key, dim in (("a", 12), ("b", 12), ("c", 13)):
            table[key] = np.ones(dim)
    write_trials_of([("a", "b"), ("a", "c")])
    with pytest.raises(InputError, match=r"odd.ark:\d+: the embedding of c has shape \(13,\); .* 12 .* first one, a"):
        score("cosine", models=None, scps=["odd.scp"])


def test_plda_cut_short_is_refused_before_scoring(corpus):
    whole = Path("backend/plda").read_bytes()
    Path("backend/plda").write_bytes(whole[:-20])
    write_trials_of([("m1", "s00-u0")])
    with pytest.raises(InputError, match="backend/plda: cut short"):
        score()


def test_number_of_scores_is_that_of_the_list(tmp_path):
    with pytest.raises(InputError, match="3 scores for 4 trials"):
        write_scores(tmp_path / "s", Trials.of("abcd", "wxyz", None), np.zeros(3))
    assert not (tmp_path / "s").exists()


def test_scores_are_seven_digits_of_a_float32_and_finite(tmp_path):
    trials = Trials.of("abcd", "wxyz", None)
    write_scores(tmp_path / "s", trials, np.array([-10.17460001, 1e-9 / 3, 123456789.0, 9.2739234]))
    assert (tmp_path / "s").read_text() == "a w -10.1746\nb x 3.333333e-10\nc y 1.234568e+08\nd z 9.273924\n"
    with pytest.raises(InputError, match="trial b x has the score nan"):
        write_scores(tmp_path / "t", trials, np.array([1, np.nan, 2, 3]))
    assert not (tmp_path / "t").exists()


def test_numbers_of_utterances_come_from_a_file_or_are_ignored(corpus):
    write_trials_of([(f"m{s}", "s00-u0") for s in range(8)])
    main(["mean-xvectors", "models", "test.scp", "means.ark", "num_utts"])
    with TableWriter("alone.ark") as table:
        table["s00-u0"] = read_object(read_map("test.scp")["s00-u0"], "s00-u0")
    averages = {"models": None, "scps": ["means.scp", "alone.scp"]}
    assert score(**averages, num_utts_path="num_utts") == score()
    assert score(**averages) == score(ignore_num_utts=True) != score()
    for wrong in ("0", "-1", "x"):
        write_map("wrong", {"m1": wrong})
        with pytest.raises(InputError, match=f"wrong: m1 has '{wrong}'; expected a number of utterances"):
            score(num_utts_path="wrong")


@pytest.mark.parametrize("backend", ["cosine", "lda_cosine", "plda"])
def test_processed_embeddings_score_as_raw_ones(corpus, backend):
    write_trials_of([(a, b) for a in NAMES[8:] for b in NAMES[8:20]])
    steps = ["--mean", "backend/mean.vec", "--normalize-length", "true"]
    steps += [] if backend == "cosine" else ["--transform", "backend/transform.mat"]
    main(["transform-xvectors", "test.scp", "processed.ark", *steps])
    main(["score", "trials", "out", "--backend", backend, "--backend-dir", "backend", "--xvectors", "processed.scp",
          "--processed"])  # fmt: skip
    lines = Path("out").read_text().splitlines()
    ours, whole = ([float(line.split()[2]) for line in of] for of in (lines, score(backend)))
    assert np.allclose(ours, whole, atol=2e-5)
