"""The commands of packed models: their output and exit status."""

import json

import pytest
import soundfile

from spkr.cli import main
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


def test_info_shows_the_card_and_the_rest(packed_model, capsys):
    status, card = run(capsys, "info", packed_model)
    assert status == 0 and card.startswith("# mini/main\n") and "## Trained on" in card
    assert "does not detect replayed, converted or synthetic speech" in card
    _, out = run(capsys, "info", packed_model, "--json")
    about = json.loads(out)
    row = next(row for row in about["results"] if row["trials"] == "trials_pairs")
    assert f"| {row['eer']:.2f} (" in card
    assert about["backend"] == {"name": "plda", "chain": "mean | lda | length-norm | plda", "top_n": None,
                                "ignore_num_utts": False, "cohort": 0}  # fmt: skip


def test_selfcheck_passes_here(packed_model, capsys):
    status, out = run(capsys, "selfcheck", packed_model)
    assert status == 0 and out.startswith("the same as the file says, with torch")
    status, out = run(capsys, "selfcheck", packed_model, "--json")
    assert json.loads(out)["same"] is True
