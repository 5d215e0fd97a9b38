"""The verbs enrol, identify, voices and label: what they print, and their exit status."""

import json

import numpy as np
import pytest
import soundfile

import spkr.cli.voices
from spkr.cli import main
from tests.unit.voices.toy_model import RATE, hum, toy_model


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function that runs `spkr` in a folder with recordings of hums: exit status, and what was printed."""
    monkeypatch.chdir(tmp_path)
    toy_model(tmp_path / "toy.spkr")
    monkeypatch.setattr(spkr.cli.voices, "model_of", lambda args, least_speech=None: toy_model(tmp_path / args.model))
    for name in ("ann", "bob", "eve"):
        for i in range(4):
            soundfile.write(f"{name}{i}.wav", hum(name, seed=i), RATE)

    def call(*args):
        try:
            main(list(args))
            status = 0
        except SystemExit as e:
            status = e.code
        return status, capsys.readouterr().out

    return call


@pytest.fixture
def enrolled(run):
    for name in ("ann", "bob"):
        assert run("enrol", "toy.spkr", "s", name, f"{name}0.wav", f"{name}1.wav")[0] == 0
    return run


def test_enrolling_says_what_was_found(run):
    status, out = run("enrol", "toy.spkr", "s", "ann", "ann0.wav", "ann1.wav")
    lines = out.splitlines()
    assert status == 0 and lines[0].startswith("enrolled: ann: 2 recordings, 4.0 s of speech, since 20")
    assert [line.partition(":")[0].strip() for line in lines[1:]] == [
        "added",
        "added",
        "speech",
        "cohesion",
        "distance",
    ]
    status, out = run("enrol", "toy.spkr", "s", "ann", "bob0.wav", "--add", "--force", "--json")
    found = json.loads(out)
    assert status == 0 and found["forced"] and len(found["recordings"]) == 3 and found["store"] == "s"
    assert {gate["name"]: gate["passed"] for gate in found["gates"]} == {
        "speech": True,
        "cohesion": False,
        "distance": True,
    }
    assert "embedding" not in out


def test_a_refused_enrolment_is_status_1_and_one_line(run, caplog):
    assert run("enrol", "toy.spkr", "s", "ann", "ann0.wav", "bob0.wav")[0] == 1
    assert caplog.messages[-1].startswith("spkr enrol: error: 'ann' is not enrolled: cohesion: ann0.wav against")
    assert run("enrol", "toy.spkr", "s", "ann", "ann0.wav", "--min-speech", "5")[0] == 1
    assert "expected 5 s in each" in caplog.messages[-1]


def test_identifying_is_status_0_if_known_and_1_if_not(enrolled):
    status, out = enrolled("identify", "toy.spkr", "s", "ann3.wav")
    assert status == 0 and out.splitlines()[0] == "ann3.wav: ann" and "  1. ann: log-likelihood ratio " in out
    status, out = enrolled("identify", "toy.spkr", "s", "eve0.wav")
    assert status == 1 and out.splitlines()[0] == "eve0.wav: unknown"
    assert enrolled("identify", "toy.spkr", "s", "ann3.wav", "bob3.wav")[0] == 0
    assert enrolled("identify", "toy.spkr", "s", "ann3.wav", "eve3.wav")[0] == 1
    assert enrolled("identify", "toy.spkr", "s", "ann3.wav", "--margin", "99")[0] == 1


def test_identifying_as_json(enrolled):
    status, out = enrolled("identify", "toy.spkr", "s", "ann3.wav", "eve0.wav", "--json", "--top", "1")
    found = json.loads(out)
    assert status == 1 and [one["name"] for one in found["files"]] == ["ann", None] and found["failed"] == []
    assert [one["heard"][0]["source"] for one in found["files"]] == ["ann3.wav", "eve0.wav"]
    (best,) = found["files"][0]["best"]
    assert best["name"] == "ann" and best["llr"] > 4.6 and best["same"]


def test_errors_of_identifying_are_status_2_and_some_failed_files_3(enrolled, caplog):
    assert enrolled("identify", "toy.spkr", "s", "no.wav")[0] == 2
    assert enrolled("identify", "toy.spkr", "nowhere", "ann0.wav")[0] == 2
    status, out = enrolled("identify", "toy.spkr", "s", "no.wav", "ann3.wav", "--json")
    assert status == 3 and [one["name"] for one in json.loads(out)["files"]] == ["ann"]
    assert json.loads(out)["failed"][0]["source"] == "no.wav"
    assert caplog.messages[-1] == "spkr identify: 1 of 2 files failed, first no.wav"


def test_a_store_is_listed_shown_exported_and_removed_from(enrolled, tmp_path):
    status, out = enrolled("voices", "s", "list")
    assert status == 0 and out.splitlines()[0].startswith("s: 2 voices, of the model ")
    assert [line.partition(":")[0] for line in out.splitlines()[1:]] == ["ann", "bob"]
    assert [v["name"] for v in json.loads(enrolled("voices", "s", "list", "--json")[1])["voices"]] == ["ann", "bob"]
    out = enrolled("voices", "s", "show", "ann")[1]
    assert "  ann0.wav: 2.0 s of speech in 2.0 s, added 20" in out and "sha256" in out and "bob" not in out
    assert enrolled("voices", "s", "export", "all.json")[1] == "all.json: 2 voices, with their embeddings\n"
    whole = json.loads((tmp_path / "all.json").read_text())
    assert np.shape(whole["voices"][1]["recordings"][0]["embedding"]) == (16,) and len(whole["model"]) == 64
    assert json.loads(enrolled("voices", "s", "export", "bob.json", "bob", "--json")[1])["voices"] == ["bob"]
    assert enrolled("voices", "s", "remove", "ann")[1].startswith("removed: ann: 2 recordings")
    assert b"ann0.wav" not in (tmp_path / "s").read_bytes()
    assert enrolled("voices", "s", "remove", "ann")[0] == 1
    assert enrolled("voices", "s", "export", "s")[0] == 1  # an output that is the input
    assert "1 voice" in enrolled("voices", "s", "list")[1]


def test_names_and_paths_are_printed_on_one_line(run, tmp_path):
    (tmp_path / "a\x1b[31m\nb.wav").write_bytes((tmp_path / "ann0.wav").read_bytes())
    name = "it's; $(touch ran) 日本"
    out = run("enrol", "toy.spkr", "s", name, "a\x1b[31m\nb.wav")[1]
    assert f"enrolled: {name}: 1 recording" in out and "\x1b" not in out and r"a\x1b[31m\nb.wav" in out
    assert "\x1b" not in run("voices", "s", "show", name)[1]
    assert run("identify", "toy.spkr", "s", "ann3.wav")[1].startswith(f"ann3.wav: {name}\n")


def test_segments_are_named(enrolled, tmp_path, caplog):
    soundfile.write("m.wav", np.concatenate([hum("ann", seed=9), hum("eve"), hum("bob", seed=9)]), RATE)
    lines = [f"SPEAKER m 1 {start} 2 <NA> <NA> {who} <NA> <NA>\n" for start, who in ((4, "x"), (0, "y"), (2, "z"))]
    (tmp_path / "m.rttm").write_text("".join(lines))
    status, out = enrolled("label", "toy.spkr", "s", "m.wav", "--segments", "m.rttm")
    assert status == 0 and out == "".join(lines).replace(" x ", " bob ").replace(" y ", " ann ")
    status, said = enrolled("label", "toy.spkr", "s", "m.wav", "--segments", "m.rttm", "-o", "out.rttm")
    assert (tmp_path / "out.rttm").read_text() == out
    assert said.splitlines()[0] == "y, 1 segment, 2.0 s: ann" and "z, 1 segment, 2.0 s: unknown" in said
    found = json.loads(
        enrolled("label", "toy.spkr", "s", "m.wav", "--segments", "m.rttm", "--json", "--each-segment")[1]
    )
    assert [one["name"] for one in found["speakers"]] == ["ann", None, "bob"] and found["rttm"] == out
    assert enrolled("label", "toy.spkr", "s", "ann0.wav", "--segments", "m.rttm")[0] == 1
    assert "no segment of the recording 'ann0'; it has m: name one of them with --name" in caplog.messages[-1]
    assert enrolled("label", "toy.spkr", "s", "m.wav", "--segments", "m.rttm", "-o", "m.rttm")[0] == 1
    assert "is an input, too" in caplog.messages[-1]


@pytest.mark.parametrize("verb", ["enrol", "identify", "voices", "label"])
def test_the_example_of_the_help_parses(run, verb):
    import shlex

    from spkr.cli import parser

    status, out = run(verb, "--help")
    example = shlex.split(out.partition("example:\n")[2])
    assert status == 0 and example[:2] == ["spkr", verb]
    assert parser().parse_args(example[1:]).verb == verb


def test_looking_at_a_store_loads_no_torch_pandas_or_scipy(enrolled):
    import subprocess
    import sys

    code = "import sys; from spkr.cli import main; main(['voices', 's', 'list']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("s: 2 voices")
    assert not {"torch", "pandas", "scipy"} & set(done.stdout.split())
