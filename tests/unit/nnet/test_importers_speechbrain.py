"""speechbrain's ECAPA-TDNN and its Fbank, against the package itself."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from spkr.feats import compute
from spkr.nnet.importers.importing import import_model
from spkr.nnet.model import load_model
from tests.unit.feats.extraction import speech
from tests.unit.nnet.layouts import FEATURES
from tests.unit.nnet.speechbrain_reference import FRAMES, SAMPLES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What speechbrain computes, and `ours.pt`, the model file of its network."""
    folder = tmp_path_factory.mktemp("speechbrain")
    command = [sys.executable, "-m", "tests.unit.nnet.speechbrain_reference", str(folder)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])
    import_model(folder / "embedding_model.ckpt", folder / "ours.pt", "speechbrain")
    return folder


@pytest.fixture(scope="module")
def net(folder):
    return load_model(folder / "ours.pt")[0]


def embed(net, *args):
    with torch.inference_mode():
        return net.embed(*args).numpy()


@pytest.mark.parametrize("frames", FRAMES)
def test_embeddings_are_those_of_speechbrain(folder, net, frames):
    expected = np.load(folder / "embeddings.npz")[str(frames)]
    assert np.abs(embed(net, FEATURES[:, :frames])[0] - expected).max() < 1e-4 * np.abs(expected).max()


def test_padding_to_a_batch_changes_nothing(net):
    padded = torch.full((2, 150, 80), torch.nan)
    padded[0], padded[1, :31] = FEATURES[0], FEATURES[0, :31]
    both = embed(net, padded, torch.tensor([150, 31]))
    assert np.allclose(both[0], embed(net, FEATURES)[0], atol=1e-4)
    assert np.allclose(both[1], embed(net, FEATURES[:, :31])[0], atol=1e-4)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_an_utterance_shorter_than_its_reflection_is_embedded(net, frames):
    assert np.isfinite(embed(net, FEATURES[:, :frames])).all()


@pytest.mark.parametrize("n", SAMPLES)
def test_features_are_those_of_speechbrain(folder, n):
    front_end = load_model(folder / "ours.pt")[1]
    expected = np.load(folder / "features.npz")[str(n)]
    feats, energy = compute(torch.from_numpy(speech(n)), front_end)
    assert feats.shape == expected.shape and energy.shape == expected.shape[:1]
    assert np.abs(feats.numpy() - expected).max() < 1e-3  # dB


def test_decibels_are_limited_below_the_loudest_band(folder):
    samples = torch.zeros(16000)
    samples[:800] = torch.from_numpy(speech(800))
    feats = compute(samples, load_model(folder / "ours.pt")[1])[0]
    assert float(feats.max() - feats.min()) == pytest.approx(80, abs=1e-3)
