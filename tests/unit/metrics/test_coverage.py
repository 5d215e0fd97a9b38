"""How often intervals cover the truth, on a model whose error rates are known (docs/explanation/intervals.md)."""

import coverage_of_intervals as simulation
import numpy as np
import pytest

from spkr.metrics.roc import sorted_sides


def test_simulated_scores_have_the_error_rates_that_the_model_says():
    enrol, test = simulation.all_pairs(400, 3)
    scores = simulation.simulated(enrol, test, 0.1, 1)
    sides = sorted_sides(scores[enrol == test], scores[enrol != test])
    for name, wanted in simulation.truth().items():
        assert simulation.FUNCTIONS[name](*sides) == pytest.approx(wanted, rel=0.12), name


@pytest.mark.slow
@pytest.mark.parametrize("n_speakers", [20, pytest.param(44, marks=pytest.mark.long)])
def test_intervals_of_the_eer_cover_the_truth_as_often_as_they_say(n_speakers):
    hits = list(simulation.covered(n_speakers, 0.1, 500))
    for name in ("eer", "actdcf"):
        assert 0.93 <= np.mean([hit[name] for hit in hits]) <= 0.97, name
