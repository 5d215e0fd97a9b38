from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spkr.metrics.eer import eer_kaldi
from spkr.metrics.interval import WeightedEer, eer_interval


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
