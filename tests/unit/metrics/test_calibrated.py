"""Measures of log-likelihood ratios."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.metrics.cllr import cllr, min_cllr
from spkr.metrics.dcf import act_dcf, c_primary, min_dcf

side = st.lists(st.integers(-6, 6), min_size=1, max_size=25).map(
    lambda xs: np.array(xs, float)
)  # few values: many ties


def test_cllr_of_made_cases():
    assert cllr([0], [0, 0]) == 1  # knows nothing
    assert cllr([np.log(3)], [-np.log(3)]) == pytest.approx(np.log2(4 / 3))
    assert cllr([np.log(3), 0], [0]) == pytest.approx((np.log2(4 / 3) + 1) / 4 + 1 / 2)
    assert cllr([1000], [-1000]) == 0
    assert cllr([-1000], [0]) == pytest.approx(1000 / np.log(4) + 0.5)  # sure, and wrong


def test_min_cllr_of_made_cases():
    assert min_cllr([2, 3], [0, 1]) == 0  # a threshold tells them apart
    assert min_cllr([0, 1], [2, 3]) == 1  # the wrong way round, so that they are pooled
    assert min_cllr([5, 5], [5]) == 1  # ties
    # Half of either side lies in one tie, where the ratio is 1; the others are told apart
    assert min_cllr([0, 1], [0, -1]) == pytest.approx(0.5)
    # One block of 1/3 of the targets and 2/4 of the nontargets; the others are told apart
    block = 1 / 3 * np.log2(1 + 3 / 2) + 1 / 2 * np.log2(1 + 2 / 3)
    assert min_cllr([1, 7, 8], [1, 2, -3, -4]) == pytest.approx(block / 2)


@settings(deadline=None)
@given(side, side)
def test_min_cllr_is_that_of_the_best_cut_into_blocks(target, nontarget):
    """Of every cut whose ratios rise: PAV's is the one with the least cost (values 0, 1, 2, 3 only)."""
    target, nontarget = np.abs(target) // 2, np.abs(nontarget) // 2
    costs = []
    for cuts in range(8):
        edges = [-1, *(k + 0.5 for k in range(3) if cuts >> k & 1), 9]
        shares = [[np.mean((x > lo) & (x < hi)) for x in (target, nontarget)] for lo, hi in pairwise(edges)]
        with np.errstate(divide="ignore"):
            ratios = [np.log(a) - np.log(b) for a, b in shares if a or b]
        if all(low < high for low, high in pairwise(ratios)):
            terms = [(a * np.log2(1 + b / a) if a else 0) + (b * np.log2(1 + a / b) if b else 0) for a, b in shares]
            costs.append(sum(terms) / 2)
    assert min_cllr(target, nontarget) == pytest.approx(min(costs), abs=1e-12)


@given(side, side, st.floats(0.1, 3), st.floats(-3, 3))
def test_no_affine_map_costs_less_than_the_minimum(target, nontarget, a, b):
    least = min_cllr(target, nontarget)
    assert 0 <= least <= 1 + 1e-12
    assert least <= cllr(a * target + b, a * nontarget + b) + 1e-12
    assert min_cllr(np.exp(target), np.exp(nontarget)) == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_cllr_and_its_minimum_are_those_of_lir(decimals):
    from lir import metrics as lir  # imports for seconds
    from lir.data.models import LLRData

    rng = np.random.default_rng(decimals)
    for n_target, n_nontarget in ((3, 5), (40, 30), (200, 3000)):
        target, nontarget = rng.normal(1.5, 2, n_target).round(decimals), rng.normal(-2, 1, n_nontarget).round(decimals)
        labels = np.repeat([1, 0], [n_target, n_nontarget])
        decimal = np.concatenate([target, nontarget]) / np.log(10)  # lir's ratios are decimal logarithms
        data = LLRData(features=decimal[:, None], labels=labels)
        assert cllr(target, nontarget) == pytest.approx(lir.cllr(data), abs=1e-9)
        assert min_cllr(target, nontarget) == pytest.approx(lir.cllr_min(data), abs=1e-9)


def test_act_dcf_of_made_cases():
    t99 = np.log(99)  # Bayes' threshold at 0.01
    assert act_dcf([t99, t99 - 1e-9], [t99 - 1e-9, 0], 0.01) == 0.5  # a ratio at the threshold is accepted
    assert act_dcf([9], [t99, 0, 0, 0], 0.01) == pytest.approx(99 / 4)
    assert act_dcf([0], [0], 0.01) == 1 and act_dcf([0], [0], 0.9) == 1  # does not listen
    # The threshold is log(10): one miss of one at 0.5, one false alarm of two at 5, divided by 0.5
    assert act_dcf([2], [-2, 2.4], 0.5, 1, 10) == pytest.approx((0.5 + 5 / 2) / 0.5)
    assert c_primary([5], [0, 0]) == pytest.approx((0 + 1) / 2)  # 5 is between log(99) and log(199)


@given(side, side, st.sampled_from([0.001, 0.01, 0.05, 0.5, 0.9]))
def test_act_dcf_is_at_least_min_dcf(target, nontarget, p):
    theta = np.log((1 - p) / p)
    cost = p * np.mean(target < theta) + (1 - p) * np.mean(nontarget >= theta)
    assert act_dcf(target, nontarget, p) == pytest.approx(cost / min(p, 1 - p))
    assert act_dcf(target, nontarget, p) >= min_dcf(target, nontarget, p) - 1e-12


@pytest.mark.parametrize("metric", [cllr, min_cllr, c_primary, lambda t, s: act_dcf(t, s, 0.01)])
def test_measures_of_ratios_refuse_a_missing_side_and_values_that_are_not_finite(metric):
    with pytest.raises(InputError, match="no nontarget scores"):
        metric([1.0], [])
    with pytest.raises(InputError, match="target scores hold a value that is not finite"):
        metric([np.inf], [1.0])


@pytest.mark.parametrize("wrong", [(0, 1, 1), (1, 1, 1), (0.1, 0, 1)])
def test_act_dcf_refuses_priors_and_costs_out_of_range(wrong):
    with pytest.raises(InputError, match="expected 0 < p_target < 1"):
        act_dcf([1], [0], *wrong)
