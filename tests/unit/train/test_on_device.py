"""What is done to a batch on the device is what is done to each of its rows alone."""

import numpy as np
import pytest
import torch

from spkr.audio.acoustics import reverberate, room_response
from spkr.config.frontend import CmvnOptions
from spkr.feats.cmvn import normalize
from spkr.train.on_device import normalized, reverberated
from tests.unit.train.speech import RATE, spoken


@pytest.mark.parametrize(
    "cmvn",
    [
        *(CmvnOptions(type="utterance"), CmvnOptions(type="utterance", norm_vars=True)),
        *(CmvnOptions(type="sliding", window=15), CmvnOptions(type="sliding", window=300, norm_vars=True)),
        CmvnOptions(type="sliding", norm_vars=True, window=9, center=False, min_window=4),
        CmvnOptions(type="sliding", norm_vars=True, window=9, center=False, min_window=1),
    ],
)
def test_normalisation_of_a_batch_is_that_of_each_row(cmvn):
    feats = torch.randn(3, 40, 5, generator=torch.Generator().manual_seed(1)) * 5 + 10
    lengths = torch.tensor([40, 17, 2])
    found = normalized(feats, lengths, cmvn)
    for row, each, n in zip(feats, found, lengths, strict=True):
        np.testing.assert_allclose(each[:n], normalize(row[:n].numpy(), cmvn), rtol=1e-4, atol=1e-5)


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
