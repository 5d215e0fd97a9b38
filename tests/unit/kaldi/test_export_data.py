import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from spkr.dataprep.manifests import read_lhotse, read_nemo
from spkr.kaldi.datadir import write_data_dir
from tests.unit.kaldi.data_dirs import command, contents

READ_BY_LHOTSE = """
import json, sys
from lhotse import CutSet, RecordingSet, SupervisionSet
from lhotse.qa import validate_recordings_and_supervisions
folder = sys.argv[1]
recordings = RecordingSet.from_file(f"{folder}/recordings.jsonl.gz")
supervisions = SupervisionSet.from_file(f"{folder}/supervisions.jsonl.gz")
validate_recordings_and_supervisions(recordings, supervisions, read_data=True)
found = {}
for cut in CutSet.from_manifests(recordings=recordings, supervisions=supervisions).trim_to_supervisions():
    (s,) = cut.supervisions
    about = [s.recording_id, s.speaker, s.gender, s.text, s.language, s.channel]
    audio = cut.load_audio()
    found[s.id] = [*about, cut.sampling_rate, cut.start, cut.duration, *audio.shape, *audio[:, 0].tolist()]
print(json.dumps(found))
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Calls of two speakers, left and right; a recording of one in 44,100 Hz, in two parts; paths below the folder."""
    monkeypatch.chdir(tmp_path)
    ramps = np.stack([np.arange(8000), -np.arange(8000)], axis=1).astype(np.int16)
    soundfile.write("call.wav", ramps, 8000)
    soundfile.write("c.flac", np.arange(30000, dtype=np.int16), 44100)
    files = {
        "wav.scp": {"call-l": "call.wav", "call-r": "call.wav", "rc": "c.flac"},
        "reco2channel": {"call-l": "left", "call-r": "1"},
        "segments": {"a-1": "call-l 0.25 0.75", "b-1": "call-r 0.25 1", "c-1": "rc 0 0.1", "c-2": "rc 0.1 -1"},
        "utt2spk": {"a-1": "a", "b-1": "b", "c-1": "c", "c-2": "c"},
        "spk2gender": {"a": "f", "b": "m", "c": "f"},
        "text": {"a-1": "hé", "b-1": "b b", "c-1": "", "c-2": "c"},
        "utt2lang": {"a-1": "fr", "b-1": "fr", "c-1": "en", "c-2": "en"},
    }
    write_data_dir("data", files)
    return files


def lhotse(folder):
    """What lhotse makes of the manifests in a folder; a process of its own, as it takes seconds to import."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", READ_BY_LHOTSE, folder], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_lhotse_reads_what_is_written(data, tmp_path, caplog):
    assert command(caplog, "to-lhotse", "data", "out")[0] == 0
    first, step = 4410 / 32768, 1 / 32768
    assert lhotse("out") == {
        "a-1": ["call-l", "a", "f", "hé", "fr", 0, 8000, 0.25, 0.5, 1, 4000, 2000 * step],
        "b-1": ["call-r", "b", "m", "b b", "fr", 1, 8000, 0.25, 0.75, 1, 6000, -2000 * step],
        "c-1": ["rc", "c", "f", "", "en", 0, 44100, 0.0, 0.1, 1, 4410, 0.0],
        "c-2": ["rc", "c", "f", "c", "en", 0, 44100, 0.1, 25590 / 44100, 1, 25590, first],
    }
    with gzip.open("out/recordings.jsonl.gz", "rt") as f:
        call = json.loads(f.readline())
    assert call["sources"] == [{"type": "file", "channels": [0, 1], "source": f"{tmp_path}/call.wav"}]
    written = contents(tmp_path / "out")
    command(caplog, "to-lhotse", "data", "out")
    assert contents(tmp_path / "out") == written


def test_mixed_channels_are_all_channels_for_lhotse(data, caplog):
    write_data_dir("data", {"wav.scp": {"a-1": "call.wav", "b-1": "c.flac"}, "utt2spk": {"a-1": "a", "b-1": "b"}})
    status, said = command(caplog, "to-lhotse", "data", "out")
    assert status == 1
    assert "call.wav: 2 channels; expected one; set --channel, feats.channel in a config" in said
    assert command(caplog, "to-lhotse", "data", "out", "--channel", "mix")[0] == 0
    assert lhotse("out")["a-1"] == ["a-1", "a", None, None, None, [0, 1], 8000, 0.0, 1.0, 2, 8000, 0.0, 0.0]
    assert lhotse("out")["b-1"][5] == 0


def test_nemos_manifest_has_the_parts_of_recordings(data, tmp_path, caplog):
    files = {name: data[name] for name in ("segments", "utt2spk", "wav.scp")}
    files["segments"] = {utt: f"rc {i / 10} {(i + 1) / 10}" for i, utt in enumerate(files["utt2spk"])}
    write_data_dir("data", files | {"wav.scp": {"rc": "c.flac"}})
    assert command(caplog, "to-manifest", "data", "train.json")[0] == 0
    lines = [json.loads(line) for line in (tmp_path / "train.json").read_text().splitlines()]
    path = f"{tmp_path}/c.flac"
    assert lines == [
        {"audio_filepath": path, "offset": 0.0, "duration": 0.1, "label": "a"},
        {"audio_filepath": path, "offset": 0.1, "duration": 0.1, "label": "b"},
        {"audio_filepath": path, "offset": 0.2, "duration": 0.1, "label": "c"},
        {"audio_filepath": path, "offset": 0.3, "duration": 0.1, "label": "c"},
    ]


def test_spkr_new_reads_both(data, tmp_path, caplog):
    command(caplog, "to-lhotse", "data", "out")
    table = read_lhotse(tmp_path / "out/recordings.jsonl.gz", tmp_path / "out/supervisions.jsonl.gz")
    assert table["speaker"].tolist() == ["a", "b", "c", "c"]
    assert table["end"].astype(float).round(3).tolist() == [0.75, 1.0, 0.1, 0.68]
    assert table["channel"].tolist() == ["0", "1", "", ""]
    write_data_dir("data", {"wav.scp": {"c-1": "c.flac"}, "utt2spk": {"c-1": "c"}})
    command(caplog, "to-manifest", "data", "train.json")
    assert read_nemo(tmp_path / "train.json")["audio"].tolist() == [f"{tmp_path}/c.flac"]


@pytest.mark.parametrize(
    "verb, changes, message",
    [
        ("to-manifest", {}, "call.wav: 2 channels, and NeMo's manifests choose none; expected one: write the channels"),
        ("to-manifest", {"wav.scp": {"rc": "sox x |"}}, "data/wav.scp:3: rc is a command; expected an audio file"),
        ("to-lhotse", {"wav.scp": {"rc": "sox x |"}}, "data/wav.scp:3: rc is a command; expected an audio file"),
        ("to-lhotse", {"wav.scp": {"rc": "gone.wav"}}, "gone.wav: no such audio file"),
        ("to-lhotse", {"reco2channel": {"rc": "2"}}, "c.flac: 1 channel; expected one of the number 2"),
        ("to-lhotse", {"segments": {"c-2": "rc 0.1 2"}}, "its segment from 0.1 to 2 s is not inside"),
        ("to-manifest", {"utt2aug": dict.fromkeys(["a-1", "b-1", "c-1", "c-2"], "speed=1")}, "are augmented copies"),
    ],
)
def test_what_cannot_be_exported_is_named_and_nothing_is_written(data, tmp_path, caplog, verb, changes, message):
    write_data_dir("data", data | {name: data.get(name, {}) | table for name, table in changes.items()})
    status, said = command(caplog, verb, "data", "out")
    assert status == 1
    assert message in said
    assert not (tmp_path / "out").exists()


def test_outputs_are_no_inputs_and_no_manifests_of_spkr(data, caplog):
    assert "data/wav.scp: is an input, too" in command(caplog, "to-manifest", "data", "data/wav.scp")[1]
    assert "manifest.json: a name that spkr gives" in command(caplog, "to-manifest", "data", "manifest.json")[1]
