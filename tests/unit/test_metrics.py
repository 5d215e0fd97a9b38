from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.kaldi.trials import Trials
from spkr.metrics.dcf import best_points, dcf, error_rates, min_dcf, min_dcf_kaldi
from spkr.metrics.eer import eer_kaldi, eer_linear, eer_rocch
from spkr.metrics.identification import identification_accuracy
from spkr.metrics.interval import WeightedEer, eer_interval
from spkr.metrics.scores import read_labelled_scores, read_scores
from spkr.metrics.sides import highest, lowest

side = st.lists(st.integers(-6, 6), min_size=1, max_size=25).map(
    lambda xs: np.array(xs, float)
)  # few values: many ties
prior = st.sampled_from([0.001, 0.01, 0.05, 0.5, 0.9])
cost = st.sampled_from([1, 10, 0.5])


@st.composite
def sampled(draw, *strategies):
    """Values, and how many scores may be a sample: that path is for many scores, and must hold for few."""
    return patch("spkr.metrics.sides.SAMPLE", draw(st.sampled_from([1, 2, 5, 10_000]))), *map(draw, strategies)


def points(target, nontarget):
    """Every operating point, counted one by one."""
    thresholds = sorted({*target, *nontarget}) + [np.inf]
    return [(np.mean(target < theta), np.mean(nontarget >= theta)) for theta in thresholds]


@given(side, side)
def test_error_rates_are_those_counted(target, nontarget):
    thresholds, p_miss, p_fa = error_rates(target, nontarget)
    assert list(thresholds) == sorted({*target, *nontarget}) + [np.inf]
    assert np.allclose(np.stack([p_miss, p_fa], axis=1), points(target, nontarget), atol=1e-12)


@given(sampled(side, side, prior, cost, cost))
def test_min_dcf_is_the_least_cost_of_any_threshold(drawn):
    few, target, nontarget, p, c_miss, c_fa = drawn
    costs = [c_miss * p * miss + c_fa * (1 - p) * fa for miss, fa in points(target, nontarget)]
    expected = min(costs) / min(c_miss * p, c_fa * (1 - p))
    with few:
        assert min_dcf(target, nontarget, p, c_miss, c_fa) == pytest.approx(expected)
        assert min_dcf(target, nontarget, p, c_miss, c_fa) <= 1 + 1e-12


@given(sampled(side, side, cost, cost))
def test_the_points_that_may_be_best_are_points(drawn):
    few, target, nontarget, per_miss, per_fa = drawn
    with few:
        for theta, misses, false_alarms in zip(*best_points(target, nontarget, per_miss, per_fa), strict=True):
            assert (misses, false_alarms) == ((target <= theta).sum(), (nontarget > theta).sum())


@given(sampled(side, side))
def test_eer_kaldi_is_that_of_the_walk(drawn):
    few, target, nontarget = drawn
    t, s = sorted(target), sorted(nontarget)
    p = 0
    while p + 1 < len(t) and not s[max(len(s) - 1 - int(len(s) * p / len(t)), 0)] < t[p]:
        p += 1
    with few:
        assert eer_kaldi(target, nontarget) == (p / len(t), t[p])


def list_of_speakers(n_speakers, n, seed, levels=None, spread=1.0):
    """Scores, labels and both speakers of `n` trials; some voices are harder than others."""
    rng = np.random.default_rng(seed)
    enrol, test = rng.integers(n_speakers, size=(2, n)).astype(np.int32)
    enrol[:n_speakers] = test[:n_speakers] = np.arange(n_speakers)
    test = np.where(rng.random(n) < 0.2, enrol, test)
    test[-1] = (enrol[-1] + 1) % n_speakers
    scores = rng.normal(0, 1, n) + (enrol == test) * (2 + spread * rng.normal(0, 1, n_speakers)[enrol])
    return scores if levels is None else (levels * scores).round(), enrol == test, enrol, test


@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from([0.5, 2, 100]), st.sampled_from([1, 3, 64]))
def test_the_weighted_eer_is_kaldis_of_trials_repeated(seed, n_speakers, levels, blocks):
    scores, target, enrol, test = list_of_speakers(n_speakers, 60, seed, levels)
    w = np.random.default_rng(seed).integers(0, 4, n_speakers)
    repeats = np.where(target, w[enrol], w[enrol] * w[test])
    sides = (np.repeat(scores[kind], repeats[kind]) for kind in (target, ~target))
    t, s = sides
    with patch("spkr.metrics.interval.BLOCKS", blocks):
        eer = WeightedEer(scores, target, enrol, test, n_speakers)
    expected = eer_kaldi(t, s)[0] if len(t) and len(s) else np.nan
    np.testing.assert_equal(eer(w), expected)
    assert eer(np.ones(n_speakers, int)) == eer_kaldi(scores[target], scores[~target])[0]


@pytest.mark.parametrize(
    ("target", "nontarget"),
    [([1, 2, 3], [4, 5, 6]), ([4, 5, 6], [1, 2, 3]), ([1 + 1e-12, 3, 4], [0, 1, 0]), ([1, 1, 1], [1, 1, 1])],
)
def test_the_weighted_eer_is_kaldis_at_its_ends_and_in_float32(target, nontarget):
    scores, is_target = np.array([*target, *nontarget], float), np.repeat([True, False], 3)
    enrol, test = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])
    eer = WeightedEer(scores, is_target, enrol, test, 3)
    assert eer(np.ones(3, int)) == eer_kaldi(target, nontarget)[0]


def test_the_interval_is_of_quantiles_over_speakers_drawn_and_is_repeatable():
    scores, target, enrol, test = list_of_speakers(8, 3_000, 1)
    low, high = eer_interval(scores, target, enrol, test)
    assert (low, high) == eer_interval(scores, target, enrol, test)
    rng, eers = np.random.default_rng(7), []
    for _ in range(2_000):
        drawn = rng.integers(8, size=8)
        t = [scores[target & (enrol == a)] for a in drawn]
        s = [scores[(enrol == a) & (test == b)] for a in drawn for b in drawn if a != b]
        eers.append(eer_kaldi(np.concatenate(t), np.concatenate(s))[0])
    assert np.allclose([low, high], np.quantile(eers, [0.025, 0.975]), atol=0.01)
    assert low < eer_kaldi(scores[target], scores[~target])[0] < high


def test_the_interval_is_of_speakers_not_of_trials():
    few, many = (np.ptp(eer_interval(*list_of_speakers(n, 5_000, 3))) for n in (6, 200))
    assert few > 2 * many


def test_too_few_speakers_have_no_interval():
    assert np.isnan(eer_interval(*list_of_speakers(4, 100, 1))).all()
    assert np.isfinite(eer_interval(*list_of_speakers(5, 100, 1))).all()


def test_more_pairs_of_speakers_are_resampled_less():
    with patch("spkr.metrics.interval.WORK", 1), patch("spkr.metrics.interval.FEWEST", 1):
        low, high = eer_interval(*list_of_speakers(6, 200, 1))
    assert low == high


@given(sampled(side, side))
def test_eer_linear_is_where_the_lines_between_points_cross_the_diagonal(drawn):
    few, target, nontarget = drawn
    found = points(target, nontarget)
    after = next(k for k, (miss, fa) in enumerate(found) if miss > fa)
    (m1, f1), (m2, f2) = found[after - 1 : after + 1]
    with few:
        assert eer_linear(target, nontarget) == pytest.approx(
            m1 + (f1 - m1) / (f1 - m1 + m2 - f2) * (m2 - m1), abs=1e-12
        )


@given(sampled(side, side))
def test_eer_rocch_is_the_lowest_chord_over_the_diagonal(drawn):
    few, target, nontarget = drawn
    found = points(target, nontarget)
    chords = []
    for m1, f1 in found:
        for m2, f2 in found:
            below, above = m1 - f1, m2 - f2
            if below <= 0 <= above:
                w = -below / (above - below) if above > below else 0
                chords.append(m1 + w * (m2 - m1))
    with few:
        assert eer_rocch(target, nontarget) == pytest.approx(min(chords), abs=1e-9)


@given(sampled(side, st.integers(-1, 30)))
def test_the_highest_and_the_lowest_scores_are_those_of_a_sort(drawn):
    few, scores, n = drawn
    with few:
        assert sorted(highest(scores, n)) == sorted(scores)[-max(n, 1) :]
        assert sorted(lowest(scores, n)) == sorted(scores)[: max(n, 1)]


def test_the_highest_scores_are_found_where_a_sample_misleads():
    scores = np.arange(1_000_000.0)
    scores[::100] += 1e6
    assert sorted(highest(scores, 20_000)) == sorted(scores)[-20_000:]


@pytest.mark.parametrize("seed", range(3))
def test_measures_of_many_scores_are_those_of_the_whole_curve(seed):
    rng = np.random.default_rng(seed)
    target, nontarget = rng.normal(2, 1, (3_000, 60_000)[seed % 2]), rng.normal(0, 1, 90_000)
    if seed == 2:
        target, nontarget = np.sort(target.round(1)), np.sort(nontarget.round(1))  # ties, and a sample in order
    _, p_miss, p_fa = error_rates(target, nontarget)
    for p in (0.001, 0.05, 0.5, 0.99):
        assert min_dcf(target, nontarget, p) == dcf(p_miss, p_fa, p).min()
    assert eer_linear(target, nontarget) == pytest.approx(np.interp(0, p_miss - p_fa, p_miss))
    with patch("spkr.metrics.sides.SAMPLE", 10**9):
        whole = eer_kaldi(target, nontarget), eer_rocch(target, nontarget)
    assert (eer_kaldi(target, nontarget), eer_rocch(target, nontarget)) == whole


@given(side, side, prior)
def test_metrics_depend_on_the_order_of_scores_alone(target, nontarget, p):
    def up(x):
        return np.exp(x / 4)[::-1]

    assert eer_kaldi(up(target), up(nontarget))[0] == eer_kaldi(target, nontarget)[0]
    assert eer_rocch(up(target), up(nontarget)) == eer_rocch(target, nontarget)
    assert min_dcf(up(target), up(nontarget), p) == min_dcf(target, nontarget, p)


def test_scores_that_float32_cannot_tell_apart_are_tied_in_kaldis_eer():
    target, nontarget = np.array([1 + 1e-9, 2]), np.array([0.5, 1])
    assert eer_rocch(target, nontarget) == 0
    assert eer_kaldi(target, nontarget)[0] == 0.5


def test_scores_may_be_whole_numbers_of_any_type():
    for dtype in (np.uint8, np.int8, np.int64):
        target, nontarget = np.array([3, 5, 90], dtype), np.array([1, 2, 4, 100], dtype)
        assert eer_linear(target, nontarget) == eer_linear(target.astype(float), nontarget.astype(float))
        assert min_dcf(target, nontarget, 0.3) == min_dcf(target.astype(float), nontarget.astype(float), 0.3) < 1


def test_kaldis_min_dcf_depends_on_the_order_of_ties():
    scores, p = np.zeros(4), 0.5
    nontargets_first = min_dcf_kaldi(scores, [False, False, True, True], p)
    targets_first = min_dcf_kaldi(scores, [True, True, False, False], p)
    assert (nontargets_first, targets_first) == (0, 1)
    assert min_dcf([0, 0], [0, 0], p) == 1


def test_accepting_all_is_a_choice_but_not_in_kaldis_script():
    assert min_dcf([0.0], [1.0], 0.99) == pytest.approx(1)
    assert min_dcf_kaldi([0.0, 1.0], [True, False], 0.99) == pytest.approx(99)


@pytest.mark.parametrize("metric", [error_rates, eer_kaldi, eer_linear, eer_rocch])
def test_metrics_refuse_a_missing_side_and_values_without_an_order(metric):
    with pytest.raises(InputError, match="no target scores"):
        metric([], [1.0])
    with pytest.raises(InputError, match="nontarget scores hold a value that is not finite"):
        metric([1.0], [np.nan])


@pytest.mark.parametrize("wrong", [(0, 1, 1), (1, 1, 1), (np.nan, 1, 1), (0.1, 0, 1), (0.1, 1, -1)])
def test_dcf_refuses_priors_and_costs_that_are_none(wrong):
    with pytest.raises(InputError, match="expected 0 < p_target < 1"):
        dcf(0.1, 0.1, *wrong)


def identify(*rows):
    enrol, test, target, scores = zip(*rows, strict=True)
    return identification_accuracy(Trials.of(enrol, test, target), np.array(scores, float))


def test_identification_takes_the_best_model_of_each_test_utterance():
    a = [("A", "a1", True, 3), ("B", "a1", False, 2), ("C", "a1", False, -1)]
    b = [("A", "b1", False, 5), ("B", "b1", True, 4)]
    assert identify(*a) == (1, 1)
    assert identify(*a, *b) == identify(*b, *a[::-1]) == (0.5, 2)


def test_identification_counts_a_tie_with_a_wrong_model_as_wrong():
    assert identify(("A", "a1", True, 3), ("B", "a1", False, 3)) == (0, 1)


def test_identification_leaves_out_utterances_of_nobody_enrolled():
    assert identify(("A", "a1", True, 3), ("B", "a1", False, 2), ("A", "x1", False, 9)) == (1, 1)
    with pytest.raises(InputError, match="no target trial"):
        identify(("A", "x1", False, 9))


TRIALS = Trials.of(["a", "a", "b"], ["x", "y", "x"], [True, False, False])


def written(tmp_path, text):
    path = tmp_path / "trials.plda"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", ["a x 1\na y -2.5\nb x 3e-1\n", "b x 0.3\na x 1\na y -2.5"])
def test_scores_come_in_the_order_of_the_list(tmp_path, text):
    assert read_scores(written(tmp_path, text), TRIALS).tolist() == [1, -2.5, 0.3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a x 1\na y\nb x 3\n", r"plda:2: expected '<enrolment> <test> <score>', found 'a y'"),
        ("a x 1\na y 2 target\nb x 3\n", "plda:2: expected"),
        ("a x 1\na y two\nb x 3\n", "plda:2: score 'two'; expected a number"),
        ("a x 1\na y 2\nb x nan\n", "plda:3: score nan; expected a finite number"),
        ("a x 1\na y -inf\nb x 3\n", "plda:2: score -inf"),
        ("a x 1\na y 2\nb x 3\nb y 4\n", "plda:4: the trial 'b y' is not in the trial list"),
        ("a x 1\na y 2\na x 1\nb x 3\n", "plda:3: the trial 'a x' was scored in line 1 already"),
        ("b x 1\n", r"plda: 2 of 3 trials have no score, first 'a x' \(line 1 of the trial list\)"),
        ("a x 1\na y 2\n", "plda: 1 of 3 trials have no score, first 'b x'"),
    ],
)
def test_a_wrong_score_file_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_scores(written(tmp_path, text), TRIALS)


def test_scores_of_a_long_list_are_joined_over_pieces_and_errors_keep_their_line(tmp_path):
    rng = np.random.default_rng(0)
    pairs = [(f"m{i}", f"u{j}") for i in range(20) for j in range(30)]
    trials = Trials.of(*zip(*pairs, strict=True), None)
    lines = [f"{a} {b} {k}.5\n" for k, (a, b) in enumerate(pairs)]
    shuffled = [lines[k] for k in rng.permutation(len(lines))]
    with patch("spkr.kaldi.columns.PIECE", 100):
        assert (read_scores(written(tmp_path, "".join(shuffled)), trials) == np.arange(600) + 0.5).all()
        shuffled[500] = "m1  u2\t7 \n"
        with pytest.raises(InputError, match=r"the trial 'm1 u2' was scored in line \d+ already"):
            read_scores(written(tmp_path, "".join(shuffled)), trials)
        shuffled[500] = "m1 u2 x\n"
        with pytest.raises(InputError, match="plda:501: score 'x'; expected a number"):
            read_scores(written(tmp_path, "".join(shuffled)), trials)
        with pytest.raises(InputError, match="plda:601: the trial 'm1 u99' is not in the trial list"):
            read_scores(written(tmp_path, "".join([*lines, "m1 u99 1\n"])), trials)


FORMATS = ["%.7g", "%.4f", "%r", "%d", "%.9g", "%e", "%+.3f", "%.8f"]
number = st.tuples(st.sampled_from(FORMATS), st.floats(-1e9, 1e9) | st.floats(-30, 30) | st.floats(-0.1, 0.1))


@given(st.lists(st.tuples(number.map(lambda drawn: drawn[0] % drawn[1]), st.booleans()), min_size=1), st.booleans())
def test_labelled_scores_are_what_python_reads(tmp_path_factory, lines, plain):
    path = tmp_path_factory.getbasetemp() / "labelled"
    gap = " " if plain else " \t "
    path.write_text("\n".join(f"{score}{gap}{'target' if same else 'nontarget'}" for score, same in lines))
    with patch("spkr.kaldi.columns.PIECE", 40):
        scores, is_target = read_labelled_scores(path)
    wanted = [float(score) for score, _ in lines]
    assert scores.tolist() == wanted and (np.signbit(scores) == np.signbit(wanted)).all()
    assert is_target.tolist() == [same for _, same in lines]


@pytest.mark.parametrize(
    "score",
    ["1.2.3", "--1", "-", "1,5", "0x10", "1:2", "12/4", "1;", "a.1", ".", "1" * 40 + "x", "1.5\u00b2", "nan", "-inf"],
)
def test_what_is_no_finite_number_is_refused_with_its_line(tmp_path, score):
    path = written(tmp_path, f"1 target\n0.5 nontarget\n{score} target\n")
    with pytest.raises(InputError, match=r"trials.plda:3: score .*; expected a (finite )?number"):
        read_labelled_scores(path)


@pytest.mark.parametrize("label", ["Target", "targe", "targett", "nontarge", "montarget", "xnontarget", "ontarget"])
def test_a_label_that_is_none_is_refused_with_its_line(tmp_path, label):
    with pytest.raises(InputError, match=f"trials.plda:2: label '{label}'; expected target or nontarget"):
        read_labelled_scores(written(tmp_path, f"1 target\n1 {label}\n"))
