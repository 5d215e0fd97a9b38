"""The Python interface: paths, arrays, rates, lists, threads."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import torch

from spkr.errors import InputError
from spkr.voices.recogniser import Recogniser
from tests.unit.voices.toy_model import DIM, RATE, hum, toy_model


@pytest.fixture(scope="module")
def m(tmp_path_factory):
    return Recogniser(toy_model(tmp_path_factory.mktemp("recogniser") / "toy.spkr"))


def test_recordings_are_verified(m):
    same, other = m.verify(hum("ann"), hum("ann", seed=1)), m.verify(hum("ann"), hum("bob"))
    assert same.same and not other.same
    assert same.llr > 10 > 0.001 > other.probability
    assert (same.b.seconds, same.b.speech) == (2.0, 2.0)
    several = m.verify([hum("ann"), hum("ann", seed=2)], hum("ann", seed=1))
    assert len(several.a) == 2 and several.same
    assert m.verify(hum("ann"), hum("bob"), prior=0.5).rule.prior == 0.5
    assert not m.verify(hum("ann"), hum("ann", seed=1), threshold=100).same


def test_paths_arrays_and_tensors_of_any_rate_are_one(m, tmp_path):
    sound = hum("ann", rate=48000)
    soundfile.write(tmp_path / "a.wav", sound, 48000, "FLOAT")
    expected = m.embed(sound, rate=48000)
    assert expected.shape == (DIM,) and expected.dtype == np.float32
    for same in (tmp_path / "a.wav", str(tmp_path / "a.wav")):
        assert np.allclose(m.embed(same), expected, rtol=1e-4)
    assert np.allclose(m.embed(torch.from_numpy(sound), rate=48000), expected)
    assert m.verify(tmp_path / "a.wav", sound, rate=48000).llr > 15  # the rate is that of the samples
    assert "resampled from 48,000 Hz" in m.hear([tmp_path / "a.wav"])[0].warnings
    whole = (hum("bob") * 32768).round()
    assert np.allclose(m.embed(whole.astype(np.int16)), m.embed(whole.astype(np.float64) / 32768), rtol=1e-4)


def test_a_list_gives_a_row_for_each(m):
    sounds = [hum("ann"), hum("bob", 3.0), hum("carl", 1.0)]
    rows = m.embed(sounds)
    assert rows.shape == (3, DIM) and all(
        np.array_equal(row, m.embed(one)) for row, one in zip(rows, sounds, strict=True)
    )
    assert m.embed([]).shape == (0, DIM) and m.embed(sounds[:1]).shape == (1, DIM)


def test_voices_are_enrolled_and_identified(m, tmp_path):
    for name in ("ann", "bob"):
        assert m.enrol(tmp_path / "s", name, [hum(name), hum(name, seed=1)]).voice.name == name
    assert m.identify(tmp_path / "s", hum("ann", seed=9)).name == "ann"
    assert m.identify(str(tmp_path / "s"), [hum("bob", seed=9), hum("bob", seed=8)], top=1).name == "bob"
    assert m.identify(tmp_path / "s", hum("eve")).name is None
    assert m.identify(tmp_path / "s", hum("ann", seed=9), threshold=1000).name is None
    with pytest.raises(InputError, match="'carl' is not enrolled: cohesion"):
        m.enrol(tmp_path / "s", "carl", [hum("carl"), hum("dora")])
    assert m.enrol(tmp_path / "s", "carl", [hum("carl"), hum("dora")], force=True).forced
    assert len(m.enrol(tmp_path / "s", "ann", hum("ann", seed=2), extend=True).voice.recordings) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, here: m.embed("no.wav"), "no.wav: no such audio file"),
        (lambda m, here: m.embed(np.zeros(RATE, np.float32)), "array 1: no speech found in its 1.0 s"),
        (
            lambda m, here: m.embed(hum("ann", 0.2)),
            "array 1: 0.20 s of speech in its 0.2 s .*; expected 0.25 s or more",
        ),
        (lambda m, here: m.embed(np.zeros((2, RATE))), r"array of shape \(2, 16000\); expected samples of one channel"),
        (lambda m, here: m.embed([0.1, 0.2]), "float; expected a path, or an array of samples"),
        (lambda m, here: m.embed(None), "NoneType; expected a path, an array of samples, or a list of these"),
        (lambda m, here: m.enrol(here / "s", "ann", []), "'ann': no recording; expected one or more"),
        (lambda m, here: m.identify(here / "s", hum("ann")), "no such store of voices"),
        (lambda m, here: m.identify(here / "s", []), "no recording; expected one or more"),
        (lambda m, here: m.verify([], hum("ann")), "no recording; expected one or more"),
        (lambda m, here: m.verify(hum("ann"), hum("ann"), prior=1.0), "prior 1; expected a number above 0 and below 1"),
    ],
)
def test_wrong_input_is_named(m, tmp_path, call, message):
    with pytest.raises(InputError, match=message):
        call(m, tmp_path)


def test_threads_share_a_recogniser_and_a_store(m, tmp_path):
    voices = ["ann", "bob", "carl", "dora"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: m.enrol(tmp_path / "s", name, [hum(name), hum(name, seed=1)]), voices))
        sounds = [hum(voices[i % 4], seed=10 + i) for i in range(40)]
        found = list(pool.map(lambda sound: m.identify(tmp_path / "s", sound), sounds))
        rows = list(pool.map(m.embed, sounds))
    assert [one.name for one in found] == [voices[i % 4] for i in range(40)]
    assert all(np.array_equal(row, m.embed(sound)) for row, sound in zip(rows, sounds, strict=True))


def test_importing_spkr_imports_nothing():
    code = "import sys; before = set(sys.modules); import spkr; print(*(set(sys.modules) - before)); spkr.load"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["spkr"], "")


def test_loading_reads_a_packed_model(m, tmp_path):
    import spkr

    loaded = spkr.load(str(m.model.container.path), engine="torch", threads=1)
    assert (loaded.dim, loaded.rate, loaded.model.sha256) == (DIM, RATE, m.model.sha256)
    with pytest.raises(InputError, match="no.spkr: no such file; expected a packed model"):
        spkr.load(tmp_path / "no.spkr")
