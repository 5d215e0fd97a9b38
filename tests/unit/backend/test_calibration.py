import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize

from spkr.backend.calibration import apply_calibration, calibrate
from spkr.backend.calibration_file import read_calibration
from spkr.backend.cohort import read_cohort_means
from spkr.backend.logistic_regression import fit
from spkr.backend.quality import quality_columns
from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.trial_speakers import Sides
from spkr.kaldi.trials import Trials
from spkr.metrics.cllr import cllr, min_cllr
from spkr.metrics.dcf import act_dcf, min_dcf

SHIFT, STRETCH = -40.0, 0.2  # of a system whose scores are not ratios


def simulated(speakers: int, utterances: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihood ratios of all pairs of utterances under the model that made them, and the pairs' labels.

    An utterance is a point of 8 dimensions: its speaker's, of variance 1, and noise of variance 0.5.
    """
    rng = np.random.default_rng(seed)
    places = np.repeat(rng.normal(size=(speakers, 8)), utterances, axis=0)
    points = places + np.sqrt(0.5) * rng.normal(size=places.shape)
    i, j = np.array(list(combinations(range(len(points)), 2))).T
    # Sum and difference of two points are independent: of variance 5 and 1 for one speaker, of 3 and 3 for two
    plus, minus = (np.square(points[i] + sign * points[j]).sum(axis=1) for sign in (1, -1))
    ratios = plus * (1 / 6 - 1 / 10) + minus * (1 / 6 - 1 / 2) + 8 * (np.log(3) - np.log(5 * 1) / 2)
    return ratios, i // utterances == j // utterances


def normal_ratios(n_target, n_nontarget, seed=0, d=2.5):
    """Ratios that are normal in both kinds of trials, with the variance d^2."""
    rng = np.random.default_rng(seed)
    ratios = np.append(rng.normal(d * d / 2, d, n_target), rng.normal(-d * d / 2, d, n_nontarget))
    return ratios, np.arange(n_target + n_nontarget) < n_target


@pytest.mark.parametrize("prior", [0.5, 0.01])
def test_an_affine_map_of_ratios_is_undone(prior):
    ratios, target = normal_ratios(20_000, 200_000)
    w, b = fit((ratios * STRETCH + SHIFT)[:, None], target, prior)
    assert w == pytest.approx([1 / STRETCH], rel=0.05)
    assert np.abs(w * (ratios * STRETCH + SHIFT) + b - ratios).max() < 1


@pytest.mark.parametrize("seed", range(3))
def test_lists_of_44_speakers_not_seen_are_calibrated(seed):
    dev, of_dev = simulated(44, 6, seed)
    test, of_test = simulated(44, 6, 100 + seed)
    w, b = fit((dev * STRETCH + SHIFT)[:, None], of_dev, 0.01)
    found = (test * STRETCH + SHIFT) * w + b
    sides = found[of_test], found[~of_test]
    assert 0.1 < min_cllr(*sides) < 0.5
    assert cllr(*sides) - min_cllr(*sides) < 0.02
    assert act_dcf(*sides, 0.01) < 1.1 * min_dcf(*sides, 0.01)
    assert cllr(*(side * STRETCH + SHIFT for side in sides)) > 1  # before


def test_the_weights_are_where_the_cost_is_least():
    rng = np.random.default_rng(1)
    x, target = rng.normal(size=(60, 2)) * [1, 30] + [0, 5], np.arange(60) < 20
    x[target] += [1.5, 20]
    w, b = fit(x, target, 0.1)
    shares = np.where(target, 0.5 / 20, 0.5 / 40)
    scale = np.sqrt(shares @ np.square(x - shares @ x))

    def cost(parameters):
        ratios = x @ parameters[:2] + parameters[2] + np.log(0.1 / 0.9)
        bits = 0.1 * np.log1p(np.exp(-ratios[target])).mean() + 0.9 * np.log1p(np.exp(ratios[~target])).mean()
        return bits + 0.1 * np.square(parameters[:2] * scale).sum() / (2 * 60 * 3**2)

    assert np.abs(approx_fprime([*w, b], cost, 1e-6) * [*(1 / scale), 1]).max() < 1e-5
    assert cost([*w, b]) <= minimize(cost, [*w, b], method="Nelder-Mead").fun + 1e-9


def test_fusion_of_two_systems_is_better_than_either():
    rng = np.random.default_rng(2)
    ratios, target = normal_ratios(3000, 30_000)
    x = np.stack([ratios + rng.normal(0, 3, len(ratios)), 5 * ratios + rng.normal(0, 20, len(ratios))], axis=1)

    def least(chosen):
        w, b = fit(x[:, chosen], target, 0.5)
        found = x[:, chosen] @ w + b
        return cllr(found[target], found[~target])

    assert least([0, 1]) < min(least([0]), least([1])) - 0.02


@pytest.mark.parametrize("prior", [0.5, 0.01, 0.001])
def test_scores_that_tell_all_trials_apart_give_finite_ratios(prior):
    w, b = fit(np.array([[1.0], [2], [3], [9], [10]]), np.array([False, False, False, True, True]), prior)
    ratios = w * [1, 3, 9, 10] + b
    assert np.abs(ratios).max() < 15 and ratios[1] < 0 < ratios[2]


def test_a_constant_column_has_no_weight():
    ratios, target = normal_ratios(200, 400)
    alone, with_constant = (
        fit(x, target, 0.1) for x in (ratios[:, None], np.stack([ratios, 0 * ratios + 0.3], axis=1))
    )
    assert with_constant[0] == pytest.approx([*alone[0], 0], abs=1e-6)


# ------------------------------------------------------------------------------------------------- files


@pytest.fixture
def lists(tmp_path, monkeypatch):
    """Two lists of other speakers, `dev` and `test`, with the scores of two systems."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("dev", "test")):
        ratios, target = simulated(6, 4, seed)
        utts = {f"{name}{k // 4}-{k % 4}": f"{name}{k // 4}" for k in range(24)}
        pairs = list(combinations(utts, 2))
        write(f"{name}.utt2spk", utts.items())
        write(name, [(*pair, "target" if same else "nontarget") for pair, same in zip(pairs, target, strict=True)])
        for system, scores in (("a", ratios * STRETCH + SHIFT), ("b", np.tanh(ratios / 9))):
            write(f"{name}.{system}", [(*pair, f"{s:.7g}") for pair, s in zip(pairs, scores, strict=True)])
    return tmp_path


def write(path, rows):
    with Path(path).open("w") as f:
        f.writelines(" ".join(row) + "\n" for row in rows)


def columns(path):
    return [line.split() for line in Path(path).read_text().splitlines()]


def test_a_calibration_is_written_and_applied(lists):
    calibrate("dev", ["dev.a"], "a.json", 0.1, utt2spk="dev.utt2spk")
    found = json.loads((lists / "a.json").read_text())
    assert found["speakers"] == [f"dev{k}" for k in range(6)]
    assert (found["trials"], found["scores"], found["prior"]) == ("dev", ["dev.a"], 0.1)
    assert (found["n_target"], found["n_nontarget"]) == (6 * 6, 276 - 36)
    apply_calibration("a.json", "test", ["test.a"], "test.llr", utt2spk="test.utt2spk")
    scores, ratios = columns("test.a"), columns("test.llr")
    assert [row[:2] for row in ratios] == [row[:2] for row in scores]
    expected = [found["weights"][0] * float(row[2]) + found["offset"] for row in scores]
    assert np.allclose([float(row[2]) for row in ratios], expected, rtol=1e-6, atol=1e-5)


def test_a_list_to_be_calibrated_needs_no_labels(lists):
    calibrate("dev", ["dev.a"], "a.json", 0.1, utt2spk="dev.utt2spk")
    write("unlabelled", [row[:2] for row in columns("test")])
    for name in ("test", "unlabelled"):
        apply_calibration("a.json", name, ["test.a"], f"{name}.llr", utt2spk="test.utt2spk")
    assert (lists / "test.llr").read_bytes() == (lists / "unlabelled.llr").read_bytes()


def test_the_commands_fuse_systems_and_leave_manifests(lists):
    command = ["calibrate", "dev", "dev.a", "dev.b", "cal/fused.json", "--prior", "0.1", "--utt2spk", "dev.utt2spk"]
    main([*command, "--ratios", "dev.llr"])
    w, v = read_calibration("cal/fused.json").weights
    assert len(columns("dev.llr")) == 276
    a, b, fused = (np.array([float(row[2]) for row in columns(f"dev.{end}")]) for end in ("a", "b", "llr"))
    assert np.allclose(w * a + v * b + read_calibration("cal/fused.json").offset, fused, atol=1e-4)
    files = ["cal/fused.json", "test", "test.a", "test.b", "scores/test.llr"]
    main(["apply-calibration", *files, "--utt2spk", "test.utt2spk"])
    for manifest, stage in (("cal/manifest.fused.json", "calibrate"), ("scores/manifest.test.llr.json", "apply")):
        assert json.loads((lists / manifest).read_text())["made_by"]["stage"].startswith(stage)
    first = (lists / "cal/fused.json").read_bytes()
    command = ["calibrate", "dev", "dev.a", "dev.b", "cal/fused.json", "--prior", "0.1", "--utt2spk", "dev.utt2spk"]
    main(command)
    assert (lists / "cal/fused.json").read_bytes() == first


def test_speakers_of_both_lists_are_refused_by_name(lists):
    calibrate("dev", ["dev.a"], "a.json", 0.1, utt2spk="dev.utt2spk")
    with pytest.raises(
        InputError, match="dev: 6 of 6 speakers, first 'dev0', are also in dev, which a.json was trained"
    ):
        apply_calibration("a.json", "dev", ["dev.a"], "dev.llr", utt2spk="dev.utt2spk")
    write("test.utt2spk", [(utt, "dev3" if spk == "test3" else spk) for utt, spk in columns("test.utt2spk")])
    with pytest.raises(InputError, match="test: 1 of 6 speakers, first 'dev3', are also in dev"):
        apply_calibration("a.json", "test", ["test.a"], "test.llr", utt2spk="test.utt2spk")
    assert not list(lists.glob("*.llr"))


@pytest.mark.parametrize("where", ["calibrate", "apply_calibration"])
def test_speakers_that_are_not_known_are_said_to_be(lists, caplog, where):
    given = {name: {"utt2spk": f"{name}.utt2spk"} for name in ("dev", "test")}
    given["dev" if where == "calibrate" else "test"] = {}
    calibrate("dev", ["dev.a"], "a.json", 0.1, **given["dev"])
    apply_calibration("a.json", "test", ["test.a"], "test.llr", **given["test"])
    assert "test: not known whether speakers of dev are in it, too; with --utt2spk" in caplog.text


def test_scores_that_calibrate_badly_are_warned_of(lists, caplog):
    labels = [row[2] for row in columns("dev")]
    pairs = [row[:2] for row in columns("dev")]
    write("apart", [(*pair, "1" if label == "target" else "0") for pair, label in zip(pairs, labels, strict=True)])
    calibrate("dev", ["apart"], "a.json", 0.1)
    assert "apart: every target trial scores higher than every nontarget trial" in caplog.text
    caplog.clear()
    write("distance", [(*row[:2], f"{-float(row[2])}") for row in columns("dev.a")])
    calibrate("dev", ["distance"], "a.json", 0.1)
    assert "distance: target trials score lower than nontarget trials; is a higher score better?" in caplog.text


def test_quality_measures_are_columns_beside_the_scores(lists):
    """Scores of short recordings are shifted, which durations can tell."""
    for name in ("dev", "test"):
        utts = [utt for utt, _ in columns(f"{name}.utt2spk")]
        Path(name + "_data").mkdir()
        seconds = {utt: 1 + k % 3 for k, utt in enumerate(utts)}
        write(f"{name}_data/utt2spk", columns(f"{name}.utt2spk"))
        write(f"{name}_data/utt2dur", [(utt, str(s)) for utt, s in seconds.items()])
        shifted = [(a, b, f"{float(s) + np.log(min(seconds[a], seconds[b])):.7g}") for a, b, s in columns(f"{name}.a")]
        write(f"{name}.a", shifted)
    for quality, out in (([], "plain"), (["duration", "num_utts"], "quality")):
        calibrate("dev", ["dev.a"], f"{out}.json", 0.1, quality=quality, utt2spk="dev_data/utt2spk")
        apply_calibration(f"{out}.json", "test", ["test.a"], f"{out}.llr", utt2spk="test_data/utt2spk")
    weight, lesser, greater, *of_numbers = read_calibration("quality.json").weights
    assert lesser / weight == pytest.approx(-1, abs=0.4) and greater / weight == pytest.approx(0, abs=0.4)
    assert of_numbers == pytest.approx([0, 0], abs=1e-6)  # all trials are of single utterances
    labels = np.array([row[2] == "target" for row in columns("test")])
    plain, quality = (np.array([float(row[2]) for row in columns(f"{out}.llr")]) for out in ("plain", "quality"))
    assert cllr(quality[labels], quality[~labels]) < cllr(plain[labels], plain[~labels])
    with pytest.raises(InputError, match=r"test: quality measures \(duration, num_utts\) need the list's utterances"):
        apply_calibration("quality.json", "test", ["test.a"], "test.llr")
    for wrong in ("0", "x"):
        write("test_data/utt2dur", [(utt, wrong) for utt, _ in columns("test_data/utt2dur")])
        with pytest.raises(InputError, match="utt2dur: utterance 'test0-0' has .*; expected seconds above 0"):
            apply_calibration("quality.json", "test", ["test.a"], "test.llr", utt2spk="test_data/utt2spk")


def test_the_utterances_of_a_model_count(tmp_path):
    trials = Trials.of(["m", "m"], ["x", "y"], [True, False])
    sides = Sides(([("a", "b")], [("x",), ("y",)]), (["s"], ["s", "t"]))
    write(tmp_path / "utt2dur", [("a", "2"), ("b", "4"), ("x", "3"), ("y", "9")])
    found = quality_columns(["duration", "num_utts"], trials, sides, tmp_path / "utt2spk")
    assert np.exp(found) == pytest.approx(np.array([[3, 6, 1, 2], [6, 9, 1, 2]]))


def test_cohort_scores_are_columns_of_each_system(lists, caplog):
    """Scores are shifted by what a side scores with the cohort."""
    rng = np.random.default_rng(0)
    for name in ("dev", "test"):
        utts = [utt for utt, _ in columns(f"{name}.utt2spk")]
        mean = {utt: rng.normal() for utt in utts}
        rows = [(side, utt, f"{mean[utt]:.7g}", "1") for side in ("enrol", "test") for utt in utts]
        write(f"{name}.cohort", rows)
        write(f"{name}.a", [(a, b, f"{float(s) + max(mean[a], mean[b]):.7g}") for a, b, s in columns(f"{name}.a")])
    systems, given = ["dev.a", "dev.b"], ["--quality", "cohort", "--utt2spk", "dev.utt2spk", "--cohort-statistics"]
    main(["calibrate", "dev", "dev.a", "a.json", *given, "dev.cohort"])
    weight, lower, higher = read_calibration("a.json").weights
    assert (lower / weight, higher / weight) == pytest.approx((0, -1), abs=0.4)
    main(["calibrate", "dev", *systems, "ab.json", *given, "dev.cohort", "dev.cohort"])
    assert len(read_calibration("ab.json").weights) == 2 + 4
    main(["apply-calibration", "a.json", "test", "test.a", "test.llr", "--utt2spk", "test.utt2spk",
          "--cohort-statistics", "test.cohort"])  # fmt: skip
    write("less", columns("test.cohort")[1:])
    for cohorts, message in [
        (
            [],
            "0 files of cohort statistics for test.a with the quality measures cohort; expected 1: --cohort-statistics",
        ),
        (["--cohort-statistics", "less"], "less: no line `enrol test0-0`; expected one for each name of the list"),
    ]:
        with pytest.raises(SystemExit):
            main(["apply-calibration", "a.json", "test", "test.a", "x.llr", "--utt2spk", "test.utt2spk", *cohorts])
        assert message in caplog.text
    write("x.cohort", [("enrol", "a", "nan", "1")])
    with pytest.raises(InputError, match="x.cohort:1: mean 'nan'; expected a finite number"):
        read_cohort_means("x.cohort")


def test_few_speakers_are_warned_of(lists, caplog):
    calibrate("dev", ["dev.a"], "a.json", 0.1, utt2spk="dev.utt2spk")
    assert not caplog.text
    write("few", columns("dev")[:3] + columns("dev")[4:7])
    write("few.a", columns("dev.a")[:3] + columns("dev.a")[4:7])
    calibrate("few", ["few.a"], "a.json", 0.1, utt2spk="dev.utt2spk")
    assert "few: 2 speakers; calibration on fewer than 5 may mislead" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("dev", lambda row: [*row[:2], "target"]), "dev: no nontarget trial; expected trials of both kinds"),
        (("dev.a", lambda row: [*row[:2], "0.5"]), "dev.a: all 276 scores are 0.5; expected scores that differ"),
        (("dev.a", lambda row: [*row[:2], "inf"]), "dev.a:1: score 'inf'; expected a finite number"),
        (
            ("dev.a", lambda row: [row[0], row[0], row[2]]),
            "dev.a:1: the trial 'dev0-0 dev0-0' is not in the trial list",
        ),
        (("dev.utt2spk", lambda row: [row[0], "x"]), "dev:4: a nontarget trial of speakers 'x' and 'x'"),
    ],
)
def test_wrong_files_are_refused_and_nothing_is_written(lists, change, message):
    path, changed = change
    write(path, [changed(row) for row in columns(path)])
    with pytest.raises(InputError) as e:
        calibrate("dev", ["dev.a"], "a.json", 0.1, utt2spk="dev.utt2spk")
    assert message in str(e.value)
    assert not (lists / "a.json").exists()


def test_a_trial_without_a_score_is_named(lists):
    write("dev.b", columns("dev.b")[:-2])
    with pytest.raises(InputError, match="dev.b: 2 of 276 trials have no score, first 'dev5-1 dev5-3'"):
        calibrate("dev", ["dev.a", "dev.b"], "a.json", 0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [1, 2]}, "weights: 2; expected 1, one for each score file and two for each"),
        ({"offset": "x"}, "offset: 'x'; expected a number"),
        ({"prior": 1}, "prior: 1; expected less than 1"),
        ({"slope": 1}, "slope: no such key"),
        ({"quality": ["snr"]}, "quality.0: 'snr'; expected duration, num_utts or cohort"),
        ({"weights": None}, "weights: nothing; expected a list"),
    ],
)
def test_a_wrong_calibration_is_named(lists, changes, message):
    calibrate("dev", ["dev.a"], "a.json", 0.1)
    content = json.loads((lists / "a.json").read_text()) | changes
    (lists / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError) as e:
        read_calibration("a.json")
    assert message in str(e.value) and "write it again with `spkr calibrate`" in str(e.value)


def test_the_systems_must_be_as_many(lists):
    calibrate("dev", ["dev.a", "dev.b"], "ab.json", 0.1)
    with pytest.raises(
        InputError, match=r"ab.json: trained on 2 score files \(dev.a, dev.b\); expected those .* test.a"
    ):
        apply_calibration("ab.json", "test", ["test.a"], "test.llr")
