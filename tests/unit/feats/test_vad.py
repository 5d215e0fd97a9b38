import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spkr.config.front_end_options import VadOptions
from spkr.feats.vad import energy_vad
from tests.unit.feats.extraction import repeatable


@repeatable
@given(
    energies=st.lists(st.floats(-16, 30, width=32), min_size=1, max_size=40),
    context=st.integers(0, 5),
    proportion=st.sampled_from([0.12, 0.2, 0.25, 0.5, 0.6, 1.0]),
)
def test_vad_counts_the_frames_around(energies, context, proportion):
    options = VadOptions(frames_context=context, proportion_threshold=proportion)
    threshold = 5.5 + 0.5 * np.mean(energies)
    voiced = energy_vad(np.array(energies, np.float32), options)
    for t, decision in enumerate(voiced):
        around = energies[max(0, t - context) : t + context + 1]
        assert decision == (sum(e > threshold for e in around) >= proportion * len(around))
