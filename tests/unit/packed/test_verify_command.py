"""The commands of packed models: their output and exit status."""

import json
import math
import shutil
from pathlib import Path

import pytest
import soundfile

from spkr.cli import main
from spkr.errors import InputError
from spkr.packed.decision import Rule, decide, posterior
from spkr.packed.packed_model import PackedModel
from spkr.packed.verdicts import evidence
from tests.unit.packed.conftest import RATE, voice


def run(capsys, *argv) -> tuple[int, str]:
    """The exit status of a command, and what it printed."""
    try:
        main(list(map(str, argv)))
        status = 0
    except SystemExit as e:
        status = e.code
    return status, capsys.readouterr().out


def test_verify_answers_with_its_exit_status(packed_model, in_run, capsys):
    rule = ("--threshold", "0")
    status, out = run(capsys, "verify", packed_model, "audio/s16-0.wav", "audio/s16-1.wav", *rule)
    assert status == 0 and out.startswith("same: log-likelihood ratio ")
    assert "A: audio/s16-0.wav, 1.4 s of speech in 1.6 s" in out and "warning: audio/s16-0.wav: little speech" in out
    status, out = run(capsys, "verify", packed_model, "audio/s16-0.wav", "audio/s21-1.wav", *rule)
    assert status == 1 and out.startswith("different: ")


def test_json_has_what_the_text_has(packed_model, in_run, capsys):
    argv = ("verify", packed_model, "audio/s16-0.wav", "audio/s16-1.wav", "audio/s21-1.wav", "--enrol")
    status, out = run(capsys, *argv, "audio/s16-2.wav", "--json", "--prior", "0.5")
    found = json.loads(out)
    first, second = found["comparisons"]
    assert status == (0 if first["same"] and second["same"] else 1)
    assert [one["source"] for one in first["a"]] == ["audio/s16-0.wav", "audio/s16-2.wav"]
    assert first["prior"] == 0.5 and first["threshold"] == pytest.approx(0) and first["llr"] > second["llr"]
    for one in (first, second):
        assert one["same"] == (one["llr"] >= one["threshold"]) == (one["probability"] >= 0.5)


def test_wrong_input_is_no_answer(packed_model, in_run, capsys, tmp_path, caplog):
    soundfile.write(tmp_path / "silent.wav", voice(1, 1) * 0, RATE)
    for argv in (
        ("verify", packed_model, "audio/s16-0.wav", tmp_path / "silent.wav"),
        ("verify", packed_model, "audio/s16-0.wav", tmp_path / "missing.wav"),
        ("verify", tmp_path / "silent.wav", "audio/s16-0.wav", "audio/s16-1.wav"),
        ("verify", packed_model, "audio/s16-0.wav"),
    ):
        status, out = run(capsys, *argv)
        assert status == 2 and not out
    status, _ = run(capsys, "verify", packed_model, "audio/s16-0.wav", "audio/s16-1.wav", "--false-alarms", "0.001")
    assert status == 2 and "no threshold for a rate of false alarms of 0.001" in caplog.text


def test_too_little_speech_to_compare_is_refused(packed_model, in_run, capsys, tmp_path, caplog):
    """A fifth of a second of a syllable, among noise that the VAD does not take for speech."""
    short = voice(16, 1, seconds=1.0)
    short[int(0.2 * RATE) :] = 0
    soundfile.write(tmp_path / "short.wav", short, RATE)
    argv = (packed_model, "audio/s16-0.wav", tmp_path / "short.wav", "--threshold", "0")
    status, out = run(capsys, "verify", *argv)
    assert status == 2 and not out and "short.wav: 0.23 s of speech in its 1.0 s (by the energy VAD)" in caplog.text
    assert "expected 0.25 s or more" in caplog.text
    status, out = run(capsys, "verify", *argv, "--min-speech", "0.1")
    assert status in (0, 1) and "warning: " in out and "little speech: 0.2 s" in out


@pytest.mark.parametrize("threshold", ["nan", "inf", "-inf", "x"])
def test_a_threshold_is_a_finite_number(packed_model, in_run, capsys, threshold):
    argv = ("verify", packed_model, "audio/s16-0.wav", "audio/s16-1.wav", f"--threshold={threshold}")
    with pytest.raises(SystemExit, match="2"):
        main(list(map(str, argv)))
    assert f"expected a number, found '{threshold}'" in capsys.readouterr().err
    if threshold != "x":
        with pytest.raises(InputError, match="expected a finite number"):
            PackedModel.read(packed_model).rule(threshold=float(threshold))


def test_a_file_name_stays_on_its_line(packed_model, in_run, capsys, tmp_path):
    shutil.copy("audio/s16-1.wav", tmp_path / "a\nsame: b.wav")
    _, out = run(capsys, "verify", packed_model, "audio/s16-0.wav", tmp_path / "a\nsame: b.wav", "--threshold", "1e9")
    assert "a\\nsame: b.wav, " in out and not any(line.startswith("same") for line in out.splitlines())


def test_a_probability_is_never_1_nor_0():
    rule = Rule(0, True, "as given", 0.01)
    assert "probability above 0.999 at a prior" in evidence(decide(0.9, 16, rule))
    assert "probability 0.999 at a prior" in evidence(decide(0.9, 11.28, rule))
    assert posterior(-60, 0.5) == pytest.approx(math.exp(-60), rel=1e-9)


def test_no_input_is_overwritten(packed_model, in_run, tmp_path, capsys, caplog):
    lists, model = Path("exp/mini/main/results/lists.json"), packed_model.read_bytes()
    before = lists.read_bytes()
    for argv, message in (
        (("pack", "exp/mini/main", lists), "expected the name of a file that ends in .spkr"),
        (("export", "onnx", packed_model, packed_model), "is an input, too"),
    ):
        status, _ = run(capsys, *argv)
        assert status == 1 and message in caplog.text
    assert (lists.read_bytes(), packed_model.read_bytes()) == (before, model)


def test_info_shows_the_card_and_the_rest(packed_model, capsys):
    status, card = run(capsys, "info", packed_model)
    assert status == 0 and card.startswith("# mini/main\n") and "## Trained on" in card
    assert "does not detect replayed, converted or synthetic speech" in card
    _, out = run(capsys, "info", packed_model, "--json")
    about = json.loads(out)
    assert about["sha256"] == PackedModel.read(packed_model).sha256 and "card.md" in about["parts"]
    row = next(row for row in about["results"] if row["trials"] == "trials_pairs")
    assert f"| {row['eer']:.2f} (" in card
    assert about["backend"] == {"name": "plda", "chain": "mean | lda | length-norm | plda", "top_n": None,
                                "ignore_num_utts": False, "cohort": 0}  # fmt: skip


def test_pack_and_export_say_in_json_what_they_wrote(packed_model, in_run, capsys, tmp_path):
    status, out = run(capsys, "pack", "exp/mini/main", tmp_path / "a.spkr", "--backend", "cosine", "--json")
    found = json.loads(out)
    assert status == 0 and (found["out"], found["name"], found["onnx"]) == (
        str(tmp_path / "a.spkr"),
        "mini/main",
        False,
    )
    assert found["backend"]["name"] == "cosine" and found["dim"] == PackedModel.read(tmp_path / "a.spkr").dim
    pytest.importorskip("onnxscript")
    status, out = run(capsys, "export", "onnx", packed_model, tmp_path / "a.onnx", "--features", "outside", "--json")
    found = json.loads(out)
    assert status == 0 and found["features"] == "outside" and found["for"] is None
    assert (tmp_path / "a.onnx").stat().st_size == found["bytes"]


def test_selfcheck_passes_here(packed_model, capsys):
    status, out = run(capsys, "selfcheck", packed_model)
    assert status == 0 and out.startswith("the same as the file says, with torch")
    status, out = run(capsys, "selfcheck", packed_model, "--json")
    assert json.loads(out)["same"] is True
