"""Adaptation of a PLDA model, and of a back-end with its mean, to another domain."""

import logging
from pathlib import Path

import numpy as np
import pytest

from spkr.backend.adapt import adapt_plda
from spkr.backend.plda import Plda
from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.objects import read_vector
from spkr.kaldi.table import TableReader


def test_a_back_end_is_adapted_with_its_mean(corpus):
    scales = ["--within-covar-scale", "0.75", "--between-covar-scale", "0.25"]
    main(["adapt-backend", "backend", "test.scp", "adapted", *scales])
    main(["transform-xvectors", "test.scp", "processed.ark", "--mean", "adapted/mean.vec", "--transform",
          "backend/transform.mat", "--normalize-length", "true"])  # fmt: skip
    main(["adapt-plda", "backend/plda", "processed.scp", "plda", *scales])
    vectors = np.stack(list(TableReader("test.scp").values()))
    assert np.allclose(read_vector("adapted/mean.vec"), vectors.mean(axis=0), atol=1e-5)
    assert Path("adapted/transform.mat").read_bytes() == Path("backend/transform.mat").read_bytes()
    ours, steps = Plda.read("adapted/plda"), Plda.read("plda")
    assert np.allclose(ours.psi, steps.psi, atol=1e-5)
    assert not np.allclose(ours.psi, Plda.read("backend/plda").psi, atol=1e-2)


def test_adaptation_to_the_same_domain_changes_little_and_never_shrinks(model, caplog):
    caplog.set_level(logging.INFO)
    back = np.linalg.inv(model.transform)
    rng = np.random.default_rng(0)

    def draw(scale):
        return model.mean + scale * rng.normal(size=(50000, 5)) * np.sqrt(1 + model.psi) @ back.T

    def total(plda):
        back = np.linalg.inv(plda.transform)
        return back @ np.diag(1 + plda.psi) @ back.T

    assert np.allclose(total(adapt_plda(model, draw(0.5))), total(model))
    assert "0 of 5 dimensions vary more" in caplog.text
    assert np.allclose(total(adapt_plda(model, draw(2), 0.4, 0.6)), 4 * total(model), rtol=0.03, atol=0.1)
    assert np.allclose(adapt_plda(model, draw(1)).psi, model.psi, rtol=0.05, atol=0.05)
    for vectors in (np.ones((9, 4)), np.ones((1, 5))):
        with pytest.raises(InputError, match="to adapt a PLDA model of dimension 5"):
            adapt_plda(model, vectors)
    for scale in (-0.1, np.nan, np.inf):
        with pytest.raises(InputError, match=f"scale {scale} of the adaptation; expected 0 or more"):
            adapt_plda(model, np.ones((9, 5)), within_covar_scale=scale)
