"""Front ends as graphs, before they are exported: the features of the pipeline."""

import numpy as np
import pytest
import torch

from spkr.errors import InputError
from spkr.export.front_graph import front_graph
from spkr.feats import compute, make_front_end
from tests.unit.export.pipeline import FRONT_ENDS, front_end, sound


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_features_and_energies_are_those_of_the_pipeline(name):
    fe = front_end(name)
    graph = front_graph(fe)
    for n in (fe.min_samples, 1000, 16079, 16080, 40000):
        both = torch.from_numpy(np.stack([sound(n, seed=1), sound(n, seed=2)])) * 32768
        feats, energy = graph(both)
        for k, samples in enumerate(both):
            expected = compute(samples, fe)
            np.testing.assert_allclose(feats[k], expected[0], atol=2e-3)
            np.testing.assert_allclose(energy[k], expected[1], atol=1e-4)


def test_a_front_end_without_a_graph_is_named():
    with pytest.raises(InputError, match="feats.engine: torchaudio; .*; give --features outside"):
        front_graph(make_front_end({"engine": "torchaudio"}))
