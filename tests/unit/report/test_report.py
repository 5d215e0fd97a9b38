import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import ndtri

from spkr.cli import main
from spkr.errors import InputError
from spkr.metrics.eer import eer_kaldi
from spkr.metrics.roc import error_rates
from spkr.report.det import eer_point, plot_det, thin
from spkr.report.lists import ScoredList
from spkr.report.origin import origin
from spkr.report.printed_table import format_table
from spkr.report.results import report

HEADER = (
    "name\trun\tmodel\tseed\ttrials\tbackend\tprimary\tn_target\tn_nontarget\teer\teer_lo\teer_hi\tmindcf_0.01\t"
    "mindcf_0.001\tmindcf_0.05\tactdcf_0.01\tcllr\tmincllr\ttrials_sha256\tn_silent\tfront_end\tn_parameters\t"
    "n_speakers\tmindcf_0.01_lo\tmindcf_0.01_hi\tmindcf_0.001_lo\tmindcf_0.001_hi\tmindcf_0.05_lo\tmindcf_0.05_hi\t"
    "actdcf_0.01_lo\tactdcf_0.01_hi\tcllr_lo\tcllr_hi\tmincllr_lo\tmincllr_hi"
)
OF_RUN = {"name": "an4", "run": "main", "model": "quartznet3x1", "seed": 1, "primary": "plda"}


@pytest.fixture
def lists(tmp_path):
    """Two models against four utterances; plda is right everywhere, cosine errs on one utterance."""
    trials = [(m, f"{spk}{i}", m == spk) for m in "ab" for spk in "ab" for i in (1, 2)]
    (tmp_path / "trials").write_text("".join(f"{m} {u} {'target' if same else 'nontarget'}\n" for m, u, same in trials))
    for backend, wrong in (("cosine", "b2"), ("plda", None)):
        lines = [f"{m} {u} {1 if same != (u == wrong) else 0}\n" for m, u, same in trials]
        (tmp_path / f"scores.{backend}").write_text("".join(lines))
    scores = {backend: str(tmp_path / f"scores.{backend}") for backend in ("cosine", "plda")}
    (tmp_path / "valid.json").write_text('{"valid_accuracy": 0.875, "n": 16, "threads": 2}')
    pairs = ScoredList(trials=str(tmp_path / "trials"), scores=scores)
    return {"trials_enrol": pairs.replace(models=str(tmp_path / "models")), "dev_trials_pairs": pairs}


def test_results_tsv_has_a_row_for_each_list_and_back_end(tmp_path, lists):
    report(lists, tmp_path / "results", **OF_RUN)
    header, *rows = (tmp_path / "results/results.tsv").read_text().splitlines()
    assert header == HEADER
    digest = hashlib.sha256((tmp_path / "trials").read_bytes()).hexdigest()
    start, unknown = ["an4", "main", "quartznet3x1", "1"], ["nan", "-", *["nan"] * 14]
    measured = ["25.000", "nan", "nan", "1.0000", "1.0000", "1.0000", "nan", "nan", "0.8113"]
    assert rows[0].split("\t") == [
        *start,
        "trials_enrol",
        "cosine",
        "no",
        "4",
        "4",
        *measured,
        digest,
        "nan",
        "-",
        *["nan"] * 14,
    ]
    perfect = ["0.000", "nan", "nan", "0.0000", "0.0000", "0.0000", "nan", "nan", "0.0000"]
    assert rows[1].split("\t") == [*start, "trials_enrol", "plda", "yes", "4", "4", *perfect, digest, *unknown]
    assert [row.split("\t")[4:7] for row in rows[2:]] == [
        ["dev_trials_pairs", "cosine", "no"],
        ["dev_trials_pairs", "plda", "yes"],
    ]


def test_results_json_has_the_same_rows_and_identification(tmp_path, lists):
    report(lists, tmp_path / "results", **OF_RUN, valid_json=tmp_path / "valid.json")
    found = json.loads((tmp_path / "results/results.json").read_text())
    rows = (tmp_path / "results/results.tsv").read_text().splitlines()[1:]
    for row, line in zip(found["results"], rows, strict=True):
        of_ratios = ["actdcf_0.001", "actdcf_0.05", "c_primary", "cllr_loss"]
        further = ["eer_rocch", "eer_linear", *of_ratios]
        assert list(row) == [*HEADER.split("\t"), *further, *(f"{m}_{end}" for m in further for end in ("lo", "hi"))]
        assert [row[name] for name in of_ratios] == [None] * 4
        for column, text in zip(HEADER.split("\t"), line.split("\t"), strict=True):
            same = float(text) if isinstance(row[column], float) else text
            assert (None if text == "nan" else same) in (row[column], str(row[column]))
    for kind in ("eer_rocch", "eer_linear"):
        assert [row[kind] for row in found["results"]] == [25, 0, 25, 0]
    assert found["identification"] == {
        "valid": {"accuracy": 0.875, "n": 16},
        "trials_enrol": {
            backend: {"accuracy": accuracy, "n": 4, "n_models": 2, "n_speakers": 2, "n_outside": 4, "left_out": True}
            for backend, accuracy in (("cosine", 0.75), ("plda", 1.0))
        },
    }
    assert found["thresholds"] == []  # no list names its list of dev
    assert found["made_by"] == origin() | {"threads": 2, "network_trained_on": None}


def test_further_priors_are_in_results_json_and_in_the_table_alone(tmp_path, lists):
    table = report(lists, tmp_path / "results", **OF_RUN, priors=[0.5])
    assert (tmp_path / "results/results.tsv").read_text().splitlines()[0] == HEADER
    found = json.loads((tmp_path / "results/results.json").read_text())["results"]
    assert [row["mindcf_0.5"] for row in found] == [0.5, 0, 0.5, 0]
    assert [line.split()[-1] for line in table.splitlines()[2:6]] == ["0.5000", "0.0000", "0.5000", "0.0000"]
    with pytest.raises(InputError, match="p_target 1, .* expected 0 < p_target < 1"):
        report(lists, tmp_path / "other", **OF_RUN, priors=[1])
    assert not (tmp_path / "other").exists()


def test_the_table_is_short_and_marks_the_primary_back_end(tmp_path, lists):
    table = report(lists, tmp_path / "results", **OF_RUN, valid_json=tmp_path / "valid.json")
    assert (tmp_path / "results/table.txt").read_text() == table
    assert table.splitlines() == [
        "trials            backend  targets  nontargets  EER %  minDCF 0.01  minDCF 0.001  minCllr",
        "-----------------------------------------------------------------------------------------",
        "trials_enrol      cosine         4           4  25.00       1.0000        1.0000   0.8113",
        "trials_enrol      plda*          4           4   0.00       0.0000        0.0000   0.0000",
        "dev_trials_pairs  cosine         4           4  25.00       1.0000        1.0000   0.8113",
        "dev_trials_pairs  plda*          4           4   0.00       0.0000        0.0000   0.0000",
        "* the primary back-end",
        "who is speaking? valid: 87.50 % of 16 right",
        "who is speaking? trials_enrol: cosine 75.00 %, plda 100.00 % of 4 right, among 2 speakers",
    ]


def test_the_table_keeps_its_columns_apart_with_long_names_and_numbers():
    row = {"trials": "trials_1m_averaged", "backend": "lda_cosine_asnorm", "primary": "yes", "n_target": 1234567}
    row |= {"n_nontarget": 40000000, "eer": 12.346, "mindcf_0.01": 0.5, "mindcf_0.001": 1.0}
    row |= {"eer_lo": 9.04, "eer_hi": 15.96, "n_silent": 7, "cllr": 1.25, "mincllr": 0.5}
    row |= {"n_speakers": 19}
    lines = format_table([row]).splitlines()
    assert lines[2].split() == [
        *("trials_1m_averaged", "lda_cosine_asnorm*", "1,234,567", "40,000,000"),
        *("12.35", "(9.0-16.0)", "0.5000", "1.0000", "1.2500", "0.5000"),
    ]
    assert len(lines[0]) == len(lines[1]) == len(lines[2])
    assert lines[3] == "* the primary back-end; (95 % confidence interval, resampling speakers)"
    assert lines[4:] == [
        "intervals of fewer than 20 speakers are too narrow: trials_1m_averaged 19",
        "trials_1m_averaged: 7 trials rest on an utterance without a voiced frame",
    ]


def test_two_reports_agree_to_the_byte(tmp_path, lists):
    for out in ("one", "two"):
        report(lists, tmp_path / out, **OF_RUN)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / out).iterdir()} for out in ("one", "two"))
    assert set(one) == {
        *("results.tsv", "results.json", "table.txt", "summary.txt", "confusions.tsv"),
        *("det_trials_enrol.png", "det_trials_enrol.svg"),
        *("det_dev_trials_pairs.png", "det_dev_trials_pairs.svg"),
    }
    assert one == two


def test_the_trainings_are_shown_where_their_logs_are_given(tmp_path, lists):
    log = tmp_path / "train_log.tsv"
    log.write_text("lr\tloss\ttrain_accuracy\tvalid_accuracy\tdev_eer\n0.1\t3\t0.5\t0.5\t0.2\n")
    report(lists, tmp_path / "results", **OF_RUN, train_logs=[log, log])
    assert {p.name for p in (tmp_path / "results").glob("training.*")} == {"training.png", "training.svg"}
    log.write_text("epoch\n1\n")
    with pytest.raises(InputError, match="train_log.tsv:1: no column 'dev_eer'"):
        report(lists, tmp_path / "other", **OF_RUN, train_logs=[log])
    assert not (tmp_path / "other").exists()


def test_nothing_is_written_when_one_list_is_wrong(tmp_path, lists):
    broken = tmp_path / "broken"
    broken.write_text("a a1 1\n")
    lists["dev_trials_pairs"] = ScoredList(trials=str(tmp_path / "trials"), scores={"plda": str(broken)})
    with pytest.raises(InputError, match="broken: 7 of 8 trials have no score"):
        report(lists, tmp_path / "results", **OF_RUN)
    assert not (tmp_path / "results").exists()


def test_a_list_of_one_kind_of_trial_is_refused_by_name(tmp_path, lists):
    (tmp_path / "trials").write_text("a a1 target\n")
    with pytest.raises(InputError, match="trials: no nontarget trial"):
        report(lists, tmp_path / "results", **OF_RUN)


def test_an_unknown_primary_is_refused(tmp_path, lists):
    with pytest.raises(InputError, match="trials_enrol: no scores of the primary back-end 'pldaa'"):
        report(lists, tmp_path / "results", **OF_RUN | {"primary": "pldaa"})


@pytest.mark.parametrize(
    "text", ["", "[]", '{"n": 3}', '{"valid_accuracy": 97.5, "n": 3}', '{"valid_accuracy": NaN, "n": 3}']
)
def test_a_wrong_valid_json_is_refused(tmp_path, lists, text):
    (tmp_path / "valid.json").write_text(text)
    with pytest.raises(InputError, match="valid.json: expected"):
        report(lists, tmp_path / "results", **OF_RUN, valid_json=tmp_path / "valid.json")


def test_a_thinned_curve_is_small_and_never_far_from_the_whole():
    rng = np.random.default_rng(0)
    p_miss, p_fa = error_rates(rng.normal(2, 1, 20_000), rng.normal(0, 1, 50_000))
    thin_miss, thin_fa = thin(p_miss, p_fa)
    assert len(thin_miss) < 2_000
    assert (thin_miss[0], thin_fa[0], thin_miss[-1], thin_fa[-1]) == (0, 1, 1, 0)
    kept_before = np.searchsorted(thin_miss - thin_fa, p_miss - p_fa, side="right") - 1
    for whole, thinned in ((p_miss, thin_miss), (p_fa, thin_fa)):
        shown, shown_thinned = (ndtri(np.clip(rate, 1e-4, 0.99)) for rate in (whole, thinned))
        assert np.abs(shown - shown_thinned[kept_before]).max() <= 0.02


@pytest.mark.parametrize(
    ("target", "nontarget", "marked"),  # misses and false alarms
    [
        ([1, 3, 5, 7, 9], [0, 2, 2.5, 4, 6], (0.4, 0.2)),  # no threshold has equal rates
        ([1, 2, 4, 5], [0, 0.5, 1.5, 3], (0.25, 0.25)),
        ([3, 4], [1, 2], (0, 0)),
    ],
)
def test_the_marker_of_a_det_curve_is_the_operating_point_of_kaldis_eer(target, nontarget, marked):
    p_miss, p_fa = error_rates(target, nontarget)
    eer, theta = eer_kaldi(target, nontarget)
    assert marked == (eer, np.mean(np.array(nontarget) >= theta))
    x, y = eer_point(*thin(p_miss, p_fa), eer, low=-3)
    assert np.allclose((*x, *y), np.maximum(ndtri([marked[1], marked[0]]), -3))


@pytest.mark.parametrize(("target", "nontarget"), [([1.0], [0.0]), ([0.0], [1.0]), ([0.0], [0.0]), ([1, 2, 3], [0, 2])])
def test_the_fewest_trials_still_make_a_plot(tmp_path, target, nontarget):
    p_miss, p_fa = error_rates(target, nontarget)
    plot_det(tmp_path / "det", "few", {f"backend{i}": (p_miss, p_fa, 0.5) for i in range(9)})
    assert (tmp_path / "det.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (tmp_path / "det.svg").read_text()


TIES = "1 nontarget\n1 target\n0 nontarget\n0 target\n2 target\n2 target\n-1 nontarget\n"


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ("--priors 0.5", ["EER 50 % at 2", "minDCF 0.5000 at 0.5"]),
        ("--kind rocch --priors 0.5 0.1", ["EER 28.57 %", "minDCF 0.5000 at 0.5", "minDCF 0.5000 at 0.1"]),
        ("--kind linear --priors 0.5 --c-miss 10", ["EER 28.57 %", "minDCF 0.6667 at 0.5"]),
        ("--priors 0.5 --ties-in-order", ["EER 50 % at 2", "minDCF 0.2500 at 0.5"]),
        (
            "--priors 0.5 0.1 --llr",
            [
                "EER 50 % at 2",
                "minDCF 0.5000 at 0.5",
                "actDCF 0.6667 at 0.5",
                "minDCF 0.5000 at 0.1",
                "actDCF 1.0000 at 0.1",
            ]
            + ["Cllr 0.7850, minCllr 0.5747"],
        ),
    ],
)
def test_eer_prints_the_measures_of_a_file_or_of_its_input(tmp_path, capsys, options, printed):
    (tmp_path / "labelled").write_text(TIES)
    main(["eer", str(tmp_path / "labelled"), *options.split()])
    assert capsys.readouterr().out.splitlines() == printed


def test_eer_reads_a_pipe():
    command = [sys.executable, "-c", "from spkr.cli import main; main()", "eer", "-", "--priors", "0.5"]
    done = subprocess.run(command, input=TIES, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["EER 50 % at 2", "minDCF 0.5000 at 0.5"]


def test_eer_joins_scores_to_their_list(tmp_path, capsys):
    (tmp_path / "trials").write_text("1 a x\n0 a y\n0 b x\n1 b y\n")
    (tmp_path / "scores").write_text("b y 2\na x 0.5\nb x -1\na y 1\n")
    main(["eer", "--trials", str(tmp_path / "trials"), str(tmp_path / "scores"), "--priors", "0.5"])
    assert capsys.readouterr().out.splitlines() == ["EER 50 % at 2", "minDCF 0.5000 at 0.5"]
    (tmp_path / "twice").write_text("1 a x\n0 a y\n0 b x\n1 b y\n0 a y\n")
    main(
        ["eer", "--trials", str(tmp_path / "twice"), str(tmp_path / "scores"), "--priors", "0.5", "--allow-duplicates"]
    )
    assert capsys.readouterr().out.splitlines() == ["EER 50 % at 2", "minDCF 0.5000 at 0.5"]


def test_eer_reads_wespeakers_scores(tmp_path, capsys):
    (tmp_path / "scores").write_text("a x 0.5 target\na y 1 nontarget\nb x -1 nontarget\nb y 2 target\n")
    main(["eer", str(tmp_path / "scores"), "--priors", "0.5"])
    assert capsys.readouterr().out.splitlines() == ["EER 50 % at 2", "minDCF 0.5000 at 0.5"]


def evaluate(folder, lists, *more):
    """The rows of `spkr eval` of these lists, which a file names."""
    (folder / "lists.yaml").write_text(lists if isinstance(lists, str) else json.dumps(lists))
    main(list(map(str, ["eval", folder / "results", folder / "lists.yaml", "--primary", "plda", *more])))
    rows = (folder / "results/results.tsv").read_text().splitlines()
    return [dict(zip(rows[0].split("\t"), row.split("\t"), strict=True)) for row in rows[1:]]


def test_a_file_names_the_lists_and_their_scores(tmp_path, lists):
    pairs = lists["dev_trials_pairs"].to_dict()
    found = evaluate(tmp_path, {"l": pairs | {"scores": {"plda": pairs["scores"]["plda"]}}, "l.x": pairs})
    assert [(row["trials"], row["backend"], row["eer"]) for row in found] == [
        ("l", "plda", "0.000"),
        ("l.x", "cosine", "25.000"),
        ("l.x", "plda", "0.000"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("l: {trials: t, scores: {plda: a}}\nl: {trials: t, scores: {plda: b}}", ":2: l: is set in line 1, too"),
        ("l:\n  trials: t\n  scores:\n    plda: a\n    plda: b", ":5: l.scores.plda: is set in line 4, too"),
        ("l:\n  trials: t\n  score: {plda: a}", ":3: l.score: no such key; did you mean scores?"),
        ("l: {trials: t}", ":1: l.scores: missing; expected a value"),
        ("l: {trials: t, scores: {}}", ":1: l.scores: {}; "),
        ("l: t", ":1: l: 't'; expected settings"),
        ("- l", ": expected keys with values"),
        ("", "no trial list; name at least one"),
        ("l: {trials: t, scores: {plda: s}}", "t: no such file"),
    ],
)
def test_a_wrong_file_of_lists_is_named_with_its_line(tmp_path, caplog, text, message):
    with pytest.raises(SystemExit):
        evaluate(tmp_path, text)
    assert message in caplog.text
    assert not (tmp_path / "results").exists()


def test_trials_that_rest_on_silence_are_counted(tmp_path, lists, caplog, capsys):
    utts = {f"{spk}{i}": spk for spk in "ab" for i in (1, 2)}
    (tmp_path / "models").write_text("a a1\nb b1 b2\n")
    (tmp_path / "utt2spk").write_text("".join(f"{utt} {spk}\n" for utt, spk in utts.items()))
    (tmp_path / "voiced").write_text("a1 5\na2 0\nb1 0\nb2 7\n")
    files = {"models": f"{tmp_path}/models", "num_voiced": f"{tmp_path}/voiced"}
    pairs = lists["dev_trials_pairs"]
    pairs = pairs.replace(scores={"plda": pairs.scores["plda"]}).to_dict() | files
    with pytest.raises(SystemExit):
        evaluate(tmp_path, {"l": pairs})
    assert "voiced without an utt2spk; name the list's utt2spk, too" in caplog.text
    [row] = evaluate(tmp_path, {"l": pairs | {"utt2spk": f"{tmp_path}/utt2spk"}})
    assert row["n_silent"] == "4"  # two models against a2 and b1; b has another utterance
    assert "trials: 2 utterances have no voiced frame, first 'a2'; 4 of 8 trials rest on silence" in caplog.text
    assert "l: 4 trials rest on an utterance without a voiced frame" in capsys.readouterr().out
    assert "trials: 3 of 8 trials test an utterance of their own enrolment" in caplog.text


def test_repeated_trials_are_measured_once_where_they_are_allowed(tmp_path, lists, caplog):
    text = (tmp_path / "trials").read_text()
    (tmp_path / "trials").write_text(text + text.splitlines(keepends=True)[0])
    pairs = {"l": lists["dev_trials_pairs"].to_dict()}
    with pytest.raises(SystemExit):
        evaluate(tmp_path, pairs)
    assert "trials:9: the trial a a1 is in the list twice; remove it, or count it once with --allow" in caplog.text
    row, _ = evaluate(tmp_path, pairs, "--allow-duplicates")
    assert (row["n_target"], row["n_nontarget"]) == ("4", "4")
