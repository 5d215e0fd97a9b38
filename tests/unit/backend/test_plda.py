"""PLDA against the Gaussians that made the data, and what it cannot be trained on."""

import logging

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from spkr.backend import plda as plda_module
from spkr.backend.plda import Plda, train_plda
from spkr.backend.stats import speaker_stats
from spkr.errors import InputError
from tests.unit.backend.scoring import embeddings


def test_plda_finds_the_covariances_that_made_the_data():
    rng = np.random.default_rng(0)
    within, between, mean = np.diag([1.0, 4, 0.25]), np.array([[4.0, 1, 0], [1, 1, 0], [0, 0, 2]]), np.array([1, 2, 3])
    counts = rng.integers(1, 9, 4000)
    speakers = np.repeat(np.arange(4000), counts)
    y = rng.multivariate_normal(mean, between, 4000)
    model = train_plda(
        speaker_stats(y[speakers] + rng.multivariate_normal(np.zeros(3), within, len(speakers)), speakers)
    )
    back = np.linalg.inv(model.transform)
    assert np.allclose(back @ back.T, within, rtol=0.05, atol=0.05)
    assert np.allclose(back @ np.diag(model.psi) @ back.T, between, atol=0.15)
    assert np.allclose(model.mean, mean, atol=0.1)


def test_objective_rises_to_the_likelihood_and_a_fall_is_said(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    x, speakers = embeddings(30, 5, 8)
    train_plda(speaker_stats(x, speakers), 10)
    values = [float(record.message.split()[2]) for record in caplog.records]
    assert len(values) == 10 and (np.diff(values) >= 0).all() and values[-1] > values[0] + 0.3
    falling = iter([-1.0, -2.0])
    monkeypatch.setattr(plda_module, "_objective", lambda *_: next(falling))
    train_plda(speaker_stats(x, speakers), 1)
    assert "the objective fell from -1 to -2" in caplog.text


def test_tiny_negative_eigenvalue_is_floored_and_said(caplog):
    T, psi = plda_module.diagonalize(np.eye(3), np.diag([2.0, 1, -1e-15]))
    assert psi.tolist() == [2, 1, 0] and "raised to 0" in caplog.text
    assert np.allclose(np.abs(T), np.eye(3))


def test_plda_needs_more_utterances_than_dimensions():
    x, speakers = embeddings(3, 2, 6)
    with pytest.raises(InputError, match="6 dimensions from 6 utterances"):
        train_plda(speaker_stats(x, speakers))


@pytest.mark.parametrize("n, m", [(1, 1), (3, 1), (2, 5)])
def test_llr_is_that_of_the_two_gaussians(n, m):
    rng = np.random.default_rng(3)
    psi = np.array([5.0, 1, 0.1, 0])
    model = Plda(np.zeros(4), np.eye(4), psi)
    u, v = rng.normal(size=(2, 1, 4)) * 2
    cov = np.block([[np.diag(psi + 1 / n), np.diag(psi)], [np.diag(psi), np.diag(psi + 1 / m)]])
    apart = np.diag(np.diag(cov))
    joint = np.concatenate([u[0], v[0]])
    expected = multivariate_normal.logpdf(joint, cov=cov) - multivariate_normal.logpdf(joint, cov=apart)
    zero = np.array([0])
    llr = model.log_likelihood_ratio(u, np.array([n]), v, np.array([m]), zero, zero)
    assert llr[0] == pytest.approx(expected, rel=1e-12)
    swapped = model.log_likelihood_ratio(v, np.array([m]), u, np.array([n]), zero, zero)
    assert swapped[0] == pytest.approx(expected, rel=1e-12)


def test_smoothing_adds_between_to_within(model):
    smooth, back = model.smooth(0.3), np.linalg.inv(model.transform)
    within, between = back @ back.T, back @ np.diag(model.psi) @ back.T
    T = smooth.transform
    assert np.allclose(T @ (within + 0.3 * between) @ T.T, np.eye(5))
    assert np.allclose(T @ between @ T.T, np.diag(smooth.psi))


def test_plda_of_dimensions_that_do_not_vary_is_refused():
    with pytest.raises(InputError, match="no speaker varies in some of 3 dimensions"):
        plda_module.diagonalize(np.diag([1.0, 2, 0]), np.eye(3))
