import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.metrics import thresholds
from spkr.metrics.dcf import act_dcf, bayes_threshold, min_dcf
from spkr.metrics.eer import eer_kaldi
from spkr.metrics.roc import rates_at

SOME = st.lists(st.integers(-3, 3), min_size=1, max_size=12)  # with ties


def test_a_threshold_lies_in_the_middle_between_two_scores():
    assert thresholds.of_eer([2, 4, 6, 8], [0, 1, 3, 5]) == 3.5  # a quarter is missed, a quarter accepted
    assert thresholds.of_min_dcf(0.01, [2, 4, 6, 8], [1, 3, 5]) == 5.5  # half are missed, none accepted
    assert thresholds.of_eer([0.8, 0.9], [0.1, 0.2]) == pytest.approx(0.5)
    many = np.arange(1000.0)
    assert thresholds.of_false_alarms(0.01, [2000], many) == 989.5  # ten are above
    assert thresholds.of_false_alarms(0.0109, [2000], many) == 989.5
    assert thresholds.of_false_alarms(0.011, [2000], many) == 988.5


def test_a_false_alarm_rate_needs_ten_false_alarms():
    assert math.isnan(thresholds.of_false_alarms(0.01, [5], np.arange(999.0)))
    assert thresholds.of_false_alarms(0.1, [5], np.arange(100.0)) == 89.5


def test_ties_everywhere_leave_all_or_nothing():
    same = [1, 1], [1] * 1000
    assert thresholds.of_false_alarms(0.01, *same) == math.inf
    assert thresholds.of_min_dcf(0.01, *same) == math.inf  # rejecting is cheaper
    assert thresholds.of_min_dcf(0.9, *same) == -math.inf
    assert thresholds.of_eer(*same) == -math.inf  # Kaldi's is the score, from which all are accepted


@given(SOME, SOME, st.sampled_from([0.001, 0.1, 0.5, 0.9]))
def test_thresholds_are_those_of_a_count_of_all(target, nontarget, prior):
    def cost(theta):
        misses, alarms = sum(x < theta for x in target), sum(x >= theta for x in nontarget)
        return prior * misses / len(target) + (1 - prior) * alarms / len(nontarget)

    tried = [-math.inf, *np.arange(-2.5, 3), math.inf]
    chosen = thresholds.of_min_dcf(prior, target, nontarget)
    assert cost(chosen) == pytest.approx(min(map(cost, tried)))
    assert cost(chosen) / min(prior, 1 - prior) == pytest.approx(min_dcf(target, nontarget, prior))
    score = eer_kaldi(target, nontarget)[1]
    assert rates_at(thresholds.of_eer(target, nontarget), target, nontarget) == rates_at(score, target, nontarget)


@given(SOME, st.lists(st.integers(-9, 9), min_size=20, max_size=60), st.sampled_from([0.5, 0.55, 0.7]))
def test_no_lower_threshold_keeps_the_false_alarm_rate(target, nontarget, rate):
    theta = thresholds.of_false_alarms(rate, target, nontarget)
    kept = sum(x >= theta for x in nontarget) <= rate * len(nontarget) + 1e-9
    below = max((x for x in [*target, *nontarget] if x < theta), default=None)
    assert kept
    assert below is None or sum(x >= below for x in nontarget) > rate * len(nontarget)


def test_bayes_threshold_is_the_log_odds_and_that_of_act_dcf():
    assert bayes_threshold(0.01) == pytest.approx(math.log(99))
    assert bayes_threshold(0.5, c_miss=10) == pytest.approx(-math.log(10))
    assert act_dcf([4.6], [4.5], 0.01) == 0
    assert act_dcf([4.5], [4.6], 0.01) == pytest.approx(1 + 99)


@pytest.mark.parametrize("sides", [([], [1]), ([1], []), ([math.inf], [1]), ([1], [math.nan])])
def test_one_kind_of_trial_and_scores_that_are_not_finite_are_refused(sides):
    for choose in (thresholds.of_eer, lambda *s: thresholds.of_min_dcf(0.1, *s)):
        with pytest.raises(InputError, match="no (non)?target scores|not finite"):
            choose(*sides)
    with pytest.raises(InputError, match="no (non)?target scores|not finite"):
        thresholds.of_false_alarms(0.1, *sides)
