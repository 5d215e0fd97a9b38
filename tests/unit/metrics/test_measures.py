import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.metrics.dcf import dcf, min_dcf, min_dcf_kaldi
from spkr.metrics.eer import eer_kaldi, eer_linear, eer_rocch
from spkr.metrics.roc import error_rates, sorted_sides

side = st.lists(st.integers(-6, 6), min_size=1, max_size=25).map(
    lambda xs: np.array(xs, float)
)  # few values: many ties
prior = st.sampled_from([0.001, 0.01, 0.05, 0.5, 0.9])
cost = st.sampled_from([1, 10, 0.5])


def points(target, nontarget):
    """Every operating point, counted one by one."""
    thresholds = sorted({*target, *nontarget}) + [np.inf]
    return [(np.mean(target < theta), np.mean(nontarget >= theta)) for theta in thresholds]


def rounded(found):
    return [tuple(point) for point in np.round(found, 12).tolist()]


@given(side, side)
def test_error_rates_are_corners_of_the_curve_through_all_points(target, nontarget):
    p_miss, p_fa = error_rates(target, nontarget)
    assert (p_miss[0], p_fa[0], p_miss[-1], p_fa[-1]) == (0, 1, 1, 0)
    assert (np.diff(p_miss) >= 0).all() and (np.diff(p_fa) <= 0).all()
    every, corners = rounded(points(target, nontarget)), rounded(np.stack([p_miss, p_fa], axis=1))
    assert set(corners) <= set(every)
    ends = list(zip(corners, corners[1:], strict=False))
    for miss, fa in set(every) - set(corners):  # between two corners with as many misses
        assert any(a[0] == miss == b[0] and a[1] >= fa >= b[1] for a, b in ends)


def test_error_rates_of_five_scores():
    p_miss, p_fa = error_rates([2, 1, 2], [3, 1])  # accepted: all, >= 1, > 1, >= 2, > 2, none
    assert p_miss.tolist() == [0, 0, 1 / 3, 1 / 3, 1, 1]
    assert p_fa.tolist() == [1, 1, 0.5, 0.5, 0.5, 0]


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
def test_eer_linear_is_where_the_lines_between_points_cross_the_diagonal(target, nontarget):
    found = points(target, nontarget)
    after = next(k for k, (miss, fa) in enumerate(found) if miss > fa)
    (m1, f1), (m2, f2) = found[after - 1 : after + 1]
    assert eer_linear(target, nontarget) == pytest.approx(m1 + (f1 - m1) / (f1 - m1 + m2 - f2) * (m2 - m1), abs=1e-12)


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


def test_scores_may_be_whole_numbers_of_any_type():
    for dtype in (np.uint8, np.int8, np.int64):
        target, nontarget = np.array([3, 5, 90], dtype), np.array([1, 2, 4, 100], dtype)
        assert eer_linear(target, nontarget) == eer_linear(target.astype(float), nontarget.astype(float))
        assert min_dcf(target, nontarget, 0.3) == min_dcf(target.astype(float), nontarget.astype(float), 0.3) < 1


def test_sides_are_sorted_once_and_not_in_place():
    target, nontarget = np.array([3.0, 1, 2]), np.array([0.0, 1])
    t, s = sorted_sides(target, nontarget)
    assert t.tolist() == [1, 2, 3] and target.tolist() == [3, 1, 2]
    assert s is nontarget
    assert all(a is b for a, b in zip(sorted_sides(t, s), (t, s), strict=True))


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
def test_dcf_refuses_priors_and_costs_out_of_range(wrong):
    with pytest.raises(InputError, match="expected 0 < p_target < 1"):
        dcf(0.1, 0.1, *wrong)
