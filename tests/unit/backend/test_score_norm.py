"""Score normalisation by its definition, and cohorts that cannot serve."""

from pathlib import Path

import numpy as np
import pytest

from spkr.backend import score_norm
from spkr.backend.chain import Step
from spkr.backend.cohort import Cohort
from spkr.backend.pipeline import PldaScorer, Scorer
from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.maps import read_map, write_map, write_spk2utt
from spkr.kaldi.table import TableWriter, read_vectors
from tests.unit.backend.scoring import NAMES, score, write_trials_of


def normalised(scores, i, j, cohort_scores, top):
    """Equation by equation."""
    out = []
    for plain, a, b in zip(scores, i, j, strict=True):
        sides = [sorted(cohort_scores[side])[-top:] for side in (a, b)]
        out.append(sum((plain - np.mean(side)) / np.std(side) for side in sides) / 2)
    return out


@pytest.mark.parametrize("top", [None, 7])
@pytest.mark.parametrize("held", [1, 4, 256])
def test_score_norm_is_its_definition_whatever_is_held_at_a_time(monkeypatch, top, held):
    monkeypatch.setattr(score_norm, "ROWS", held)
    rng = np.random.default_rng(0)
    table, (i, j), scores = rng.normal(size=(9, 20)), rng.integers(0, 9, (2, 50)), rng.normal(size=50)
    mean, std = score_norm.cohort_statistics("abcdefghi", lambda part: table[part], top)
    expected = normalised(scores, i, j, table, top or 20)
    assert np.allclose(score_norm.normalize_scores(scores, mean, std, i, j), expected)


@pytest.mark.parametrize("backend", ["cosine", "plda"])
def test_averages_of_the_cohort_count_as_one_utterance_by_the_command(others, backend):
    pairs = [(a, b) for a in NAMES for b in NAMES[8:]]
    write_trials_of(pairs)
    plain = [float(line.split()[2]) for line in score(backend)]
    given = ["--backend", f"{backend}_asnorm", "--backend-dir", "backend", "--xvectors", "test.scp"]
    given += ["--models", "models", "--utt2spk", "test.utt2spk"]
    main(["score", "trials", "out", *given, "--cohort", "others.scp", "--cohort-models", "others", "--top-n", "5"])
    lines = Path("out").read_text().splitlines(keepends=True)
    averages = [f"t{s:02d}" for s in range(20)]
    main(["mean-xvectors", "others", "others.scp", "averages.ark", "num_utts"])
    write_map("num_utts", dict.fromkeys([*NAMES[8:], *averages], 1))
    write_trials_of([(a, b) for a in NAMES for b in averages], "with_cohort")
    against = score(backend, "with_cohort", scps=["test.scp", "averages.scp"], num_utts_path="num_utts")
    table = dict(zip(NAMES, np.array([float(line.split()[2]) for line in against]).reshape(-1, 20), strict=True))
    expected = normalised(plain, *zip(*pairs, strict=True), table, 5)
    assert np.allclose([float(line.split()[2]) for line in lines], expected, rtol=1e-4, atol=1e-4)
    write_trials_of(pairs[77:78], "one")
    cohort = Cohort(Step("as-norm", 5), ["others.scp"], ["others"])
    assert score(f"{backend}_asnorm", "one", cohort=cohort) == lines[77:78]


def test_normalisation_of_plda_is_warned_of(others, caplog):
    write_trials_of([("m1", "s00-u0")])
    for backend, warned in (("cosine", False), ("plda", True)):
        cohort = Cohort(Step("s-norm"), ["others.scp"], utt2spk="test.utt2spk")
        score(f"{backend}_snorm", cohort=cohort)
        assert ("s-norm of PLDA's scores" in caplog.text) is warned
    assert "compare with the same back-end without it on dev" in caplog.text


def test_cohorts_that_cannot_serve_are_refused(others):
    write_trials_of([("m1", "s00-u0")])
    with pytest.raises(InputError, match="as-norm without a number; expected how many"):
        Cohort(Step("as-norm"), ["others.scp"])
    for step in (Step("s-norm"), Step("as-norm", 5)):
        with pytest.raises(InputError, match=f"top_n 3 for {step}; expected it for an as-norm without"):
            Cohort(step, ["others.scp"], top_n=3)
    with pytest.raises(
        InputError, match="by the 121 closest members of a cohort of 120 in others.scp; expected 2 to 120"
    ):
        score("cosine_asnorm", cohort=Cohort(Step("as-norm"), ["others.scp"], top_n=121))
    with pytest.raises(InputError, match="the cohort scores of a are all alike"):
        score_norm.cohort_statistics("ab", lambda part: np.outer([0, 1], [0, 1, 2])[part], None)
    write_spk2utt("cohort", {"t00": ["t00-u0"], "t01": ["t01-u9"]})
    with pytest.raises(InputError, match="cohort:2: 't01-u9' of model 't01' has no embedding"):
        Cohort(Step("s-norm"), ["others.scp"], ["cohort"])


def test_a_cohort_with_a_speaker_of_the_list_is_refused_by_name(others, caplog):
    write_trials_of([("m1", "s00-u0"), ("m0", "s01-u5")])
    given = [
        "score",
        "trials",
        "out",
        "--backend",
        "cosine_snorm",
        "--backend-dir",
        "backend",
        "--xvectors",
        "test.scp",
    ]
    given += ["--models", "models", "--cohort", "others.scp", "--cohort-models", "others"]
    main([*given, "--utt2spk", "test.utt2spk"])
    assert not caplog.text
    main(given)
    assert "trials: not known whether its speakers are in the cohort, too; with --utt2spk" in caplog.text
    named = {utt: "t05" if spk == "s01" else spk for utt, spk in read_map("test.utt2spk").items()}
    write_map("named", named)
    write_spk2utt("same", {"t00": ["s01-u5", "s01-u3"], "t01": ["s07-u0"]})
    train = [*given[:-4], "--cohort", "train.scp", "--cohort-models", "same"]
    with TableWriter("means.ark") as table:  # of speakers, as spk_xvector.ark is
        for spk in ("s01", "t01"):
            table[spk] = np.arange(1, 1 + read_vectors("test.scp")[1].shape[1], dtype=np.float32) ** len(spk)
    means = [*given[:-4], "--cohort", "means.scp"]
    for wrong, message in [
        (
            [*given, "--utt2spk", "named"],
            "trials: 1 of its speakers, first 't05', are also in the cohort others.scp",
        ),
        ([*train, "--utt2spk", "test.utt2spk"], "trials: 1 of its speakers, first 's01', are also in the"),
        ([*means, "--utt2spk", "test.utt2spk"], "trials: 1 of its speakers, first 's01', are also in the cohort means"),
        (train, "trials: 1 of its utterances, first 's01-u5', are also in the cohort train.scp; take"),
    ]:
        Path("out").unlink(missing_ok=True)
        with pytest.raises(SystemExit):
            main(wrong)
        assert message in caplog.text
        assert not Path("out").exists()
    write_map("few", {"s00-u0": "s00"})
    with pytest.raises(SystemExit):
        main([*given, "--utt2spk", "few"])
    assert "few: no line for 's01-u0' of trials; expected its speaker" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--backend", "cosine", "--cohort", "train.scp"],
            "--cohort for mean | cosine; expected a chain that ends with",
        ),
        (["--backend", "cosine", "--top-n", "3"], "--top-n for mean | cosine; expected a chain"),
        (["--backend", "cosine_snorm"], "mean | cosine | s-norm without --cohort; expected a table"),
        (["--chain", "mean | cosine | as-norm: 3", "--cohort", "train.scp", "--top-n", "4"], "top_n 4 for as-norm: 3"),
    ],
)
def test_options_that_do_not_fit_the_chain_are_refused(corpus, caplog, options, message):
    write_trials_of([("m1", "s00-u0")])
    with pytest.raises(SystemExit):
        main(["score", "trials", "out", "--backend-dir", "backend", "--xvectors", "test.scp", "--models", "models",
              *options])  # fmt: skip
    assert message in caplog.text


def test_statistics_of_the_cohort_are_those_that_normalise(others):
    write_spk2utt("both", {"s00-u0": ["s01-u0", "s01-u1"], "m": ["s02-u2"]})
    write_trials_of([("s00-u0", "s00-u0"), ("m", "s00-u0")])
    cohort = Cohort(Step("as-norm", 9), ["others.scp"], utt2spk="test.utt2spk")
    normalised_lines = score("cosine_asnorm", models="both", cohort=cohort, statistics_path="out.cohort")
    rows = [line.split() for line in Path("out.cohort").read_text().splitlines()]
    assert [row[:2] for row in rows] == [["enrol", "s00-u0"], ["enrol", "m"], ["test", "s00-u0"]]
    plain = [float(line.split()[2]) for line in score("cosine", models="both")]
    mean, std = np.array([[float(x) for x in row[2:]] for row in rows]).T
    expected = [((s - mean[k]) / std[k] + (s - mean[2]) / std[2]) / 2 for k, s in enumerate(plain)]
    assert [float(line.split()[2]) for line in normalised_lines] == pytest.approx(expected, rel=1e-4)


def test_plda_against_a_cohort_is_its_ratio(model):
    rng = np.random.default_rng(3)
    x, n, cohort = rng.normal(size=(9, 5)), np.array([1, 2, 3] * 3), rng.normal(size=(7, 5))
    i, j = (side.ravel() for side in np.indices((9, 7)))
    expected = model.log_likelihood_ratio(x, n, cohort, np.ones(7, int), i, j).reshape(9, 7)
    assert np.allclose(PldaScorer(model).against(x, n, cohort), expected, rtol=1e-10, atol=1e-10)
    assert np.allclose(Scorer.against(PldaScorer(model), x, n, cohort), expected)
