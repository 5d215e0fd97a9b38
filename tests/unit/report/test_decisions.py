import csv
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.maps import write_map, write_spk2utt
from spkr.metrics.bootstrap import draw_speakers, ends
from spkr.report.decision_table import in_words
from spkr.report.lists import ScoredList
from spkr.report.printed_table import summarise
from spkr.report.results import report

OF_RUN = {"name": "an4", "run": "main", "model": "tdnn", "seed": 1, "primary": "plda"}


def write_set(folder, name, speakers, seed):
    """All pairs of four utterances of each speaker, with scores, and models of one utterance; the list's files."""
    data = folder / name
    data.mkdir()
    utt2spk = {f"{spk}-{i}": spk for spk in speakers for i in range(4)}
    write_map(data / "utt2spk", utt2spk)
    write_spk2utt(data / "models_one", {f"{spk}-m": [f"{spk}-0"] for spk in speakers})
    rng, trials, scores = np.random.default_rng(seed), [], []
    for enrol in (f"{spk}-m" for spk in speakers):
        for test in utt2spk:
            if not test.endswith("-0"):
                same = enrol[0] == test[0]
                trials.append(f"{enrol} {test} {'target' if same else 'nontarget'}\n")
                scores.append(f"{enrol} {test} {rng.normal(2 * same, 1):.6g}\n")
    (data / "trials_one").write_text("".join(trials))
    (data / "one.plda").write_text("".join(scores))
    files = {"trials": f"{data}/trials_one", "utt2spk": f"{data}/utt2spk", "models": f"{data}/models_one"}
    return ScoredList(scores={"plda": f"{data}/one.plda"}, **files)


@pytest.fixture
def dev(tmp_path):
    return write_set(tmp_path, "dev", "abcdefghijklmnopqrstuvwxyz", 1)  # 1,950 nontarget trials


@pytest.fixture
def test(tmp_path):
    return write_set(tmp_path, "test", "ABCDEFGHIJKL", 2)


def calibrated(tmp_path, dev, test, *options):
    """Both lists, after calibration of the second on the first."""
    calibration, llrs = str(tmp_path / "plda.json"), str(tmp_path / "test.llr")
    of_dev, of_test = (["--utt2spk", of.utt2spk, "--models", of.models] for of in (dev, test))
    main(["calibrate", dev.trials, dev.scores["plda"], calibration, *of_dev, *options])
    main(["apply-calibration", calibration, test.trials, test.scores["plda"], llrs, *of_test])
    return {
        "one": test.replace(dev="dev_one", llrs={"plda": llrs}),
        "dev_one": dev.replace(calibrations={"plda": calibration}),
    }


def rows_of(folder):
    with (folder / "results/thresholds.tsv").open() as f:
        return {(row["criterion"], row["value"]): row for row in csv.DictReader(f, delimiter="\t")}


def lines_of(path):
    return Path(path).read_text().splitlines()


def sides_of(scored, path=None):
    labels = [line.split()[2] == "target" for line in lines_of(scored.trials)]
    scores = np.array([float(line.split()[2]) for line in lines_of(path or scored.scores["plda"])])
    return scores[np.array(labels)], scores[~np.array(labels)]


def test_thresholds_are_chosen_on_dev_and_measured_on_both_lists(tmp_path, dev, test):
    table = report(calibrated(tmp_path, dev, test), tmp_path / "results", **OF_RUN, priors=[0.2])
    assert "thresholds.tsv has thresholds chosen on dev, and how often they err" in table.splitlines()
    rows = rows_of(tmp_path)
    priors = ("0.05", "0.01", "0.001", "0.2")
    assert list(rows) == [
        *(("eer", "nan"), ("false_alarms", "0.01"), ("false_alarms", "0.001")),
        *(("mindcf", prior) for prior in priors),
        *(("llr", prior) for prior in priors),
    ]
    for row in rows.values():
        assert (row["trials"], row["backend"], row["dev"]) == ("one", "plda", "dev_one")
        if (theta := float(row["threshold"])) == theta:
            for prefix, scored in (("dev_", dev), ("", test)):
                target, nontarget = sides_of(scored)
                assert float(row[f"{prefix}p_miss"]) == pytest.approx(np.mean(target < theta), abs=1e-5)
                assert float(row[f"{prefix}p_fa"]) == pytest.approx(np.mean(nontarget >= theta), abs=1e-5)
                assert float(row[f"{prefix}p_fa_lo"]) <= float(row[f"{prefix}p_fa"]) <= float(row[f"{prefix}p_fa_hi"])
    rare = rows["false_alarms", "0.001"]
    assert (rare["threshold"], rare["p_miss"], rare["in_words"]) == ("nan", "nan", "-")
    assert rare["note"] == "1950 nontarget trials; a rate of 0.001 needs 10000"
    assert float(rows["false_alarms", "0.01"]["dev_p_fa"]) == 0.00974  # 19 of 1,950


def test_intervals_of_thresholds_are_from_drawing_speakers(tmp_path, dev, test):
    report(calibrated(tmp_path, dev, test), tmp_path / "results", **OF_RUN)
    row = rows_of(tmp_path)["eer", "nan"]
    missed = (sides_of(test)[0] < float(row["threshold"])).reshape(12, 3).sum(axis=1)  # three target trials a speaker
    values = np.array([w @ missed / 36 for w in draw_speakers(12, 12 * 36)])
    assert [float(row["p_miss_lo"]), float(row["p_miss_hi"])] == pytest.approx(
        ends(values, missed.sum() / 36, 12), abs=1e-5
    )


def test_bayes_threshold_is_given_as_a_score(tmp_path, dev, test):
    lists = calibrated(tmp_path, dev, test)
    report(lists, tmp_path / "results", **OF_RUN)
    row = rows_of(tmp_path)["llr", "0.01"]
    assert float(row["llr"]) == pytest.approx(math.log(99), abs=1e-4)
    calibration = json.loads((tmp_path / "plda.json").read_text())
    assert calibration["weights"][0] * float(row["threshold"]) + calibration["offset"] == pytest.approx(math.log(99))
    target, nontarget = sides_of(test, lists["one"].llrs["plda"])
    assert float(row["p_miss"]) == pytest.approx(np.mean(target < math.log(99)), abs=1e-5)
    found = json.loads((tmp_path / "results/results.json").read_text())
    (same,) = (one for one in found["thresholds"] if (one["criterion"], one["value"]) == ("llr", 0.01))
    assert same["p_miss"] == pytest.approx(float(row["p_miss"]))
    rare = next(one for one in found["thresholds"] if one["value"] == 0.001 and one["criterion"] == "false_alarms")
    assert (rare["threshold"], rare["p_miss"]) == (None, None)


def test_with_quality_measures_no_score_stands_for_a_ratio(tmp_path, dev, test):
    lists = calibrated(tmp_path, dev, test, "--quality", "num_utts")
    report(lists, tmp_path / "results", **OF_RUN)
    row = rows_of(tmp_path)["llr", "0.05"]
    assert (row["threshold"], row["dev_p_miss"]) == ("nan", "nan")
    assert row["note"] == "of ratios only: no score stands for this ratio"
    target, _ = sides_of(test, lists["one"].llrs["plda"])
    assert float(row["p_miss"]) == pytest.approx(np.mean(target < math.log(19)), abs=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dev": "d2"}, "one: dev is 'd2', which is no list of the file; expected one of them"),
        ({"dev": "one"}, "one: dev is 'one', which has a dev itself"),
        ({"scores": {"plda": "x", "cosine": "y"}}, "one: 'd' has no scores of 'cosine'; score it"),
        ({"calibrations": {"cosine": "x"}}, "one: calibrations of 'cosine' without its scores"),
    ],
)
def test_a_wrong_list_of_dev_is_refused(tmp_path, dev, test, change, message):
    with pytest.raises(InputError, match=message):
        report({"one": test.replace(**{"dev": "d"} | change), "d": dev}, tmp_path / "results", **OF_RUN)
    assert not (tmp_path / "results").exists()


def test_thresholds_of_speakers_who_are_in_both_lists_are_refused(tmp_path, dev):
    same = write_set(tmp_path, "test", "yzYZ12", 2)
    with pytest.raises(InputError, match="one: 2 of 6 speakers, first 'y', are also in d, on which its thresholds"):
        report({"one": same.replace(dev="d"), "d": dev}, tmp_path / "results", **OF_RUN)


def test_the_line_to_paste_is_of_the_primary_back_end_on_lists_of_test(tmp_path, dev, test):
    report(calibrated(tmp_path, dev, test), tmp_path / "results", **OF_RUN)
    (row, _) = json.loads((tmp_path / "results/results.json").read_text())["results"]
    (line,) = (tmp_path / "results/summary.txt").read_text().splitlines()
    assert line == (
        f"an4/main tdnn plda, one (432 trials, 12 speakers, sha256 {row['trials_sha256'][:8]}): "
        f"EER {row['eer']:.2f} % ({row['eer_lo']:.1f}-{row['eer_hi']:.1f}), "
        f"C_primary {row['c_primary']:.3f} ({row['c_primary_lo']:.2f}-{row['c_primary_hi']:.2f}), "
        f"Cllr {row['cllr']:.3f} ({row['cllr_lo']:.2f}-{row['cllr_hi']:.2f})"
    )


def test_without_calibration_the_line_has_min_dcf():
    row = dict.fromkeys(["cllr", "n_speakers", "eer_lo", "mindcf_0.01_lo", "mincllr_lo"], math.nan)
    row |= {"eer": 3.214, "mindcf_0.01": 0.41, "mincllr": 0.125, "eer_hi": 0, "mindcf_0.01_hi": 0, "mincllr_hi": 0}
    row |= {"n_target": 1000, "n_nontarget": 9000, "trials_sha256": "12345678ab", "primary": "yes", "trials": "pairs"}
    row |= {"name": "an4", "run": "main", "model": "tdnn", "backend": "plda"}
    assert summarise([row, row | {"trials": "dev_pairs"}, row | {"primary": "no"}]) == (
        "an4/main tdnn plda, pairs (10,000 trials, sha256 12345678): EER 3.21 %, minDCF 0.01 0.410, minCllr 0.125\n"
    )


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((0.043, 0.02), "of 100 genuine trials 4 are rejected, of 100 impostors 2 are accepted"),
        ((0.0096, 0.0012), "of 100 genuine trials 1 is rejected, of 1,000 impostors 1 is accepted"),
        ((1, 0), "of 100 genuine trials 100 are rejected, of 100 impostors 0 are accepted"),
        ((0.0, 0.00002), "of 100 genuine trials 0 are rejected, of 1,000,000 impostors 20 are accepted"),
        ((math.nan, math.nan), "-"),
    ],
)
def test_rates_in_words(rates, words):
    assert in_words(*rates) == words


def by_hand(dev, *more):
    main(["thresholds", dev.scores["plda"], "--trials", dev.trials, *more])


def test_thresholds_by_hand(tmp_path, dev, test, capsys):
    calibrated(tmp_path, dev, test)
    report(calibrated(tmp_path, dev, test), tmp_path / "results", **OF_RUN)
    capsys.readouterr()
    of_both = ["--utt2spk", dev.utt2spk, "--models", dev.models, "--calibration", str(tmp_path / "plda.json")]
    on = ["--on", test.scores["plda"], "--on-trials", test.trials, "--on-utt2spk", test.utt2spk]
    by_hand(dev, *of_both, *on, "--on-models", test.models, "--prior", "0.01", "--false-alarms", "0.01")
    header, _, *lines = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "criterion"
    rows = rows_of(tmp_path)
    keys = [("eer", "nan"), ("false_alarms", "0.01"), ("mindcf", "0.01"), ("llr", "0.01")]
    for line, key in zip(lines[:4], keys, strict=True):
        assert f"{float(rows[key]['threshold']):.6g}" in line.split()
        assert line.split()[-2:] == [
            f"{100 * float(rows[key]['p_fa']):.2f}",
            f"({100 * float(rows[key]['p_fa_lo']):.2f}-{100 * float(rows[key]['p_fa_hi']):.2f})",
        ]
    assert lines[4:7] == [f"dev: {dev.trials}", f"test: {test.trials}", f"eer: {rows['eer', 'nan']['in_words']}"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--on", "x"], "--on and --on-trials belong together"),
        (["--on-utt2spk", "x"], "--on-utt2spk and --on-models describe the list of --on"),
    ],
)
def test_half_of_another_list_is_refused(dev, caplog, options, message):
    with pytest.raises(SystemExit):
        by_hand(dev, *options)
    assert message in caplog.text


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ("inf", "one.plda:3: .*finite"),
        ("nan", "one.plda:3: .*"),
        (None, "1 of 2028 trials have no score, first 'a-m a"),
    ],
)
def test_infinite_and_missing_scores_are_refused(dev, caplog, score, message):
    lines = lines_of(dev.scores["plda"])
    lines[2:3] = [] if score is None else [f"{lines[2].rsplit(' ', 1)[0]} {score}"]
    Path(dev.scores["plda"]).write_text("\n".join(lines) + "\n")
    with pytest.raises(SystemExit):
        by_hand(dev)
    assert caplog.text.count("error: ") == 1
    assert re.search(message, caplog.text), caplog.text


def test_a_list_of_one_kind_of_trial_is_refused(dev, caplog):
    lines = [line for line in lines_of(dev.trials) if line.split()[2] == "target"]
    Path(dev.trials).write_text("\n".join(lines) + "\n")
    with pytest.raises(SystemExit):
        by_hand(dev)
    assert "trials_one: no nontarget trial; expected trials of both kinds" in caplog.text


def test_a_calibration_of_another_list_is_refused(tmp_path, dev, test):
    lists = calibrated(tmp_path, dev, test)
    (tmp_path / "more").mkdir()
    other = write_set(tmp_path / "more", "dev", "abcdefghijklm", 3)
    for wrong in (other, write_set(tmp_path, "same", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 3)):
        lists["dev_one"] = wrong.replace(calibrations=lists["dev_one"].calibrations)
        with pytest.raises(InputError, match="plda.json: trained on .*dev/trials_one .* which is another list than"):
            report(lists, tmp_path / "results", **OF_RUN)


def test_scores_that_are_all_equal_are_refused(tmp_path, dev, caplog):
    Path(dev.scores["plda"]).write_text(re.sub(r"\S+\n", "1\n", Path(dev.scores["plda"]).read_text()))
    with pytest.raises(InputError, match="one.plda: all 2028 scores are 1; expected scores that differ"):
        report({"dev_one": dev}, tmp_path / "results", **OF_RUN)
    for command in (["thresholds"], ["eer"], ["compare", dev.trials]):
        utt2spk = [] if command == ["eer"] else ["--utt2spk", dev.utt2spk, "--models", dev.models]
        caplog.clear()
        with pytest.raises(SystemExit):
            main([*command[:1], dev.scores["plda"], *command[1:], "--trials", dev.trials, *utt2spk])
        assert "scores are 1; expected scores that differ" in caplog.text
