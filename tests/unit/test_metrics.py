import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.kaldi.trials import Trials
from spkr.metrics.dcf import dcf, error_rates, min_dcf, min_dcf_kaldi
from spkr.metrics.eer import eer_kaldi, eer_rocch
from spkr.metrics.identification import identification_accuracy
from spkr.metrics.scores import read_scores

side = st.lists(st.integers(-6, 6), min_size=1, max_size=25).map(
    lambda xs: np.array(xs, float)
)  # few values: many ties
prior = st.sampled_from([0.001, 0.01, 0.05, 0.5, 0.9])
cost = st.sampled_from([1, 10, 0.5])


def points(target, nontarget):
    """Every operating point, counted one by one."""
    thresholds = sorted({*target, *nontarget}) + [np.inf]
    return [(np.mean(target < theta), np.mean(nontarget >= theta)) for theta in thresholds]


@given(side, side)
def test_error_rates_are_those_counted(target, nontarget):
    thresholds, p_miss, p_fa = error_rates(target, nontarget)
    assert list(thresholds) == sorted({*target, *nontarget}) + [np.inf]
    assert np.allclose(np.stack([p_miss, p_fa], axis=1), points(target, nontarget), atol=1e-12)


@given(side, side, prior, cost, cost)
def test_min_dcf_is_the_least_cost_of_any_threshold(target, nontarget, p, c_miss, c_fa):
    costs = [c_miss * p * miss + c_fa * (1 - p) * fa for miss, fa in points(target, nontarget)]
    expected = min(costs) / min(c_miss * p, c_fa * (1 - p))
    assert min_dcf(target, nontarget, p, c_miss, c_fa) == pytest.approx(expected)
    assert min_dcf(target, nontarget, p, c_miss, c_fa) <= 1 + 1e-12


@given(side, side)
def test_eer_kaldi_is_that_of_the_walk(target, nontarget):
    t, s = sorted(target), sorted(nontarget)
    p = 0
    while p + 1 < len(t) and not s[max(len(s) - 1 - int(len(s) * p / len(t)), 0)] < t[p]:
        p += 1
    assert eer_kaldi(target, nontarget) == (p / len(t), t[p])


@given(side, side)
def test_eer_rocch_is_the_lowest_chord_over_the_diagonal(target, nontarget):
    found = points(target, nontarget)
    chords = []
    for m1, f1 in found:
        for m2, f2 in found:
            below, above = m1 - f1, m2 - f2
            if below <= 0 <= above:
                w = -below / (above - below) if above > below else 0
                chords.append(m1 + w * (m2 - m1))
    assert eer_rocch(target, nontarget) == pytest.approx(min(chords), abs=1e-9)


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


def test_kaldis_min_dcf_depends_on_the_order_of_ties():
    scores, p = np.zeros(4), 0.5
    nontargets_first = min_dcf_kaldi(scores, [False, False, True, True], p)
    targets_first = min_dcf_kaldi(scores, [True, True, False, False], p)
    assert (nontargets_first, targets_first) == (0, 1)
    assert min_dcf([0, 0], [0, 0], p) == 1


def test_accepting_all_is_a_choice_but_not_in_kaldis_script():
    assert min_dcf([0.0], [1.0], 0.99) == pytest.approx(1)
    assert min_dcf_kaldi([0.0, 1.0], [True, False], 0.99) == pytest.approx(99)


@pytest.mark.parametrize("metric", [error_rates, eer_kaldi, eer_rocch])
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
    return identification_accuracy(Trials(list(enrol), list(test), np.array(target)), np.array(scores, float))


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


TRIALS = Trials(["a", "a", "b"], ["x", "y", "x"], np.array([True, False, False]))


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
        ("a x 1\na y two\nb x 3\n", "plda:2: expected"),
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
