"""Enrolling voices: the gates, what is stored, what is refused before anything is heard."""

import numpy as np
import pytest
import soundfile

from spkr.errors import InputError
from spkr.voices.enrolment import Terms, enrol
from spkr.voices.store import VoiceStore
from tests.unit.voices.toy_model import RATE, hum, toy_model


@pytest.fixture
def model(tmp_path):
    return toy_model(tmp_path / "toy.spkr")


@pytest.fixture
def enrolled(tmp_path, model):
    """A function that enrols hums of these voices under a name; the voices are given as in 'ann ann bob'."""

    def call(name, voices, seconds=2.0, first=0, **terms):
        recordings = [hum(voice, seconds, first + i) for i, voice in enumerate(voices.split())]
        return enrol(model, tmp_path / "s", name, recordings, Terms(model.rule(), **terms))

    return call


def gates(done):
    return {gate.name: gate for gate in done.gates}


def refused(call, *args, **options) -> str:
    with pytest.raises(InputError) as error:
        call(*args, **options)
    return str(error.value)


def test_recordings_of_one_voice_are_enrolled(enrolled, model, tmp_path):
    done = enrolled("ann", "ann ann ann")
    found = gates(done)
    assert list(found) == ["speech", "cohesion", "distance"] and not done.forced
    assert found["speech"].words == "6.0 s of speech in 3 recordings, 2.0 s in array 1; expected 1 s in each"
    assert found["cohesion"].value > 15 and "against 2 other recordings: LLR" in found["cohesion"].words
    assert found["distance"].words == "no other voice is enrolled"
    (voice,) = VoiceStore(tmp_path / "s", model.sha256, model.dim).voices()
    assert [r.source for r in voice.recordings] == ["array 1", "array 2", "array 3"]
    heard = model.hear(hum("ann", seed=1))
    assert np.array_equal(voice.recordings[1].embedding, heard.embedding)
    second = gates(enrolled("bob", "bob bob"))
    assert second["distance"].value < -10 and "the nearest is 'ann': LLR -" in second["distance"].words
    assert second["distance"].words.endswith("expected less than 4.60, Bayes' threshold at a prior of 0.01")


@pytest.mark.parametrize(
    "voices", ["ann bob", "ann ann bob", "ann ann ann ann bob", "ann ann bob bob", "ann ann ann bob bob bob"]
)
def test_recordings_of_two_voices_are_refused(enrolled, tmp_path, voices):
    message = refused(enrolled, "ann", voices)
    assert message.startswith("'ann' is not enrolled: cohesion: ") and "--force" in message
    assert not (tmp_path / "s").exists()
    done = enrolled("ann", voices, force=True)
    assert done.forced and not gates(done)["cohesion"].passed
    assert len(done.voice.recordings) == len(voices.split())


def test_two_of_each_pass_one_by_one_and_are_found_as_groups(enrolled):
    """Each recording goes with another; only the two groups are apart."""
    message = refused(enrolled, "ann", "ann bob ann bob")
    assert "array 1, array 3 against 2 other" in message or "array 2, array 4 against 2 other" in message


def test_the_odd_one_is_named(enrolled):
    assert "cohesion: array 2 against 3 other recordings: LLR -" in refused(enrolled, "ann", "ann bob ann ann")


def test_a_voice_that_is_enrolled_under_another_name_is_refused(enrolled):
    enrolled("bob", "bob bob")
    enrolled("ann", "ann ann")
    message = refused(enrolled, "anna", "ann ann", first=5)
    assert message.startswith("'anna' is not enrolled: distance: the nearest is 'ann': LLR ")
    assert enrolled("anna", "ann ann", first=5, force=True).forced


def test_too_little_speech_is_refused_and_little_is_warned_of(enrolled):
    message = refused(enrolled, "ann", "ann ann", seconds=0.8)
    assert "speech: 1.6 s of speech in 2 recordings, 0.8 s in array 1; expected 1 s in each" in message
    done = enrolled("ann", "ann ann", seconds=0.8, least_speech=0.5)
    assert "ann: 1.6 s of speech in 2 recordings; 3 s or more are better" in done.warnings
    assert enrolled("bob", "bob bob").warnings == ()


def test_all_faults_are_said_at_once(enrolled):
    enrolled("bob", "bob")
    message = refused(enrolled, "ann", "ann bob bob bob", seconds=0.7)
    assert all(f"{gate}: " in message for gate in ("speech", "cohesion", "distance"))


def test_one_recording_has_nothing_to_agree_with(enrolled):
    assert gates(enrolled("ann", "ann"))["cohesion"].words == "one recording, with no other to compare it with"


def test_recordings_that_are_added_must_sound_like_those_that_are_there(enrolled):
    enrolled("ann", "ann ann ann")
    assert "cohesion: array 1 against 3 other recordings" in refused(enrolled, "ann", "bob", extend=True, first=7)
    done = enrolled("ann", "ann", extend=True, first=7)
    assert len(done.voice.recordings) == 4 and len(done.added) == 1
    assert gates(done)["distance"].words == "no other voice is enrolled"
    assert "which 'ann' has already" in refused(enrolled, "ann", "ann", extend=True, first=7)


def test_a_name_is_checked_before_anything_is_heard(enrolled, model, monkeypatch):
    enrolled("Jos\u00e9", "ann")
    monkeypatch.setattr(model, "hear_all", lambda sounds: 1 / 0)
    assert "enrolled already" in refused(enrolled, "Jose\u0301", "ann")
    assert "is not enrolled" in refused(enrolled, "bob", "bob", extend=True)
    assert "expected a name" in refused(enrolled, "a\nb", "bob")


def test_a_store_of_another_model_is_refused_before_anything_is_heard(enrolled, tmp_path, monkeypatch):
    enrolled("ann", "ann")
    other = toy_model(tmp_path / "other.spkr", network={"encoder": "other"})
    monkeypatch.setattr(other, "hear_all", lambda sounds: 1 / 0)
    message = refused(enrol, other, tmp_path / "s", "bob", [hum("bob")], Terms(other.rule()))
    assert other.sha256 in message and "use the store's model, or enrol the recordings into another store" in message


def test_one_audio_in_two_containers_is_one_recording(enrolled, model, tmp_path):
    samples = (hum("ann") * 2**15).round().astype(np.int16)
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / name, samples, RATE)
    message = refused(
        enrol, model, tmp_path / "s", "ann", [tmp_path / "a.wav", tmp_path / "a.flac"], Terms(model.rule())
    )
    assert message == f"{tmp_path}/a.flac: the same audio as {tmp_path}/a.wav, which was given already; leave it out"


def test_without_a_calibration_the_threshold_on_scores_decides(tmp_path):
    model = toy_model(tmp_path / "plain.spkr", calibrated=False)
    terms = Terms(model.rule(threshold=0.6))
    found = gates(enrol(model, tmp_path / "s", "ann", [hum("ann"), hum("ann", seed=1)], terms))
    assert found["cohesion"].limit == 0.6 and "score 1.00; expected more than 0.60" in found["cohesion"].words
    assert "cohesion: " in refused(enrol, model, tmp_path / "s", "bob", [hum("bob"), hum("carl")], terms)
    assert "distance: " in refused(enrol, model, tmp_path / "s", "bob", [hum("ann", seed=5)], terms)
