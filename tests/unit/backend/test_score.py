"""Scores that depend on their trial alone, and what cannot be scored."""

import re
import shutil
from pathlib import Path

import kaldiio
import numpy as np
import pytest

from spkr.backend import BACKENDS
from spkr.backend.chain import parse_chain
from spkr.backend.pipeline import Backend
from spkr.backend.plda import Plda
from spkr.backend.score import write_scores
from spkr.backend.transforms import length_normalize, transform_vectors
from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.maps import read_map, write_map, write_spk2utt
from spkr.kaldi.objects import read_matrix, read_vector, write_array, write_plda
from spkr.kaldi.table import TableReader, TableWriter
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
        ("mean | lda: 3 | cosine", "backend", "backend/transform.mat: 6 dimensions; expected at most 3, as `lda: 3`"),
    ]:
        with pytest.raises(InputError, match=message):
            score(backend, folder=folder)
    with pytest.raises(InputError, match="'s00-u0' is in test.scp, too"):
        score(scps=["test.scp", "train.scp"])
    for wrong in (-0.1, np.nan, np.inf):
        with pytest.raises(InputError, match=f"smoothing {wrong}; expected 0 or more"):
            Backend.read(parse_chain(BACKENDS["plda"]), "backend", smoothing=wrong)


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
        table["s00-u0"] = TableReader("test.scp")["s00-u0"]
    averages = {"models": None, "scps": ["means.scp", "alone.scp"]}
    assert score(**averages, num_utts_path="num_utts") == score()
    assert score(**averages) == score(ignore_num_utts=True) != score()
    for wrong in ("0", "-1", "x"):
        write_map("wrong", {"m1": wrong})
        with pytest.raises(InputError, match=f"wrong: m1 has '{wrong}'; expected a number of utterances"):
            score(num_utts_path="wrong")


def test_an_enrolment_name_without_its_number_of_utterances_is_refused(corpus):
    write_trials_of([("s00-u0", "s00-u1"), ("m1", "s00-u1"), ("s01-u0", "s00-u1")])
    write_map("some", {"s00-u0": 3})
    with pytest.raises(InputError, match="some: no line for 's01-u0', the enrolment of trials:3; expected its number"):
        score(num_utts_path="some")
    write_map("all", {"s00-u0": 3, "s01-u0": 1})
    several, plain = score(num_utts_path="all"), score()
    assert several[0] != plain[0] and several[1:] == plain[1:]  # m1 is of one utterance, as the models say
    write_map("test", {"s00-u0": 1, "s01-u0": 1, "s00-u1": 2})
    assert score(num_utts_path="test") != plain


def test_a_name_that_is_both_is_a_model_in_enrolment_and_an_utterance_in_test(corpus):
    write_spk2utt("both", {"s00-u0": ["s01-u0"]})
    write_trials_of([("s00-u0", "s00-u0"), ("s01-u0", "s00-u0")])
    lines = score("cosine", models="both")
    assert lines[0].split()[2] == lines[1].split()[2] != "1"
    write_trials_of([("s01-u0", "s00-u0")], "plain")
    assert lines[1:] == score("cosine", "plain", models=None)


def test_a_model_that_lists_an_utterance_twice_is_refused(corpus):
    write_trials_of([("m", "s00-u0")])
    write_spk2utt("twice", {"m": ["s01-u0", "s01-u1", "s01-u0"]})
    with pytest.raises(InputError, match="twice:1: model 'm' lists 's01-u0' twice"):
        score(models="twice")


def test_utterances_without_a_voiced_frame_are_named_and_left_out_of_models(corpus, caplog):
    write_map("voiced", {f"s{s:02d}-u{k}": 0 if (s, k) in ((3, 1), (5, 5)) else 9 for s in range(8) for k in range(6)})
    write_spk2utt("less", {"m3": ["s03-u0", "s03-u2", "s03-u3"]})
    write_trials_of([("m3", "s04-u4"), ("m3", "s05-u5"), ("s03-u1", "s04-u4"), ("s03-u0", "s04-u4")])
    lines = score(num_voiced=["voiced"])
    assert "trials: 2 utterances have no voiced frame, first 's03-u1'; 2 of 4 trials rest on silence" in caplog.text
    assert lines == score(models="less") != score()
    with pytest.raises(InputError, match="trials: 2 utterances have no voiced frame, .* take --silent warn"):
        score(num_voiced=["voiced"], silent="refuse")
    caplog.clear()
    write_trials_of([("s03-u0", "s04-u4")])
    score(num_voiced=["voiced"], silent="refuse")
    assert not caplog.text
    write_map("few", {"s03-u0": 4})
    with pytest.raises(InputError, match="few: no line for 's04-u4'; expected its number of voiced frames"):
        score(num_voiced=["few"])
    write_map("few", {"s03-u0": 4, "s04-u4": "1_0"})
    with pytest.raises(InputError, match="few: s04-u4 has '1_0'; expected a number of voiced frames, 0 or more"):
        score(num_voiced=["few"])


def test_averages_leave_silence_out_unless_there_is_nothing_else(corpus, caplog):
    write_spk2utt("spk2utt", {"a": ["s00-u0", "s00-u1", "s00-u2"], "b": ["s01-u0", "s01-u1"]})
    voiced = {"s00-u0": 5, "s00-u1": 0, "s00-u2": 7, "s01-u0": 0, "s01-u1": 0}
    write_map("voiced", voiced)
    main(["mean-xvectors", "spk2utt", "test.scp", "means.ark", "num_utts", "--num-voiced", "voiced"])
    assert read_map("num_utts") == {"a": "2", "b": "2"}
    means, utts = kaldiio.load_scp("means.scp"), kaldiio.load_scp("test.scp")
    assert np.allclose(means["a"], (utts["s00-u0"] + utts["s00-u2"]) / 2, atol=1e-6)
    assert np.allclose(means["b"], (utts["s01-u0"] + utts["s01-u1"]) / 2, atol=1e-6)
    assert "3 utterances have no voiced frame, first 's00-u1'; averages leave them out" in caplog.text


def test_repeated_trials_are_scored_once_where_they_are_allowed(corpus, caplog):
    write_trials_of([("m1", "s00-u0"), ("m2", "s00-u0"), ("m1", "s00-u0")])
    arguments = ["score", "trials", "out", "--backend", "cosine", "--backend-dir", "backend", "--xvectors", "test.scp"]
    arguments += ["--models", "models"]
    with pytest.raises(SystemExit):
        main(arguments)
    assert "trials:3: the trial m1 s00-u0 is in the list twice; remove it, or count it once with --allow" in caplog.text
    main([*arguments, "--allow-duplicates"])
    assert [line.split()[0] for line in Path("out").read_text().splitlines()] == ["m1", "m2"]


@pytest.mark.parametrize("verb", ["transform-xvectors", "mean-xvectors"])
def test_an_output_that_is_no_ark_is_refused(corpus, caplog, verb):
    write_spk2utt("spk2utt", {"a": ["s00-u0"]})
    inputs = ["spk2utt", "test.scp"] if verb == "mean-xvectors" else ["test.scp"]
    with pytest.raises(SystemExit):
        main([verb, *inputs, "processed.test", *["num_utts"][: len(inputs) - 1]])
    assert "processed.test: expected an output that ends in .ark" in caplog.text
    assert not list(corpus.glob("processed*"))


def test_a_folder_is_needed_by_all_but_cosine(corpus):
    assert Backend.read(parse_chain(BACKENDS["cosine"]), None).parts == []
    for backend, processed in (("lda_cosine", False), ("plda", True)):
        chain = parse_chain(BACKENDS[backend])
        with pytest.raises(InputError, match=f"back-end {re.escape(str(chain))} without a folder; expected --backend"):
            Backend.read(chain, None, processed=processed)


@pytest.mark.parametrize("backend", ["cosine", "lda_cosine", "plda"])
def test_processed_embeddings_score_as_raw_ones(corpus, backend):
    write_trials_of([(a, b) for a in NAMES[8:] for b in NAMES[8:20]])
    steps = ["--mean", "backend/mean.vec", "--normalize-length", "true"]
    steps += [] if backend == "cosine" else ["--transform", "backend/transform.mat"]
    main(["transform-xvectors", "test.scp", "processed.ark", *steps])
    folder = ["--backend-dir", "backend"] if backend == "plda" else []
    main(["score", "trials", "out", "--backend", backend, *folder, "--xvectors", "processed.scp", "--processed"])
    lines = Path("out").read_text().splitlines()
    ours, whole = ([float(line.split()[2]) for line in of] for of in (lines, score(backend)))
    assert np.allclose(ours, whole, atol=2e-5)
