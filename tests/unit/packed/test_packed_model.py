"""Packed models: what they say is what the pipeline says, and a damaged one is refused."""

import json
import logging
import shutil
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spkr.cli import main
from spkr.errors import InputError
from spkr.packed.container import Container, write_container
from spkr.packed.examples import selfcheck
from spkr.packed.packed_model import PackedModel
from spkr.packed.packing import pack
from tests.unit.packed.conftest import KINDS, RATE, voice


def read_column(path):
    return [line.split() for line in Path(path).read_text().splitlines()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_model_gives_the_scores_and_ratios_of_the_run(in_run, tmp_path, kind):
    pack("exp/mini/main", tmp_path / "one.spkr", backend=kind)
    model = PackedModel.read(tmp_path / "one.spkr")
    scores = read_column(f"exp/mini/main/scores/trials_pairs.{kind}")
    ratios = read_column(f"exp/mini/main/scores/trials_pairs.{kind}.llr")
    heard = {name: model.hear(f"audio/{name}.wav") for row in scores[::7] for name in row[:2]}
    for (enrol, test, score), (_, _, llr) in list(zip(scores, ratios, strict=True))[::7]:
        found = model.compare([heard[enrol]], [heard[test]])
        assert found.score == pytest.approx(float(score), abs=2e-4, rel=2e-5)
        assert found.llr == pytest.approx(float(llr), abs=2e-4, rel=2e-5)
        assert found.same == (found.llr >= np.log(0.99 / 0.01))


def test_several_recordings_are_averaged_and_counted(packed_model, in_run):
    model = PackedModel.read(packed_model)
    heard = [model.hear(f"audio/s16-{k}.wav") for k in range(3)]
    three, one = model.compare(heard[:2], heard[2:]), model.compare(heard[:1], heard[2:])
    assert three.score != one.score
    averages = np.mean([one.embedding for one in heard[:2]], axis=0, dtype=float)
    x = model.ratios.backend.process(np.stack([averages, heard[2].embedding]).astype(np.float32), np.array([2, 1]))
    plda = model.ratios.backend.scorer
    at = np.array([0])
    expected = plda.score(x[:1], np.array([2]), x[1:], np.array([1]), at, at)
    assert three.score == pytest.approx(expected[0], rel=1e-5)


def test_batches_files_arrays_and_rates_give_the_same_embedding(packed_model, in_run):
    model = PackedModel.read(packed_model)
    of_file = model.hear("audio/s11-0.wav").embedding
    samples, rate = soundfile.read("audio/s11-0.wav", dtype="int16")
    assert rate == model.rate == RATE
    np.testing.assert_array_equal(model.hear(samples).embedding, of_file)
    np.testing.assert_allclose(model.hear(samples / 32768).embedding, of_file, atol=1e-6)
    wide = voice(1, 0, rate=48000, seconds=2.0)
    narrow = voice(1, 0, rate=RATE, seconds=2.0)
    a, b = model.hear(wide, rate=48000), model.hear(narrow)
    assert a.warnings == ("resampled from 48,000 Hz", f"little speech: {a.speech:.1f} s")
    assert a.embedding @ b.embedding > 0.98 * np.linalg.norm(a.embedding) * np.linalg.norm(b.embedding)


def test_threads_share_a_model(packed_model, in_run):
    model, found = PackedModel.read(packed_model), {}
    names = [f"audio/s{k:02d}-{i}.wav" for k in range(10, 14) for i in range(2)]
    alone = {name: PackedModel.read(packed_model).hear(name).embedding for name in names}
    jobs = [threading.Thread(target=lambda name=name: found.update({name: model.hear(name).embedding}))
            for name in names]  # fmt: skip
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert found.keys() == alone.keys()
    for name in names:
        np.testing.assert_allclose(found[name], alone[name], atol=1e-5)


def test_the_same_run_gives_the_same_bytes(packed_model, in_run, tmp_path):
    pack("exp/mini/main", tmp_path / "again.spkr")
    assert (tmp_path / "again.spkr").read_bytes() == packed_model.read_bytes()


def test_no_name_of_a_speaker_and_no_head_is_packed(packed_model):
    container = Container(packed_model)
    assert "s10" not in json.dumps(container.about) and container.about["calibration"]["speakers"] is None
    assert not any("head" in name for name in container.arrays("weights.safetensors"))


def test_stores_are_bound_to_the_embeddings_not_to_the_back_end(packed_model, in_run, tmp_path):
    pack("exp/mini/main", tmp_path / "cosine.spkr", backend="cosine")
    assert PackedModel.read(tmp_path / "cosine.spkr").sha256 == PackedModel.read(packed_model).sha256


def test_selfcheck_sees_other_weights(packed_model, tmp_path, in_run):
    assert selfcheck(PackedModel.read(packed_model)).is_same
    container = Container(packed_model)
    weights = container.arrays("weights.safetensors")
    name = next(name for name in weights if weights[name].ndim > 2)
    weights[name] = weights[name] * 1.5
    from spkr.packed.container import as_arrays

    parts = {part: container.read(part) for part in container.sums}
    write_container(tmp_path / "other.spkr", container.about, parts | {"weights.safetensors": as_arrays(weights)})
    assert not selfcheck(PackedModel.read(tmp_path / "other.spkr")).is_same


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros(RATE, np.float32), "array: no speech found in its 1.0 s"),
        (np.zeros(100, np.float32), "expected at least 0.025 s, a frame"),
        (np.zeros((2, RATE), np.float32), "expected samples of one channel"),
        (np.zeros(RATE, np.int64), "expected floats from -1 to 1, or 16-bit integers"),
        (np.full(RATE, np.nan, np.float32), "samples that are not finite"),
        (np.full(RATE, 1e30, np.float32), "samples that are not finite or are too large"),
        ("nowhere.wav", "nowhere.wav: no such audio file"),
        ("bad\udcff.wav", r"'bad.udcff.wav': bytes that are not UTF-8 in the name; rename the file"),
    ],
)
def test_audio_that_cannot_be_compared(packed_model, audio, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("bad\udcff.wav").touch()
    with pytest.raises(InputError, match=message):
        PackedModel.read(packed_model).hear(audio)


@pytest.mark.parametrize("rate", [0, -8000, 8000.5, 1, 2**40, "8000"])
def test_rates_of_samples_that_cannot_be(packed_model, rate):
    with pytest.raises(InputError, match="array: rate .*; expected a whole number of Hz, 1000 to 399999"):
        PackedModel.read(packed_model).hear(voice(1, 1), rate=rate)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threads": 0}, "threads 0; expected 1 to 1024"),
        ({"threads": 100_000}, "threads 100000; expected 1 to 1024"),
        ({"engine": "x"}, "engine 'x'; expected one of auto, torch, onnx"),
    ],
)
def test_settings_that_cannot_be(packed_model, settings, message):
    with pytest.raises(InputError, match=message):
        PackedModel.read(packed_model, **settings)


@pytest.mark.parametrize("about", [b"[" * 100_000, b'{"format": "spkr packed model", "version": 1, "sha256": [1]}'])
def test_archives_of_other_content(tmp_path, about):
    with zipfile.ZipFile(tmp_path / "other.spkr", "w") as archive:
        archive.writestr("about.json", about)
    with pytest.raises(InputError, match="other.spkr: not a packed model"):
        PackedModel.read(tmp_path / "other.spkr")


def test_an_about_that_lacks_something(tmp_path, caplog):
    write_container(tmp_path / "empty.spkr", {"name": "x"}, {})
    with pytest.raises(SystemExit, match="1"):
        main(["info", str(tmp_path / "empty.spkr"), "--json"])
    assert "about.json: made_by: missing" in caplog.text


def test_a_compressed_part_is_not_unpacked(tmp_path):
    """It may unpack to more than the memory holds."""
    about = b'{"format": "spkr packed model", "version": 9}'
    with zipfile.ZipFile(tmp_path / "bomb.spkr", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", about)
    with pytest.raises(InputError, match="bomb.spkr: not a packed model"):
        PackedModel.read(tmp_path / "bomb.spkr")


def test_files_that_are_cut_or_changed(packed_model, tmp_path):
    content = packed_model.read_bytes()
    for size in (0, 10, 1000, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.spkr").write_bytes(content[:size])
        with pytest.raises(InputError, match="cut.spkr: not a packed model, or cut short"):
            PackedModel.read(tmp_path / "cut.spkr")
    middle = content.index(b"weights.safetensors") + 5000
    (tmp_path / "flipped.spkr").write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    with pytest.raises(InputError, match=r"flipped.spkr: (not a packed model|weights.safetensors is damaged)"):
        selfcheck(PackedModel.read(tmp_path / "flipped.spkr"))
    with pytest.raises(InputError, match="no such file; expected a packed model"):
        PackedModel.read(tmp_path / "none.spkr")


def test_a_file_of_a_newer_version(packed_model, tmp_path):
    shutil.copy(packed_model, tmp_path / "new.spkr")
    with zipfile.ZipFile(packed_model) as old, zipfile.ZipFile(tmp_path / "new.spkr", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b'"version": 1,', b'"version": 9,') if name == "about.json" else content)
    with pytest.raises(InputError, match="version 9 of a packed model; this spkr reads version 1"):
        PackedModel.read(tmp_path / "new.spkr")


def test_runs_that_cannot_be_packed(in_run, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(InputError, match="no back-end 'best'; expected one of plda, cosine"):
        pack("exp/mini", tmp_path / "x.spkr", backend="best")
    with pytest.raises(InputError, match="no list 'trials_o' of test; expected one of trials_pairs"):
        pack("exp/mini", tmp_path / "x.spkr", trials="trials_o")
    with pytest.raises(InputError, match="no such folder"):
        pack("exp/other", tmp_path / "x.spkr")
    assert not (tmp_path / "x.spkr").exists()
