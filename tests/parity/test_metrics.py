"""EER and minDCF against what Kaldi's programs printed (golden_metrics/table.tsv)."""

import gzip
from pathlib import Path

import pytest

from spkr.kaldi.trials import read_trials
from spkr.metrics.dcf import min_dcf, min_dcf_kaldi
from spkr.metrics.eer import eer_kaldi, eer_linear, eer_rocch
from spkr.metrics.scores import read_scores

GOLDEN = Path(__file__).parent / "golden_metrics"
HEADER, *ROWS = [line.split("\t") for line in (GOLDEN / "table.tsv").read_text().splitlines()]
TABLE = {row[0]: dict(zip(HEADER, row, strict=True)) for row in ROWS}
TRIALS = {"ties": "ties.trials", "plda_pair": "trials_pair"}


@pytest.fixture
def load(tmp_path):
    def unpack(name):
        (tmp_path / name).write_bytes(gzip.decompress((GOLDEN / f"{name}.gz").read_bytes()))
        return tmp_path / name

    def load(name):
        trials = read_trials(unpack(TRIALS.get(name, "trials")))
        return read_scores(unpack(name), trials), trials.target

    return load


@pytest.mark.parametrize("name", TABLE)
def test_eer_and_its_threshold_are_those_of_compute_eer(load, name):
    scores, target = load(name)
    eer, threshold = eer_kaldi(scores[target], scores[~target])
    assert f"{100 * eer:.4g}" == TABLE[name]["eer_percent"]
    assert f"{threshold:g}" == TABLE[name]["eer_threshold"]


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("prior", [0.01, 0.001, 0.05])
def test_min_dcf_is_that_of_compute_min_dcf(load, name, prior):
    scores, target = load(name)
    wanted = TABLE[name][f"minDCF{prior}"]
    assert f"{min_dcf_kaldi(scores, target, prior):.4f}" == wanted
    if name != "ties":
        assert f"{min_dcf(scores[target], scores[~target], prior):.4f}" == wanted


@pytest.mark.parametrize(("prior", "together"), [(0.01, "0.8958"), (0.001, "0.9383"), (0.05, "0.7630")])
def test_min_dcf_keeps_ties_together(load, prior, together):
    scores, target = load("ties")
    assert f"{min_dcf(scores[target], scores[~target], prior):.4f}" == together


@pytest.mark.parametrize("name", TABLE)
def test_the_convex_hull_meets_the_diagonal_within_three_target_trials_of_kaldi(load, name):
    scores, target = load(name)
    target, nontarget = scores[target], scores[~target]
    assert eer_rocch(target, nontarget) == pytest.approx(eer_kaldi(target, nontarget)[0], abs=3 / len(target))


def test_the_interpolated_eer_of_ties_is_that_of_the_roc_curve(load):
    scores, target = load("ties")
    assert f"{100 * eer_linear(scores[target], scores[~target]):.3f}" == "14.126"
