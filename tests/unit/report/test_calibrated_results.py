"""Results of scores that are calibrated, and of those that are not."""

import csv
import json
import math

import pytest

from spkr.errors import InputError
from spkr.report.lists import ScoredList
from spkr.report.results import report

OF_RUN = {"name": "an4", "run": "main", "model": "quartznet3x1", "seed": 1, "primary": "plda"}
RATIOS = {"target": [math.log(3), 9], "nontarget": [-math.log(3), 5]}  # 5 is above log(99), and below log(199)


@pytest.fixture
def scored(tmp_path):
    """A list with the scores of two back-ends, and with the ratios of one."""
    trials = [(f"{label[0]}{k}", "x", label) for label in RATIOS for k in range(2)]
    (tmp_path / "trials").write_text("".join(f"{a} {b} {label}\n" for a, b, label in trials))
    ratios = [ratio for of_label in RATIOS.values() for ratio in of_label]
    for name, values in (("scores", [100 + ratio / 10 for ratio in ratios]), ("llr", ratios)):
        lines = [f"{a} {b} {value:.7g}\n" for (a, b, _), value in zip(trials, values, strict=True)]
        (tmp_path / name).write_text("".join(lines))
    scores = {"cosine": str(tmp_path / "scores"), "plda": str(tmp_path / "scores")}
    return ScoredList(trials=str(tmp_path / "trials"), scores=scores, llrs={"plda": str(tmp_path / "llr")})


def test_what_needs_ratios_is_nan_without_them(tmp_path, scored):
    table = report({"pairs": scored}, tmp_path / "results", **OF_RUN, priors=[0.5])
    with (tmp_path / "results/results.tsv").open() as f:
        cosine, plda = csv.DictReader(f, delimiter="\t")
    of_target = (math.log2(4 / 3) + math.log2(1 + math.exp(-9))) / 2
    cllr = (of_target + (math.log2(4 / 3) + math.log2(1 + math.exp(5))) / 2) / 2
    assert (plda["actdcf_0.01"], plda["cllr"]) == (f"{(0.01 / 2 + 0.99 / 2) / 0.01:.4f}", f"{cllr:.4f}")
    assert (cosine["actdcf_0.01"], cosine["cllr"]) == ("nan", "nan")
    assert cosine["mincllr"] == plda["mincllr"] == "0.5000"
    assert cosine["eer"] == plda["eer"] == "50.000"  # of the scores
    header, _, of_cosine, of_plda, *_ = table.splitlines()
    assert header.endswith("Cllr  minCllr  minDCF 0.5  actDCF 0.5")
    assert of_cosine.split()[-4:] == ["-", "0.5000", "0.5000", "-"]
    assert of_plda.split()[-4:] == [f"{cllr:.4f}", "0.5000", "0.5000", "0.5000"]


def test_results_json_has_further_measures_of_ratios(tmp_path, scored):
    report({"pairs": scored}, tmp_path / "results", **OF_RUN)
    cosine, plda = json.loads((tmp_path / "results/results.json").read_text())["results"]
    assert plda["actdcf_0.001"] == 0.5  # one miss, no false alarm
    assert plda["actdcf_0.05"] == (0.05 / 2 + 0.95 / 2) / 0.05
    assert plda["c_primary"] == (50 + 0.5) / 2
    assert plda["cllr_loss"] == pytest.approx(plda["cllr"] - plda["mincllr"], abs=1e-4)
    assert cosine["c_primary"] is cosine["cllr_loss"] is None


def test_ratios_of_another_list_or_back_end_are_refused(tmp_path, scored):
    (tmp_path / "llr").write_text("t0 x 1\n")
    with pytest.raises(InputError, match="llr: 3 of 4 trials have no score"):
        report({"pairs": scored}, tmp_path / "results", **OF_RUN)
    other = scored.replace(llrs={"lda": str(tmp_path / "llr")})
    with pytest.raises(InputError, match="pairs: llrs of 'lda' without its scores; name these, too"):
        report({"pairs": other}, tmp_path / "results", **OF_RUN)
    assert not (tmp_path / "results").exists()
