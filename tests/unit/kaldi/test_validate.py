import re

import numpy as np
import pytest
import soundfile

from spkr.audio.recordings import RecordingStats, recording_stats
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import write_map
from spkr.kaldi.validate import validate
from tests.unit.kaldi.data_dirs import FILES, RATE, UTT2SPK, command


def test_good_recordings_are_found_good(recordings, caplog):
    status, said = command(caplog, "validate", recordings, "--nj", 2)
    assert (status, len(caplog.records)) == (0, 1)
    assert "3 utterances, well-formed" in said


def test_recordings_are_listened_to(recordings, caplog):
    folder = recordings.parent
    rng = np.random.default_rng(0)
    whole = (folder / "a-0.wav").read_bytes()
    for content, message in (
        (None, "data/wav.scp:1: a-0: .*a-0.wav: no such audio file"),
        (b"text", "data/wav.scp:1: a-0: .*not readable as audio"),
        (whole[:44], "data/wav.scp:1: a-0: .*cut short|no samples"),
        (whole[:-100], "data/wav.scp:1: a-0: .*cut short after 15950 samples"),
        ((rng.normal(0, 0.1, (RATE, 2)), RATE), "data/wav.scp:1: a-0: .*2 channels; expected one"),
        ((rng.normal(0, 0.1, 7999), RATE), "data/utt2dur:1: a-0 has 1 s; its audio has 0.500 s"),
    ):
        (folder / "a-0.wav").unlink(missing_ok=True)
        if isinstance(content, bytes):
            (folder / "a-0.wav").write_bytes(content)
        elif content:
            soundfile.write(folder / "a-0.wav", *content)
        status, said = command(caplog, "validate", recordings)
        assert status == 1
        assert re.search(message, said)
        assert command(caplog, "validate", recordings, "--no-audio")[0] == 0


def test_mixed_sampling_rates_are_a_warning_with_their_counts(recordings, caplog):
    soundfile.write(recordings.parent / "a-1.wav", np.random.default_rng(0).normal(0, 0.1, 8000), 8000)
    status, said = command(caplog, "validate", recordings)
    assert status == 0
    assert "wav.scp: the recordings have 2 sampling rates: 2 at 16000 Hz (first a-0), 1 at 8000 Hz (first a-1)" in said


def test_clipping_and_silence_are_warned_of(recordings, caplog):
    tone = np.sin(np.arange(RATE) / 10)
    soundfile.write(recordings.parent / "a-0.wav", np.clip(1.1 * tone, -1, 1), RATE)
    soundfile.write(recordings.parent / "b-0.wav", tone * (np.arange(RATE) < 6400) / 2, RATE)
    status, said = command(caplog, "validate", recordings)
    assert status == 0
    assert "warning: " in said
    assert "wav.scp:1: a-0 is clipped: 2" in said
    assert "wav.scp:3: b-0 is silent below -70 dB for 60 % of its time" in said
    _, said = command(caplog, "validate", recordings, "--max-clipped", 0.3, "--max-silent", 0.7)
    assert "warning" not in said


def test_segments_are_inside_what_is_heard(recordings, caplog):
    wav = {"ra": f"{recordings.parent}/a-0.wav", "rb": f"cat {recordings.parent}/b-0.wav |"}
    files = {"utt2spk": {"a-0": "a", "a-1": "a", "b-0": "b"}, "wav.scp": wav}
    segments = {"a-0": "ra 0 0.5", "a-1": "ra 0.5 1.4", "b-0": "rb 0 -1"}
    write_data_dir(recordings, {**files, "segments": segments})
    assert command(caplog, "validate", recordings, "--allow-pipes")[0] == 0
    status, said = command(caplog, "validate", recordings)
    assert status == 1
    assert "wav.scp:2: rb: cat" in said and "--allow-pipes" in said
    write_data_dir(recordings, {**files, "segments": {**segments, "a-1": "ra 0.5 1.6"}})
    status, said = command(caplog, "validate", recordings, "--allow-pipes")
    assert status == 1
    assert "segments:2: a-1: " in said and "its segment from 0.5 to 1.6 s is not inside" in said


def test_recordings_shorter_than_a_frame_are_faults(recordings, caplog):
    for n, speed, ok in ((399, 1, False), (400, 1, True), (400, 1.1, False), (441, 1.1, True)):
        soundfile.write(recordings.parent / "a-0.wav", np.sin(np.arange(n)) / 2, RATE)
        write_map(recordings / "utt2dur", {"a-0": f"{n / RATE / speed:.3f}", "a-1": "1", "b-0": "1"})
        write_map(recordings / "utt2aug", {"a-0": f"speed={speed}", "a-1": "speed=1", "b-0": "speed=1"})
        status, said = command(caplog, "validate", recordings)
        assert (status == 0) == ok
        assert ("wav.scp:1: a-0 has" in said and "less than a frame; expected at least 400" in said) == (not ok)


def test_a_recording_of_two_speakers_is_warned_of(recordings, caplog):
    (recordings.parent / "b-0.wav").write_bytes((recordings.parent / "a-1.wav").read_bytes())
    status, said = command(caplog, "validate", recordings)
    assert status == 0
    assert "a-1 of speaker a and b-0 of speaker b have this audio" in said


def test_ten_faults_of_a_kind_are_shown_and_the_rest_counted(data):
    write_map(data / "utt2dur", dict.fromkeys(UTT2SPK, "0"))
    (data / "spk2utt").write_text("a a-0\nb b-0\nc c-0 c-1\nd d-0\n")
    faults = validate(data).faults
    assert sum("utt2dur:" in fault for fault in faults) == 10
    assert "... and 6 more such" in faults
    assert sum("spk2utt:" in fault for fault in faults) == 3


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("utt2dur", "a-0 1\na-1\n", "utt2dur:2: expected '<utterance> <seconds>', found 'a-1'"),
        ("wav.scp", "a-1 x\na-0 x\n", "wav.scp:2: 'a-0' is out of order"),
        ("wav.scp", "a-0 x\na-1 x\nb-0 x", "wav.scp: the last line has no newline"),
        ("wav.scp", "a-0 x\na-1 x\r\nb-0 x\n", "wav.scp:2: a carriage return"),
        (
            "wav.scp",
            "\ufeffa-0 x\na-1 x\nb-0 x\n",
            r"wav.scp:1: the line begins with a byte order mark; remove it: sed -i",
        ),
        ("spk2utt", None, "data` makes it from utt2spk"),
        ("wav.scp", None, "wav.scp: no such file"),
        ("utt2mic", "", "utt2mic: the file is empty"),
    ],
)
def test_a_malformed_file_fails_the_command(recordings, caplog, name, content, message):
    (recordings / name).unlink(missing_ok=True)
    if content is not None:
        (recordings / name).write_bytes(content.encode())
    status, said = command(caplog, "validate", recordings)
    assert status == 1
    assert message in said
    assert "spkr data validate: error: " in said


def test_kaldis_directories_without_audio_or_prefixes_can_be_checked(data, caplog):
    (data / "wav.scp").unlink()
    assert command(caplog, "validate", data)[0] == 1
    assert command(caplog, "validate", data, "--no-wav")[0] == 0
    order = {utt: "zyx"["bcd".find(utt[0])] for utt in UTT2SPK}
    (data / "utt2spk").write_text("".join(f"{utt} {spk}\n" for utt, spk in order.items()))
    (data / "spk2utt").write_text("".join(f"{s} {' '.join(u for u in order if order[u] == s)}\n" for s in "xyz"))
    (data / "spk2gender").write_text("x f\ny f\nz f\n")
    status, said = command(caplog, "validate", data, "--no-wav")
    assert status == 1
    assert "utt2spk:9: utterance 'c-0' comes after 'b-4', but its speaker 'y' before 'z'" in said
    assert command(caplog, "validate", data, "--no-wav", "--no-spk-sort")[0] == 0


def test_names_that_do_not_begin_with_the_speaker_are_a_warning(data, caplog):
    renamed = {utt: f"x{spk}" for utt, spk in UTT2SPK.items()}
    write_data_dir(data, {"wav.scp": FILES["wav.scp"], "utt2spk": renamed})
    status, said = command(caplog, "validate", data, "--no-audio")
    assert status == 0
    assert "utt2spk: 16 of 16 utterances do not begin with their speaker's name, first 'a-0' of 'xa'" in said
    assert "warning" not in command(caplog, "validate", data, "--no-audio", "--no-spk-sort")[1]
    write_data_dir(data, {"wav.scp": FILES["wav.scp"], "utt2spk": dict.fromkeys(UTT2SPK, "x")})
    assert "all utterances are of one speaker, 'x'" in command(caplog, "validate", data, "--no-audio")[1]


def test_the_level_of_the_last_and_shorter_block_is_its_own(tmp_path):
    tone = 1.3 * 10 ** (-70 / 20) * np.sqrt(2) * np.sin(np.arange(0.15 * RATE))  # 2 dB above what is silent
    soundfile.write(tmp_path / "x.wav", tone, RATE, subtype="FLOAT")
    assert recording_stats(str(tmp_path / "x.wav")) == RecordingStats(RATE, 2400, clipped=0, silent=0)
    soundfile.write(tmp_path / "x.wav", tone / 2, RATE, subtype="FLOAT")
    assert recording_stats(str(tmp_path / "x.wav")) == RecordingStats(RATE, 2400, clipped=0, silent=1)


def test_malformed_segments_are_found_with_all_else(segmented):
    (segmented / "segments").write_text((segmented / "segments").read_text().replace("ra 0 1", "ra zero 1"))
    (segmented / "spk2utt").write_text("a a-0\nb b-0\nc c-0 c-1\nd d-0\n")
    faults = validate(segmented).faults
    assert len(faults) == 4
    assert "segments:1: a-0 has 'ra zero 1'; expected '<recording> <start> <end>' in seconds" in faults[0]
