"""WavLM as the front of a network, beside torchaudio's own functions, and MHFA beside plain numpy."""

import copy

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, layer_norm, pad

from spkr.config.embed_options import MIN_CHUNK
from spkr.nnet import embed, network_options
from spkr.nnet.embed import embed_batches, embed_utterance, plan_batches
from spkr.nnet.model import make_network
from spkr.nnet.wavlm import LayerSums
from spkr.nnet.wavlm_file import wavlm_of
from tests.unit.nnet.networks import SMALL_OF, stir
from tests.unit.nnet.wavlms import LAYERS, MHFA, WIDTH, front_end, random_wavlm


@pytest.fixture(scope="module", params=["base", "large"])
def wavlm(request, tmp_path_factory):
    """torchaudio's network, and ours from its file."""
    file = tmp_path_factory.mktemp("wavlm") / "small.pt"
    theirs = random_wavlm(request.param == "large")
    torch.save(theirs.state_dict(), file)
    return theirs, wavlm_of(front_end(file)).eval()


def samples(frames=30, n=2, seed=1):
    return 3000 * torch.randn(n, frames, 320, generator=torch.Generator().manual_seed(seed))


def network(wavlm, settings=MHFA, speakers=5):
    torch.manual_seed(1)
    net = stir(make_network(network_options(settings), 320, speakers, copy.deepcopy(wavlm)))
    with torch.no_grad():
        net.front.weights.normal_(std=2)
    return net


@torch.inference_mode()
def test_the_layers_are_those_of_torchaudio(wavlm):
    theirs, ours = (copy.deepcopy(net).double() for net in wavlm)  # random layers make much of rounding
    waves = samples().double().flatten(1) / 32768
    if ours.normalised:
        waves = torch.stack([layer_norm(wave, wave.shape) for wave in waves])
    expected, _ = theirs.extract_features(pad(waves, (0, 80)))
    found = ours(samples().double())
    assert found.shape == (2, 30, LAYERS + 1, WIDTH)
    for number, layer in enumerate(expected, 1):
        torch.testing.assert_close(found[:, :, number], layer, rtol=0, atol=1e-9)
    assert (found[:, :, 0] - found[:, :, 1]).abs().max() > 0.1


@pytest.mark.parametrize("kind", ["mhfa", "ecapa"])
@torch.inference_mode()
def test_padding_changes_no_embedding(wavlm, kind):
    settings = MHFA if kind == "mhfa" else SMALL_OF["ecapa"] | {"pooling": "channel_attentive"}
    net, x = network(wavlm[1], settings), samples(n=3)
    lengths = torch.tensor([30, 11, 1])
    x[1, 11:], x[2, 1:] = torch.nan, 1e9
    together = net.embed(x, lengths)
    for row, n, one in zip(x, lengths, together, strict=True):
        torch.testing.assert_close(one, net.embed(row[None, :n])[0], rtol=0, atol=1e-5 * float(together.abs().max()))
    assert (together[0] - together[1]).abs().max() > 1e-2


@torch.inference_mode()
def test_mhfa_is_that_of_the_paper(wavlm):
    net = network(wavlm[1])
    hidden = net.front.wavlm(samples(n=1)).double()[0].numpy()  # (T, L + 1, D)

    def linear(x, layer):
        return x @ layer.weight.double().numpy().T + layer.bias.double().numpy()

    shares = np.exp(net.front.weights.double().numpy())
    shares /= shares.sum(axis=1, keepdims=True)
    keys, values = (sum(w * hidden[:, i] for i, w in enumerate(share)) for share in shares)
    scores = linear(linear(keys, net.encoder.keys), net.encoder.queries)  # (T, H)
    attention = np.exp(scores) / np.exp(scores).sum(axis=0)
    values = linear(values, net.encoder.values)
    heads = [sum(attention[t, h] * values[t] for t in range(len(values))) for h in range(MHFA["heads"])]
    expected = linear(np.concatenate(heads), net.affine[0])
    np.testing.assert_allclose(net.embed(samples(n=1))[0].numpy(), expected, atol=1e-4)


def test_a_wavlm_that_is_not_trained_gets_no_gradient_and_is_not_in_the_state(wavlm):
    net = network(wavlm[1]).train()
    net(samples(), None, torch.tensor([0, 1])).square().sum().backward()
    assert net.front.weights.grad.abs().min() > 0
    assert all(parameter.grad is None for parameter in net.front.wavlm.parameters())
    assert not net.front.wavlm.training
    assert {name for name in net.state_dict() if "front" in name} == {"front.weights", "front.sha256"}
    assert bytes(net.state_dict()["front.sha256"].tolist()) == wavlm[1].sha256


def test_a_wavlm_that_is_trained_gets_a_gradient_but_for_its_convolutions(wavlm):
    net = network(wavlm[1])
    net.front.train_wavlm(0.1)
    net.train()
    net(samples(), None, torch.tensor([0, 1])).square().sum().backward()
    trained = {name: p.grad for name, p in net.front.wavlm.model.named_parameters() if p.requires_grad}
    assert all(grad is not None and grad.isfinite().all() for grad in trained.values())
    assert {name.split(".")[0] for name in trained} == {"encoder"}
    assert trained["encoder.feature_projection.projection.weight"].any()
    assert net.front.wavlm.training
    assert net.front.keeps


@torch.inference_mode()
def test_long_utterances_are_embedded_in_chunks_and_short_ones_as_they_are(wavlm, monkeypatch):
    monkeypatch.setattr(embed, "CHUNKS", (1, 20))
    net = network(wavlm[1])
    feats = {"long": samples(45)[0].numpy(), "middle": samples(15)[0].numpy(), "one": samples(1)[0].numpy()}
    vectors = dict(embed_batches(net, feats, plan_batches({utt: len(x) for utt, x in feats.items()})))
    parts = [net.embed(torch.from_numpy(feats["long"][None, at : at + 20]))[0].numpy() for at in (0, 20, 40)]
    np.testing.assert_allclose(vectors["long"], np.average(parts, axis=0, weights=[20, 20, 5]), atol=1e-4)
    assert MIN_CHUNK > 1
    for utt in ("one", "middle"):
        expected = net.embed(torch.from_numpy(feats[utt][None]))[0].numpy()
        np.testing.assert_allclose(vectors[utt], expected, atol=1e-4)
        np.testing.assert_allclose(embed_utterance(net, feats[utt]), expected, atol=1e-4)


def test_bfloat16_embeds_nearly_as_float32(wavlm):
    net, utts = network(wavlm[1]), {"a": samples(30)[0].numpy(), "b": samples(20)[1].numpy()}
    plain, half = (dict(embed_batches(net, utts, [["a", "b"]], precision=p)) for p in ("float32", "bfloat16"))
    for utt in utts:
        cosine = plain[utt] @ half[utt] / np.linalg.norm(plain[utt]) / np.linalg.norm(half[utt])
        assert 0.95 < cosine < 1 - 1e-6


def test_an_encoder_of_one_sum_reads_as_many_coefficients_as_a_layer_has(wavlm):
    assert LayerSums(wavlm[1], 1).output_dim == WIDTH
    assert LayerSums(wavlm[1], 2).output_dim == 2 * WIDTH
    torch.testing.assert_close(LayerSums(wavlm[1], 2).shares(), torch.full((2, LAYERS + 1), 1 / (LAYERS + 1)))


def test_a_few_recordings_are_learned_by_heart(wavlm):
    net, x, speakers = network(wavlm[1], speakers=6).train(), samples(n=6), torch.arange(6)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        loss = cross_entropy(net(x, None, speakers), speakers)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
