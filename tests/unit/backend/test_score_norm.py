"""Score normalisation by its definition, and cohorts that cannot serve."""

from pathlib import Path

import numpy as np
import pytest

from spkr.backend import score_norm
from spkr.backend.score import Cohort
from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.maps import write_map, write_spk2utt
from spkr.kaldi.table import TableReader, TableWriter
from tests.unit.backend.scoring import NAMES, score, write_trials_of


def normalised(scores, i, j, cohort_scores, top):
    """Equation by equation."""
    out = []
    for plain, a, b in zip(scores, i, j, strict=True):
        sides = [sorted(cohort_scores[side])[-top:] for side in (a, b)]
        out.append(sum((plain - np.mean(side)) / np.std(side) for side in sides) / 2)
    return out


@pytest.mark.parametrize("top", [None, 7])
@pytest.mark.parametrize("held", [1, 1_000_000])
def test_score_norm_is_its_definition_whatever_is_held_at_a_time(monkeypatch, top, held):
    monkeypatch.setattr(score_norm, "SCORES", held)
    rng = np.random.default_rng(0)
    table, (i, j), scores = rng.normal(size=(9, 20)), rng.integers(0, 9, (2, 50)), rng.normal(size=50)
    mean, std = score_norm.cohort_statistics("abcdefghi", 20, lambda a, b: table[a, b], top)
    expected = normalised(scores, i, j, table, top or 20)
    assert np.allclose(score_norm.normalize_scores(scores, mean, std, i, j), expected)


@pytest.mark.parametrize("backend", ["cosine", "plda"])
def test_averages_of_the_cohort_count_as_one_utterance_by_the_command(corpus, backend):
    pairs = [(a, b) for a in NAMES for b in NAMES[8:]]
    write_trials_of(pairs)
    write_spk2utt("cohort", {f"s{s:02d}": [f"s{s:02d}-u{k}" for k in range(6)] for s in range(20)})
    plain = [float(line.split()[2]) for line in score(backend)]
    main(["score", "trials", "out", "--backend", backend, "--backend-dir", "backend", "--xvectors", "test.scp",
          "--models", "models", "--score-norm", "as-norm", "--cohort", "train.scp", "--cohort-models", "cohort",
          "--top-n", "5"])  # fmt: skip
    lines = Path("out").read_text().splitlines(keepends=True)
    averages = [f"s{s:02d}" for s in range(20)]
    main(["mean-xvectors", "cohort", "train.scp", "averages.ark", "num_utts"])
    write_map("num_utts", dict.fromkeys([*NAMES[8:], *averages], 1))
    write_trials_of([(a, b) for a in NAMES for b in averages], "with_cohort")
    for name, scp in (("test", "test.scp"), ("cohort", "averages.scp")):
        with TableWriter(f"{name}_renamed.ark") as table:
            for key, value in TableReader(scp).items():
                table[key] = value
    against = score(backend, "with_cohort", scps=["test_renamed.scp", "cohort_renamed.scp"], num_utts_path="num_utts")
    table = dict(zip(NAMES, np.array([float(line.split()[2]) for line in against]).reshape(-1, 20), strict=True))
    expected = normalised(plain, *zip(*pairs, strict=True), table, 5)
    assert np.allclose([float(line.split()[2]) for line in lines], expected, rtol=1e-4, atol=1e-4)
    write_trials_of(pairs[77:78], "one")
    cohort = Cohort("as-norm", "train.scp", "cohort", 5)
    assert score(backend, "one", cohort=cohort) == lines[77:78]


def test_normalisation_of_plda_is_warned_of(corpus, caplog):
    write_trials_of([("m1", "s00-u0")])
    score("cosine", cohort=Cohort("s-norm", "train.scp"))
    assert not caplog.records
    score("plda", cohort=Cohort("s-norm", "train.scp"))
    assert "s-norm of PLDA's scores" in caplog.text and "compare with score_norm none on dev" in caplog.text


def test_cohorts_that_cannot_serve_are_refused(corpus):
    write_trials_of([("m1", "s00-u0")])
    for method, top_n in (("as-norm", None), ("s-norm", 3), ("asnorm", 3)):
        with pytest.raises(InputError, match=f"score normalisation '{method}' with top_n {top_n}"):
            Cohort(method, "train.scp", None, top_n)
    with pytest.raises(InputError, match="top_n 121 of a cohort of 120"):
        score(cohort=Cohort("as-norm", "train.scp", None, 121))
    with pytest.raises(InputError, match="the cohort scores of a are all alike"):
        score_norm.cohort_statistics("ab", 3, lambda i, j: i * j / 2, None)
    write_spk2utt("cohort", {"s00": ["s00-u0"], "s01": ["s01-u9"]})
    with pytest.raises(InputError, match="cohort:2: 's01-u9' of model 's01' has no embedding"):
        score(cohort=Cohort("s-norm", "train.scp", "cohort"))
