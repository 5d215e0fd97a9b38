"""Networks as graphs, before they are exported: selection without removing frames gives the pipeline's embeddings."""

import numpy as np
import pytest
import torch

from spkr.config.front_end_options import VadOptions
from spkr.errors import InputError
from spkr.export.network_graph import EmbeddingGraph, NetworkGraph, SelectingGraph, voiced_first
from spkr.export.whole_graph import WholeGraph
from spkr.feats import make_front_end
from spkr.feats.vad import energy_vad
from spkr.nnet.embed import embed_utterance
from tests.unit.export.pipeline import DIM, FRONT_ENDS, distance, embedding, front_end, sound
from tests.unit.nnet.networks import FRAME_ENCODERS, network


@pytest.mark.parametrize("frames", [1, 4, 30, 300])
def test_voiced_frames_come_first_and_keep_their_order(frames):
    energies = torch.from_numpy(np.random.default_rng(frames).normal(11, 4, (3, frames)).astype(np.float32))
    energies[2] = -10.0  # none is voiced: all are used
    order, counts = voiced_first(energies, VadOptions())
    for k, energy in enumerate(energies):
        voiced = energy_vad(energy.numpy(), VadOptions()) > 0
        voiced = voiced if voiced.any() else ~voiced
        assert counts[k] == voiced.sum()
        assert order[k].tolist() == [*np.flatnonzero(voiced), *np.flatnonzero(~voiced)]


@pytest.mark.parametrize("kind", FRAME_ENCODERS)
@torch.no_grad()
def test_every_encoder_gives_the_embedding_of_the_pipeline(kind):
    net, fe = network(kind), front_end("fbank")
    graph = WholeGraph(net, fe)
    for n in (400, 5000, 24000):
        pair = np.stack([sound(n, seed=1), sound(n, seed=2)])
        for found, samples in zip(graph(torch.from_numpy(pair)), pair, strict=True):
            assert distance(found, embedding(net, fe, samples)) < 1e-4


@pytest.mark.parametrize("name", FRONT_ENDS)
@torch.no_grad()
def test_every_front_end_gives_the_embedding_of_the_pipeline(name):
    net, fe = network("tdnn"), front_end(name)
    for n in (fe.min_samples, 24000):
        samples = sound(n)
        found = WholeGraph(net, fe)(torch.from_numpy(samples)[None])[0]
        assert distance(found, embedding(net, fe, samples)) < 1e-4


@pytest.mark.parametrize("frames", [1, 24, 25, 60])
@torch.no_grad()
def test_a_short_utterance_is_continued_as_the_pipeline_does(frames):
    net, feats = network("tdnn"), torch.randn(2, frames, DIM)
    for found, one in zip(EmbeddingGraph(net)(feats), feats, strict=True):
        assert distance(found, embed_utterance(net, one.numpy())) < 1e-5


@pytest.mark.parametrize("graph", [NetworkGraph, SelectingGraph])
def test_normalisation_by_speaker_is_refused(graph):
    with pytest.raises(InputError, match="feats.cmvn.type: speaker needs all recordings .* --features outside"):
        graph(network("tdnn"), make_front_end({"cmvn": {"type": "speaker"}}))
