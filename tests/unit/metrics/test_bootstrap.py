from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri, stdtrit

from spkr.metrics.bootstrap import Resampled, draw_speakers, ends, resample
from spkr.metrics.cllr import cllr, min_cllr
from spkr.metrics.dcf import act_dcf, c_primary, min_dcf
from spkr.metrics.eer import eer_kaldi, eer_linear, eer_rocch
from spkr.metrics.roc import error_rates
from tests.unit.metrics.speakers import intervals_of, list_of_speakers

MEASURES = {
    "eer": lambda t, s: eer_kaldi(t, s)[0],
    "threshold": lambda t, s: eer_kaldi(t, s)[1],
    "rocch": eer_rocch,
    "linear": eer_linear,
    "min_dcf": lambda t, s: min_dcf(t, s, 0.1),
    "act_dcf": lambda t, s: act_dcf(t, s, 0.1),
    "c_primary": c_primary,
    "cllr": cllr,
    "min_cllr": min_cllr,
    "of arrays": lambda t, s: np.mean(t) - np.mean(s),
}


@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from([0.5, 2, 100]), st.sampled_from(sorted(MEASURES)))
def test_a_measure_of_a_draw_is_that_of_trials_repeated(seed, n_speakers, levels, name):
    scores, target, enrol, test = list_of_speakers(n_speakers, 60, seed, levels)
    w = np.random.default_rng(seed).integers(0, 4, n_speakers)
    repeats = np.where(target, w[enrol], w[enrol] * w[test])
    repeated = [np.repeat(scores[kind], repeats[kind]) for kind in (target, ~target)]
    sides = Resampled(scores, target, enrol, test)(w)
    assert list(map(len, sides)) == list(map(len, repeated))
    if all(map(len, sides)):
        assert MEASURES[name](*sides) == pytest.approx(MEASURES[name](*repeated), rel=1e-6, abs=1e-9)
        if name == "eer":
            assert MEASURES[name](*sides) == MEASURES[name](*repeated)
    whole = Resampled(scores, target, enrol, test)(np.ones(n_speakers, int))
    assert MEASURES[name](*whole) == pytest.approx(MEASURES[name](scores[target], scores[~target]), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("target", "nontarget"),
    [([1, 2, 3], [4, 5, 6]), ([4, 5, 6], [1, 2, 3]), ([1 + 1e-12, 3, 4], [0, 1, 0]), ([1, 1, 1], [1, 1, 1])],
)
def test_the_eer_of_a_draw_is_kaldis_at_its_ends_and_in_float32(target, nontarget):
    scores, is_target = np.array([*target, *nontarget], float), np.repeat([True, False], 3)
    enrol, test = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])
    sides = Resampled(scores, is_target, enrol, test)(np.ones(3, int))
    assert eer_kaldi(*sides) == eer_kaldi(target, nontarget)


def test_draws_are_of_speakers_and_repeatable():
    """The values in the draws are distributed as those of speakers that are drawn, and their trials put together."""
    scores, target, enrol, test = list_of_speakers(8, 3_000, 1)
    chosen = {name: MEASURES[name] for name in ("eer", "min_dcf", "min_cllr")}
    sides = Resampled(scores, target, enrol, test)
    found = resample(
        {"sides": sides}, draw_speakers(8, 3_000), lambda sides: {k: one(*sides) for k, one in chosen.items()}
    )
    rng, values = np.random.default_rng(7), {name: [] for name in chosen}
    for _ in range(1_000):
        drawn = rng.integers(8, size=8)
        t = np.concatenate([scores[target & (enrol == a)] for a in drawn])
        s = np.concatenate([scores[(enrol == a) & (test == b)] for a in drawn for b in drawn if a != b])
        for name, measure in chosen.items():
            values[name].append(measure(t, s))
    for name in chosen:
        assert np.allclose(*(np.quantile(of, [0.025, 0.5, 0.975]) for of in (found[name], values[name])), atol=0.03)
    for name, (low, high) in intervals_of(scores, target, enrol, test, **chosen).items():
        assert low < chosen[name](scores[target], scores[~target]) < high
    assert intervals_of(scores, target, enrol, test, **chosen) == intervals_of(scores, target, enrol, test, **chosen)


def test_the_ends_are_quantiles_wider_for_few_speakers_and_shifted_against_the_bias():
    values = np.arange(10_001) / 10_000
    assert ends(values, 0.5, 10**6) == pytest.approx((0.025, 0.975), abs=1e-3)
    wider = ndtr(np.sqrt(10 / 9) * stdtrit(9, 0.975))
    assert ends(values, 0.5, 10) == pytest.approx((1 - wider, wider), abs=1e-3)
    low, high = ends(values, 0.6, 10**6)  # most draws are below the estimate
    z = ndtri(0.6)
    assert (low, high) == pytest.approx((ndtr(2 * z - 1.96), ndtr(2 * z + 1.96)), abs=1e-3)
    assert ends(np.array([0.0, np.nan, 0.0]), 0.0, 5) == (0, 0)  # no draw has an error
    assert np.isnan(ends(np.array([np.nan]), 0.0, 5)).all()


def test_the_interval_is_of_speakers_not_of_trials():
    few, many = (np.ptp(intervals_of(*list_of_speakers(n, 5_000, 3), eer=MEASURES["eer"])["eer"]) for n in (6, 200))
    assert few > 2 * many


def test_a_difference_of_systems_is_taken_in_the_same_draws():
    scores, target, enrol, test = list_of_speakers(8, 2_000, 2)
    a, b = Resampled(scores, target, enrol, test), Resampled(scores + 0.01 * target, target, enrol, test)
    found = resample(
        {"a": a, "b": b},
        draw_speakers(8, 2_000),
        lambda a, b: {"difference": eer_rocch(*a) - eer_rocch(*b), "a": eer_rocch(*a), "b": eer_rocch(*b)},
    )
    assert (found["difference"] == found["a"] - found["b"]).all()
    assert np.ptp(found["difference"]) < 0.2 * np.ptp(found["a"])


def test_draws_without_trials_of_both_kinds_are_left_out():
    scores, target = np.array([2.0, 1, 0]), np.array([True, True, False])
    both = Resampled(scores, target, np.array([0, 1, 0]), np.array([0, 1, 1]))
    draws = np.array([[1, 1], [2, 0], [0, 2]])
    found = resample({"sides": both}, draws, lambda sides: {"n": len(sides[0])})["n"]
    assert found[0] == 2 and np.isnan(found[1:]).all()
    assert resample({"sides": both}, draws[1:], lambda sides: {"n": 1}) == {}


def test_lists_of_more_trials_are_resampled_less():
    assert draw_speakers(7, 1_000_000).shape == (1_000, 7)
    assert draw_speakers(7, 4_000_000).shape == (250, 7)
    assert draw_speakers(7, 10**9).shape == (100, 7)
    assert (draw_speakers(7, 1_000).sum(axis=1) == 7).all()


def test_rates_at_corners_are_those_of_the_curve():
    scores, target, enrol, test = list_of_speakers(5, 50, 3, 2)
    whole = Resampled(scores, target, enrol, test)(np.ones(5, int))
    for ours, of_arrays in zip(error_rates(*whole), error_rates(scores[target], scores[~target]), strict=True):
        assert ours.tolist() == of_arrays.tolist()


def test_what_all_draws_share_is_computed_once():
    calls = []
    both = Resampled(*list_of_speakers(5, 50, 3))
    with patch("spkr.metrics.cllr._cost_of_target", side_effect=lambda t: calls.append(1) or -t):
        resample({"sides": both}, draw_speakers(5, 50)[:20], lambda sides: {"cllr": cllr(*sides)})
    assert len(calls) == 1
