import math

import numpy as np
import pandas as pd
import pytest
import soundfile

from spkr.dataprep.inspection import containers, read_headers_of, seconds_of, suspicions, unreadable
from tests.unit.dataprep.recordings import tone


@pytest.fixture
def recordings(tmp_path):
    """Three speakers with two recordings each."""
    paths = [str(tone(tmp_path / f"{spk}/{k}.wav")) for spk in "abc" for k in (1, 2)]
    table = pd.DataFrame({"audio": paths, "speaker": list("aabbcc"), "start": math.nan, "end": math.nan})
    return table.assign(place=table["audio"])


def found(table):
    headers = read_headers_of(list(table["audio"].unique()), 1)
    return list(suspicions(table, headers, seconds_of(table, headers)))


def test_nothing_is_found_in_what_is_well(recordings):
    assert found(recordings) == []


def test_what_is_suspicious_is_said(recordings, tmp_path):
    tone(tmp_path / "a/1.wav", seconds=0.2)
    tone(tmp_path / "b/1.wav", rate=8000)
    (tmp_path / "c/1.wav").write_bytes((tmp_path / "a/2.wav").read_bytes())
    soundfile.write(tmp_path / "b/2.wav", np.sign(np.sin(np.arange(16000) / 9)), 16000)
    soundfile.write(tmp_path / "c/2.wav", np.zeros(16000), 16000)
    table = pd.concat([recordings, recordings.iloc[:1].assign(speaker="d", start=0.0, end=0.1)], ignore_index=True)
    said = "\n".join(found(table))
    assert "1 speakers have one recording, which gives no target trial: d" in said
    assert f"recordings are shorter than 1 s: {tmp_path}/a/1.wav" in said
    assert "sampling rates are mixed: 1 of 8000 Hz, 5 of 16000 Hz" in said
    assert f"2 recordings are the same audio under two speakers: {tmp_path}/a/2.wav, {tmp_path}/c/1.wav" in said
    assert f"1 of 6 recordings that were listened to are clipped: {tmp_path}/b/2.wav" in said
    assert f"1 of 6 recordings that were listened to are more than half silent: {tmp_path}/c/2.wav" in said


def test_less_than_a_frame_cannot_be_read(tmp_path):
    path = str(tone(tmp_path / "a.wav", seconds=0.01))
    assert read_headers_of([path], 1)[path].error == "160 samples; expected a frame of 0.025 s or more"


def test_one_recording_twice_is_said(recordings, tmp_path):
    (tmp_path / "a/2.wav").write_bytes((tmp_path / "a/1.wav").read_bytes())
    assert found(recordings) == [f"1 recordings are the same audio as another of the speaker: {tmp_path}/a/2.wav"]


def test_rows_that_end_behind_their_audio_and_long_ones_are_said(recordings):
    table = recordings.assign(start=0.0, end=[1.0, 1.2, 1.2, 1.2, 1.2, 99.0])
    assert any("1 rows end behind their audio" in line for line in found(table))
    assert any("more than twenty times as long as the median" in line for line in found(table))


def test_files_that_cannot_be_read_are_counted_and_named(recordings, tmp_path):
    (tmp_path / "a/1.wav").write_bytes(b"RIFF")
    headers = read_headers_of(list(recordings["audio"]), 1)
    assert unreadable(headers).startswith(f"1 of 6 files cannot be read: {tmp_path}/a/1.wav: not readable as audio")
    del headers[f"{tmp_path}/a/1.wav"]
    assert unreadable(headers) == ""
    assert containers(headers) == "5 WAV of 16000 Hz, 1 channel"


def test_many_processes_read_the_same(recordings):
    files = list(recordings["audio"]) * 100
    assert read_headers_of(files, 2) == read_headers_of(files, 1)
