"""Speech found by silero-vad's network: its own code finds the same."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from spkr.errors import InputError
from spkr.feats import make_front_end
from spkr.feats.silero import RATE, SILERO, Silero, frame_centres, speech_parts
from tests.unit.packed.conftest import voice

needs_package = pytest.mark.skipif(not find_spec("silero_vad"), reason="silero-vad is not installed")


@pytest.fixture
def silero_vad():
    """Their package, whose import sets torch's number of threads."""
    threads = torch.get_num_threads()
    package = pytest.importorskip("silero_vad")
    torch.set_num_threads(threads)
    return package


def of_theirs(parts):
    return [(part["start"], part["end"]) for part in parts]


def test_parts_are_those_of_their_code(silero_vad):
    rng, some = np.random.default_rng(1), 0
    for _ in range(300):
        n = int(rng.integers(1, 120))
        walk = 0.5 + np.cumsum(rng.normal(0, 0.15, n))
        probabilities = np.abs((walk + 1) % 4 - 2) / 2  # a walk from 0 to 1 that turns around at both
        samples = (n - 1) * 512 + int(rng.integers(1, 513))
        theirs = silero_vad.get_speech_timestamps_from_probs(list(probabilities), audio_length_samples=samples)
        assert speech_parts(probabilities, samples) == of_theirs(theirs)
        some += len(theirs)
    assert some > 150


def test_probabilities_are_those_of_their_code(silero_vad):
    samples = np.concatenate([voice(3, 1), 0.1 * np.random.default_rng(1).standard_normal(9000), voice(5, 2)])
    model = silero_vad.load_silero_vad(onnx=True)
    theirs = model.audio_forward(torch.from_numpy(samples).float()[None], RATE)[0]
    assert SILERO.probabilities(samples.astype(np.float32)) == pytest.approx(theirs.numpy(), abs=1e-5)


@needs_package
@pytest.mark.parametrize("of", ["tone", "noise", "silence"])
def test_what_is_not_speech_has_none(of):
    t = np.arange(3 * RATE) / RATE
    sounds = {"tone": np.sin(2 * np.pi * 440 * t), "noise": np.random.default_rng(1).normal(0, 0.3, len(t))}
    samples = 20000 * sounds.get(of, np.zeros(len(t)))
    assert not SILERO.voiced(samples.astype(np.float32), make_front_end({}), 300).any()


@needs_package
@pytest.mark.parametrize("rate", [16000, 8000])
def test_frames_in_speech_are_voiced(monkeypatch, rate):
    """By a network that hears speech in the frames 20 to 59 of 32 ms."""
    monkeypatch.setattr(Silero, "probabilities", lambda self, samples: np.repeat([0.1, 0.9, 0.1], [20, 40, 30]))
    fe = make_front_end({"sample_frequency": rate})
    found = np.flatnonzero(Silero().voiced(np.zeros(90 * 512 * rate // RATE, np.float32), fe, 287))
    seconds = frame_centres(fe, 287)[found] / rate
    assert seconds[0] == pytest.approx(20 * 0.032 - 0.03, abs=0.01)
    assert seconds[-1] == pytest.approx(60 * 0.032 + 0.03, abs=0.01)
    assert len(found) == found[-1] - found[0] + 1


@pytest.mark.parametrize(
    ("settings", "first"),
    [({"snip_edges": True}, 200), ({"snip_edges": False}, 80), ({"type": "logmel"}, 0)],
)
def test_centres_of_frames(settings, first):
    assert frame_centres(make_front_end(settings), 3).tolist() == [first, first + 160, first + 320]


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("spkr.feats.silero.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"silero-vad is not installed; pip install 'spkr\[silero\]'"):
        Silero().probabilities(np.zeros(600, np.float32))


@needs_package
def test_the_package_itself_is_not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "silero_vad", raising=False)
    Silero().probabilities(np.zeros(600, np.float32))
    assert "silero_vad" not in sys.modules
