import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spkr.config.frontend import CmvnOptions
from spkr.feats.cmvn import normalize
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
