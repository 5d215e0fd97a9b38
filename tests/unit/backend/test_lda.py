"""LDA where Kaldi has no say: few data, and speakers that teach nothing."""

import logging

import numpy as np
import pytest

from spkr.backend.lda import compute_lda
from spkr.backend.stats import speaker_stats
from spkr.backend.transforms import length_normalize, transform_vectors
from spkr.errors import InputError
from tests.unit.backend.scoring import embeddings


def test_lda_offset_takes_the_mean_away():
    x, speakers = embeddings(20, 6, 5)
    lda = compute_lda(speaker_stats(x, speakers), 3)
    assert np.abs(transform_vectors(x, lda).mean(axis=0)).max() < 1e-12
    centred = compute_lda(speaker_stats(x - x.mean(axis=0), speakers), 3)
    assert np.allclose(np.abs(lda[:, :-1]), np.abs(centred[:, :-1]))


def test_lda_whitens_within_and_orders_by_what_tells_speakers_apart():
    x, speakers = embeddings(20, 6, 5)
    stats = speaker_stats(x, speakers)
    after = stats.project(compute_lda(stats, 5)[:, :-1])
    assert np.allclose(after.offset_scatter / after.num_utts, np.eye(5))
    assert (np.diff(after.means.var(axis=0)) < 0).all()


def test_small_covariances_are_raised_to_the_floor_and_it_is_said(caplog):
    caplog.set_level(logging.INFO)
    x, speakers = embeddings(20, 6, 5)
    stats = speaker_stats(x * [1, 1, 1, 1, 1e-3], speakers)
    after = stats.project(compute_lda(stats, 5, covariance_floor=1e-2)[:, :-1])
    within = np.linalg.eigvalsh(after.offset_scatter / after.num_utts)
    assert within[0] < 1e-3 and np.allclose(within[1:], 1)
    assert "1 of 5 eigenvalues raised to 0.01 of the largest" in caplog.text


def test_order_of_utterances_does_not_matter():
    x, speakers = embeddings(10, 4, 6)
    shuffled = np.random.default_rng(2).permutation(len(x))
    a, b = speaker_stats(x, speakers), speaker_stats(x[shuffled], speakers[shuffled])
    assert np.allclose(a.means, b.means) and np.allclose(a.offset_scatter, b.offset_scatter)


def test_lda_dimension_is_capped_and_the_cap_is_said(caplog):
    caplog.set_level(logging.INFO)
    x, speakers = embeddings(5, 20, 10)
    assert compute_lda(speaker_stats(x, speakers), 8).shape == (4, 11)
    assert "LDA to 4 dimensions, not 8: 5 speakers" in caplog.text
    assert "PCA" not in caplog.text


@pytest.mark.parametrize("dim", [60, 75, 200])
def test_fewer_utterances_than_dimensions_bring_a_pca_that_is_said(caplog, dim):
    caplog.set_level(logging.INFO)
    x, speakers = embeddings(20, 4, dim)  # 80 utterances show 60 directions within speakers
    lda = compute_lda(speaker_stats(x, speakers), 10)
    assert lda.shape == (10, dim + 1)
    assert (f"PCA from {dim} to 30 dimensions" in caplog.text) == (dim > 60)
    if dim > 60:
        y = transform_vectors(x, lda)
        within = y - np.stack([y[speakers == s].mean(axis=0) for s in range(20)])[speakers]
        assert np.allclose(within.T @ within / len(x), np.eye(10))


def test_pca_helps_new_speakers_where_utterances_are_few():
    x, speakers = embeddings(30, 6, 160, within=1.5)
    new, whose = embeddings(30, 6, 160, seed=5, within=1.5)
    stats = speaker_stats(x, speakers)

    def separation(pca_dim):
        y = length_normalize(transform_vectors(new, compute_lda(stats, 29, pca_dim=pca_dim)), scaleup=False)
        same, pairs = whose[:, None] == whose, ~np.eye(len(new), dtype=bool)
        target, other = (y @ y.T)[same & pairs], (y @ y.T)[~same]
        return (target.mean() - other.mean()) / np.sqrt(target.var() + other.var())

    assert separation(None) > 1.1 * max(separation(150), separation(179))


def test_dimensions_that_carry_nothing_change_nothing(caplog):
    caplog.set_level(logging.INFO)
    x, speakers = embeddings(10, 30, 6)
    padded = np.column_stack([x, x[:, :2] + x[:, 2:4], np.zeros(len(x))])
    plain = transform_vectors(x, compute_lda(speaker_stats(x, speakers), 4))
    y = transform_vectors(padded, compute_lda(speaker_stats(padded, speakers), 4))
    assert "PCA from 9 to 6 dimensions" in caplog.text
    assert np.allclose(np.abs(y), np.abs(plain))


@pytest.mark.parametrize(
    "speakers, message",
    [(["a"] * 6, "6 training utterances of 1 speakers"), (list("abcdef"), "no two of the same one")],
)
def test_speakers_that_teach_nothing_are_refused(speakers, message):
    with pytest.raises(InputError, match=message):
        speaker_stats(np.random.default_rng(0).normal(size=(6, 3)), speakers)


def test_lda_refuses_what_it_cannot_do():
    x, speakers = embeddings(5, 4, 3)
    with pytest.raises(InputError, match="all alike"):
        compute_lda(speaker_stats(x[::4][speakers], speakers), 2)
    for dims in ((0, None), (2, 0)):
        with pytest.raises(InputError, match="at least 1"):
            compute_lda(speaker_stats(x, speakers), dims[0], pca_dim=dims[1])
