"""What is done to a batch on the device is what is done to each of its rows alone."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from spkr.audio.acoustics import reverberate, room_response
from spkr.config.front_end_options import CmvnOptions
from spkr.feats.cmvn import normalize, normalize_batch
from spkr.train.on_device import reverberated
from tests.unit.feats.extraction import repeatable
from tests.unit.train.speech import RATE, spoken


@repeatable
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    type=st.sampled_from(["none", "utterance", "sliding"]),
    norm_vars=st.booleans(),
    window=st.integers(1, 70),
    center=st.booleans(),
    min_window=st.integers(1, 20),
)
def test_normalisation_of_a_batch_is_that_of_each_row(lengths, **options):
    cmvn, longest = CmvnOptions(**options), max(lengths)
    feats = torch.randn(len(lengths), longest, 5, generator=torch.Generator().manual_seed(longest)) * 5 + 10
    found = normalize_batch(feats, torch.tensor(lengths), cmvn)
    assert found.dtype == torch.float32
    for row, each, n in zip(feats, found, lengths, strict=True):
        alone = normalize(row[:n].numpy(), cmvn)
        if cmvn.type == "utterance":
            np.testing.assert_allclose(each[:n], alone, rtol=1e-4, atol=1e-4)
        else:
            np.testing.assert_array_equal(each[:n], alone)


def test_rooms_of_a_batch_are_those_of_each_row():
    rng = np.random.default_rng(1)
    rooms = [room_response(0.3, 2.0, RATE, rng), np.concatenate([0.1 * rng.standard_normal(50), [3.0, 0.5]]), [1.0]]
    peak = 50
    taps = np.zeros((3, 6000), np.float32)
    for row, room in zip(taps, rooms, strict=True):
        begin = peak - int(np.argmax(np.abs(room)))
        row[begin : begin + len(room)] = room
    speech, lengths = np.zeros((3, 9000), np.float32), [9000, 7000, 8000]
    for row, n in zip(speech, lengths, strict=True):
        row[:n] = spoken(rng, n)
    found = reverberated(*map(torch.from_numpy, (speech, np.array(lengths), taps)), peak).numpy()
    for row, before, n, room in zip(found, speech, lengths, rooms, strict=True):
        np.testing.assert_allclose(row[:n], reverberate(before[:n], np.asarray(room)), atol=1)
        assert not row[n:].any()
    np.testing.assert_array_equal(found[2], speech[2])
