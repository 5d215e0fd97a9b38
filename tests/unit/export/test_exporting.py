"""ONNX files as ONNX Runtime and sherpa-onnx run them."""

import json
import logging

import numpy as np
import pytest
import torch

from spkr.errors import InputError
from spkr.export.exporting import export_network
from spkr.export.onnx_file import to_onnx
from spkr.export.packed_graphs import front_onnx
from spkr.feats import compute, make_front_end
from spkr.nnet import network_options
from spkr.nnet.embed import embed_utterance
from spkr.nnet.model import make_network
from tests.unit.export.pipeline import DIM, FRONT_ENDS, RATE, distance, embedding, front_end, sound
from tests.unit.nnet.networks import FRAME_ENCODERS, POOLINGS, SMALL_OF, network, stir

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
FOR_SHERPA = {"num_mel_bins": 80, "high_freq": -400, "select_voiced": False, "cmvn": {"type": "utterance"}}


def wide_network():
    torch.manual_seed(3)
    return stir(make_network(network_options(SMALL_OF["tdnn"] | {"ensemble": 2}), 80, 5))


def run(path, **inputs):
    return onnxruntime.InferenceSession(path).run(None, inputs)[0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path, net, fe = tmp_path_factory.mktemp("onnx") / "whole.onnx", network("tdnn"), front_end("fbank")
    export_network(path, net, fe, "inside")
    return path, net, fe


@pytest.fixture(scope="module")
def for_sherpa(tmp_path_factory):
    path, net, fe = tmp_path_factory.mktemp("onnx") / "sherpa.onnx", wide_network(), make_front_end(FOR_SHERPA)
    export_network(path, net, fe, "outside", "sherpa-onnx", language="English")
    return path, net, fe


def test_a_waveform_of_any_length_and_number_gives_the_pipelines_embedding(whole):
    path, net, fe = whole
    for count, n in ((1, fe.min_samples), (2, RATE), (3, 4 * RATE + 1), (1, 30 * RATE)):
        several = np.stack([sound(n, seed) for seed in range(count)])
        for found, samples in zip(run(path, waveform=several), several, strict=True):
            assert distance(found, embedding(net, fe, samples)) < 1e-4


def test_silence_uses_all_frames(whole):
    path, net, fe = whole
    silence = np.zeros(RATE, np.float32)
    assert distance(run(path, waveform=silence[None])[0], embedding(net, fe, silence)) < 1e-4


def test_the_file_says_what_it_reads_and_nothing_of_where_it_was_made(whole):
    path, _, fe = whole
    facts = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert facts["spkr_features"] == "inside" and json.loads(facts["spkr_front_end"]) == fe.numbers()
    assert b"site-packages" not in path.read_bytes() and b".py" not in path.read_bytes()


def test_features_outside_have_a_program_s_metadata(for_sherpa):
    path, net, fe = for_sherpa
    facts = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert facts["output_dim"] == "20" and facts["sample_rate"] == "16000" and facts["language"] == "English"
    assert facts["normalize_samples"] == "0" and facts["feature_normalize_type"] == "global-mean"
    for frames in (3, 25, 700):
        feats = np.random.default_rng(frames).normal(size=(2, frames, 80)).astype(np.float32)
        for found, one in zip(run(path, feats=feats), feats, strict=True):
            assert distance(found, embed_utterance(net, one)) < 1e-4


def test_sherpa_onnx_gives_our_embedding(for_sherpa):
    sherpa = pytest.importorskip("sherpa_onnx", reason="sherpa-onnx is not installed")
    path, net, fe = for_sherpa
    extractor = sherpa.SpeakerEmbeddingExtractor(sherpa.SpeakerEmbeddingExtractorConfig(model=str(path)))
    assert extractor.dim == 20
    for seconds in (0.5, 3, 10):
        samples = sound(int(seconds * RATE))
        stream = extractor.create_stream()
        stream.accept_waveform(RATE, samples)
        stream.input_finished()
        assert distance(extractor.compute(stream), embedding(net, fe, samples)) < 1e-3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"high_freq": 0}, "feats: upper end of the bands: 8000.0, but 7600.0 in sherpa-onnx"),
        ({"select_voiced": True}, "feats: select_voiced: True, but False in sherpa-onnx"),
        ({"dither": 1.0}, "feats: dither: 1.0, but 0.0 in sherpa-onnx"),
    ],
)
def test_an_option_that_sherpa_onnx_does_not_heed_is_named(changes, message, caplog):
    from spkr.export.sherpa import sherpa_facts

    with caplog.at_level(logging.WARNING):
        sherpa_facts(make_front_end(FOR_SHERPA | changes), "English")
    assert message in caplog.text


def test_other_features_than_sherpa_onnx_has_are_refused(tmp_path):
    fe = make_front_end({"type": "mfcc", "num_mel_bins": 30})
    with pytest.raises(InputError, match=r"feats.type: mfcc \(it has fbank\), feats.num_mel_bins: 30 .*sherpa.yaml"):
        export_network(tmp_path / "x.onnx", network("tdnn"), fe, "outside", "sherpa-onnx")
    with pytest.raises(InputError, match="--for sherpa-onnx: .* give --features outside"):
        export_network(tmp_path / "x.onnx", network("tdnn"), fe, "inside", "sherpa-onnx")


def test_int8_is_smaller_and_leaves_the_front_end_alone(whole, tmp_path):
    onnx = pytest.importorskip("onnx")
    from spkr.export.quantisation import quantised

    path, net, fe = whole
    made = quantised(onnx.load(path))
    onnx.save(made, tmp_path / "int8.onnx")
    kept = {one.name for one in made.graph.initializer if one.name.startswith("front.")}
    assert any("spectrum" in name for name in kept) and any("banks" in name for name in kept)
    assert {"ConvInteger", "MatMulInteger"} & {node.op_type for node in made.graph.node}
    samples = sound(2 * RATE)
    assert 1e-5 < distance(run(tmp_path / "int8.onnx", waveform=samples[None])[0], embedding(net, fe, samples)) < 0.1


def test_a_size_that_the_exporter_fixed_is_noticed():
    class Fixing(torch.nn.Module):
        def forward(self, x):
            return x * x.new_tensor(x.shape[1])

    with pytest.raises(RuntimeError, match="the exporter fixed axis 1 of x"):
        to_onnx(Fixing(), (torch.ones(1, 7),), {"x": {1: ("n", 1)}}, ["y"])


@pytest.mark.slow
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_every_front_end_is_exported(name, tmp_path):
    fe = front_end(name)
    session = onnxruntime.InferenceSession(front_onnx(fe).SerializeToString())
    for n in (fe.min_samples, 16079, 16080, 30 * RATE):
        samples = sound(n) * 32768
        for found, expected in zip(
            session.run(None, {"waveform": samples[None]}), compute(torch.from_numpy(samples), fe), strict=True
        ):
            np.testing.assert_allclose(found[0], expected, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [*({"type": kind} for kind in FRAME_ENCODERS), *({"type": "ecapa", "pooling": pooling} for pooling in POOLINGS),
     {"type": "ecapa", "padding": "reflect", "aggregation_norm": True}],
    ids=lambda settings: "-".join(map(str, settings.values())),
)  # fmt: skip
def test_every_encoder_and_pooling_is_exported(settings, tmp_path):
    net, fe = network(settings["type"], **settings), make_front_end({"num_mel_bins": DIM})
    export_network(tmp_path / "x.onnx", net, fe, "inside")
    for seconds in (1, 3, 10, 30):
        samples = sound(seconds * RATE)
        assert distance(run(tmp_path / "x.onnx", waveform=samples[None])[0], embedding(net, fe, samples)) < 1e-4
