import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spkr.config.front_end_options import CmvnOptions
from spkr.feats.cmvn import normalize, normalize_batch
from tests.unit.feats.extraction import repeatable


@repeatable
@given(n=st.integers(1, 40), window=st.integers(1, 50), norm_vars=st.booleans())
def test_sliding_window_is_shifted_at_the_ends(n, window, norm_vars):
    feats = np.random.default_rng(n).normal(3, 2, (n, 3)).astype(np.float32)
    ours = normalize(feats, CmvnOptions(type="sliding", norm_vars=norm_vars, window=window))
    for t in range(n):
        start = max(0, min(t - window // 2, n - window))
        part = feats[start : start + window].astype(float)
        expected = feats[t] - part.mean(0)
        if norm_vars:
            expected = expected / np.sqrt(np.maximum(part.var(0), 1e-10)) if n > 1 else 0 * expected
        assert np.allclose(ours[t], expected, atol=1e-4)


def test_no_normalisation_changes_nothing():
    feats = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert np.array_equal(normalize(feats, CmvnOptions(type="none")), feats)


@pytest.mark.parametrize("options", [CmvnOptions(type="sliding", norm_vars=True), CmvnOptions(type="utterance")])
def test_what_is_normalised_stays_as_it_was(options):
    feats = np.random.default_rng(0).normal(3, 2, (20, 3)).astype(np.float32)
    before = feats.copy()
    feats.flags.writeable = False  # as a matrix mapped from an ark
    with warnings.catch_warnings(action="error"):
        assert normalize(feats, options).dtype == np.float32
    normalize_batch(torch.from_numpy(before)[None], torch.tensor([20]), options)
    assert np.array_equal(feats, before)


def test_a_window_of_one_frame_leaves_zeros():
    feats = np.random.default_rng(0).normal(1e6, 1e5, (40, 3)).astype(np.float32)
    assert not normalize(feats, CmvnOptions(type="sliding", norm_vars=True, window=1)).any()
