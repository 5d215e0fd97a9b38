import math

import numpy as np
import pytest

from spkr.metrics.bootstrap import draw_speakers, ends
from spkr.metrics.paired import DRAWS_A_TEST, SIGNIFICANT, holm, two_sided_p


def test_holms_correction_is_that_of_a_worked_example():
    # the example of pingouin's documentation of its function `holm`
    assert holm([0.50, 0.003, 0.32, 0.054, 0.0003]) == pytest.approx([0.64, 0.012, 0.64, 0.162, 0.0015])


def test_holms_correction_keeps_the_order_of_p_and_is_at_most_1():
    assert holm([0.02, 0.01, 0.9, 0.6]) == pytest.approx([0.06, 0.04, 1, 1])
    assert holm([0.03, 0.03]) == pytest.approx([0.06, 0.06])
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_an_unknown_p_is_no_hypothesis():
    found = holm([math.nan, 0.01, 0.02])
    assert math.isnan(found[0]) and found[1:] == pytest.approx([0.02, 0.02])
    assert all(map(math.isnan, holm([math.nan])))


def p_of(values, estimate=None, n_speakers=10**6):
    values = np.asarray(values, float)
    return two_sided_p(values, np.median(values) if estimate is None else estimate, n_speakers)


def test_p_of_many_speakers_counts_draws_on_the_other_side_and_those_without_a_difference_on_both():
    assert p_of(np.zeros(1_000)) == p_of([1.0, -1.0] * 50) == 1
    spread = np.linspace(1, 2, 95)
    for others in (-1.0, 0.0):
        assert p_of([*spread, *[others] * 4]) == p_of([*-spread, *[-others] * 4]) == pytest.approx(0.1, rel=1e-3)
    assert p_of(np.linspace(1, 2, 999)) == pytest.approx(2 / 1_000, rel=1e-3)


def test_draws_without_a_value_are_left_out():
    assert p_of([*np.linspace(1, 2, 99), math.nan], 1.5) == pytest.approx(0.02, rel=1e-3)
    assert math.isnan(p_of(np.full(3, math.nan), 0)) and math.isnan(p_of([], 0))


@pytest.mark.parametrize("n_speakers", [5, 10, 40])
@pytest.mark.parametrize("estimate", [0.0, 0.5])  # of draws around 0: the second makes z_0 0.5
def test_p_is_the_level_at_which_the_interval_begins_to_hold_zero(n_speakers, estimate):
    d = np.random.default_rng(1).normal(size=50_000)
    for shift in (-3.0, -2.0, 1.5, 2.5):
        p = two_sided_p(d + shift, estimate + shift, n_speakers)
        for level, holds in ((1 - 1.02 * p, False), (1 - 0.98 * p, True)):
            low, high = ends(d + shift, estimate + shift, n_speakers, level)
            assert (low <= 0 <= high) == holds


def test_few_speakers_have_higher_p():
    found = [two_sided_p(np.linspace(-0.1, 2, 1_000), 0.95, n) for n in (5, 10, 40, 1_000)]
    assert sorted(found, reverse=True) == found and found[0] > 1.5 * found[-1]


def test_draws_on_one_side_only_are_extrapolated_as_normal():
    inside, outside = np.linspace(-0.001, 2, 1_000), np.linspace(0.001, 2, 1_000)
    assert two_sided_p(outside, 1, 10) == pytest.approx(two_sided_p(inside, 1, 10), rel=0.5)
    d = np.random.default_rng(1).normal(size=999)
    found = [two_sided_p(d + shift, shift + 0.1, 10) for shift in (2, 3, 4, 6, 20)]
    assert sorted(found, reverse=True) == found and found[2] > 0.002 == found[-1]
    assert two_sided_p(np.ones(999), 1, 10) == two_sided_p(np.full(999, -1.0), -1, 10) == 0.002


def test_there_are_draws_enough_for_a_difference_to_be_significant():
    for n_tests in (1, 3, 45):
        draws = draw_speakers(10, 10**8, DRAWS_A_TEST * n_tests)
        assert n_tests * two_sided_p(np.ones(len(draws)), 1, 10) < SIGNIFICANT
    assert (draw_speakers(7, 10**6, 2_000)[:1_000] == draw_speakers(7, 10**6)).all()
