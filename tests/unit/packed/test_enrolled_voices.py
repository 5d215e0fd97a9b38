"""Voices are enrolled and identified with a packed model of a real network, from Python, threads and the shell."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import spkr
from spkr.kaldi.table import TableReader
from spkr.voices.store import VoiceStore
from tests.unit.packed.test_verify_command import run

TEST = [f"s{speaker}" for speaker in range(16, 22)]
EASY = {"threshold": -100.0}  # an untrained network errs: only the numbers matter here


@pytest.fixture(scope="module")
def m(packed_model):
    return spkr.load(packed_model)


def test_embeddings_are_those_of_the_run(m, in_run):
    stored = TableReader("exp/mini/main/xvectors/test/xvector.scp")
    names = [f"{speaker}-{k}" for speaker in TEST for k in range(3)]
    found = m.embed([f"audio/{name}.wav" for name in names])
    assert np.allclose(found, [stored[name] for name in names], rtol=1e-3, atol=1e-4)


def test_ratios_of_enrolled_voices_are_those_of_comparing(m, in_run, tmp_path):
    for speaker in TEST[:3]:
        m.enrol(tmp_path / "s", speaker, [f"audio/{speaker}-{k}.wav" for k in range(2)], force=True)
    found = m.identify(tmp_path / "s", "audio/s16-2.wav", margin=0, **EASY)
    assert found.name == found.best[0].name and len(found.best) == 3
    for one in found.best:
        direct = m.verify([f"audio/{one.name}-{k}.wav" for k in range(2)], "audio/s16-2.wav")
        assert one.comparison.llr == pytest.approx(direct.llr, abs=1e-4)
        assert one.comparison.score == pytest.approx(direct.score, abs=1e-4)


def test_threads_give_what_one_gives(m, in_run, tmp_path):
    files = [f"audio/{speaker}-{k}.wav" for speaker in TEST for k in range(3)]
    alone = [m.embed(file) for file in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(m.embed, files))
        list(pool.map(lambda s: m.enrol(tmp_path / "s", s, f"audio/{s}-0.wav", force=True), TEST))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    assert [v.name for v in VoiceStore(tmp_path / "s", m.model.sha256, m.dim).voices()] == TEST


def test_from_the_shell(packed_model, in_run, capsys, tmp_path):
    files = [f"audio/s16-{k}.wav" for k in range(2)]
    status, out = run(capsys, "enrol", packed_model, tmp_path / "s", "Ann", *files, "--force", "--json")
    assert status == 0 and [gate["name"] for gate in json.loads(out)["gates"]] == ["speech", "cohesion", "distance"]
    status, out = run(capsys, "identify", packed_model, tmp_path / "s", files[0], "--threshold", "-100")
    assert status == 0 and out.startswith(f"{files[0]}: Ann\n")
    status, out = run(capsys, "identify", packed_model, tmp_path / "s", files[0], "--threshold", "1e6")
    assert status == 1 and out.startswith(f"{files[0]}: unknown\n")
    (tmp_path / "x.rttm").write_text("SPEAKER s16-2 1 0 1.5 <NA> <NA> A <NA> <NA>\n")
    status, out = run(capsys, "label", packed_model, tmp_path / "s", "audio/s16-2.wav", "--segments",
                      tmp_path / "x.rttm", "--threshold", "-100")  # fmt: skip
    assert (status, out) == (0, "SPEAKER s16-2 1 0 1.5 <NA> <NA> Ann <NA> <NA>\n")
