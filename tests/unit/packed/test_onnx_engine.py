"""A packed model with ONNX inside: the numbers of torch, and no torch."""

import json
import os
import subprocess
import sys
from contextlib import chdir

import numpy as np
import pytest

from spkr.errors import InputError
from spkr.packed import onnx_engine
from spkr.packed.container import Container, write_container
from spkr.packed.packed_model import PackedModel
from spkr.packed.packing import pack
from tests.conftest import ROOT
from tests.unit.export.pipeline import distance
from tests.unit.packed.conftest import RATE, voice

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
NOT_AT_RUN_TIME = ("torch", "torchaudio", "pandas", "snakemake", "kaldiio", "matplotlib", "sklearn", "onnx", "jinja2")


@pytest.fixture(scope="module")
def with_onnx(packed_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "mini.spkr"
    with chdir(packed_run):
        pack("exp/mini/main", path, onnx=True)
    return path


@pytest.fixture
def both(with_onnx):
    models = [PackedModel.read(with_onnx, engine=engine, least_speech=0) for engine in ("onnx", "torch")]
    for model in models:
        model.front_end = model.front_end.replace(compress=False)
    return models


def test_compression_may_round_to_another_byte(both):
    for model in both:
        model.front_end = model.front_end.replace(compress=True)
    ours, torchs = (model.hear(voice(1, 2), RATE).embedding for model in both)
    assert distance(ours, torchs) < 1e-3


def test_the_engines_agree(both):
    for seconds in (0.1, 0.5, 3, 30):
        ours, torchs = (model.hear(voice(1, 2, seconds=seconds), RATE) for model in both)
        assert ours.speech == torchs.speech
        assert distance(ours.embedding, torchs.embedding) < 1e-4


def test_a_long_recording_in_pieces_and_chunks(both, monkeypatch):
    monkeypatch.setattr(onnx_engine, "PIECE", 70)
    samples = voice(2, 1, seconds=4.03) * 32768
    for n in (len(samples), 70 * 160, 105 * 160, 105 * 160 + 1, 140 * 160 - 1):
        for ours, torchs in zip(*(model.engine.features(samples[:n]) for model in both), strict=True):
            np.testing.assert_allclose(ours, torchs, atol=2e-3)
    monkeypatch.setattr(onnx_engine, "MAX_CHUNK", 150)
    monkeypatch.setattr("spkr.nnet.embed.MAX_CHUNK", 150)
    ours, torchs = (model.hear(samples / 32768, RATE).embedding for model in both)
    assert distance(ours, torchs) < 1e-4


def test_onnx_is_taken_where_it_is(with_onnx, packed_model):
    assert PackedModel.read(with_onnx).engine_kind == "onnx"
    assert PackedModel.read(packed_model).engine_kind == "torch"
    with pytest.raises(InputError, match="has no ONNX inside; pack it with `spkr pack --onnx`"):
        PackedModel.read(packed_model, engine="onnx")


def test_a_graph_that_onnxruntime_cannot_run_is_named(with_onnx, tmp_path):
    container = Container(with_onnx)
    parts = {name: container.read(name) for name in container.sums} | {"network.onnx": b"\x08\x63"}
    write_container(tmp_path / "x.spkr", container.about, parts)
    with pytest.raises(InputError, match=r"x.spkr: network.onnx: this onnxruntime \(.*\) cannot run it"):
        PackedModel.read(tmp_path / "x.spkr").hear(voice(1, 1), RATE)


def test_verify_enrol_and_identify_without_torch(with_onnx, in_run, tmp_path):
    """In a process in which none of these packages can be imported."""
    code = f"import sys\nfor name in {NOT_AT_RUN_TIME}: sys.modules[name] = None\nfrom spkr.cli import main\nmain()"

    def spkr(*args):
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    found = json.loads(spkr("verify", with_onnx, "audio/s16-0.wav", "audio/s16-1.wav", "--json"))
    assert "onnx" in json.dumps(found)
    spkr("enrol", with_onnx, tmp_path / "v.voices", "ann", "audio/s16-0.wav", "audio/s16-1.wav", "--force")
    assert spkr("identify", with_onnx, tmp_path / "v.voices", "audio/s16-2.wav")
