import gzip
import json

import pytest

from spkr.dataprep.intake import read_recordings
from spkr.errors import InputError
from tests.unit.dataprep.recordings import tone


def lines(path, *entries):
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def test_nemo_manifests(tmp_path):
    wav = str(tone(tmp_path / "a.wav"))
    one = {"audio_filepath": wav, "offset": 0.25, "duration": 0.5, "label": "anna", "text": "yes"}
    train = lines(tmp_path / "train.json", one)
    test = lines(tmp_path / "test.json", {"audio_filepath": "a.wav", "duration": None, "label": 7})
    table = read_recordings([train, test], tmp_path / "unpacked")
    assert table["speaker"].tolist() == ["anna", "7"] and table["set"].tolist() == ["train", "test"]
    assert (table["start"][0], table["end"][0]) == (0.25, 0.75) and table["start"].isna()[1]
    assert table["audio"].tolist() == [wav, wav]


def test_lhotse(tmp_path):
    tone(tmp_path / "call.wav", channels=2)
    source = {"type": "file", "channels": [0, 1], "source": "call.wav"}
    lines(tmp_path / "recordings.jsonl.gz", {"id": "call", "sources": [source], "duration": 1.2})
    said = {"recording_id": "call", "start": 0.1, "duration": 0.4, "gender": "F"}
    lines(
        tmp_path / "supervisions.jsonl.gz",
        said | {"channel": 0, "speaker": "anna"},
        said | {"channel": 1, "speaker": "bert", "start": 0, "duration": 1.2, "gender": None},
    )
    table = read_recordings([tmp_path], tmp_path / "unpacked")
    assert table["channel"].tolist() == ["0", "1"] and table["gender"].tolist() == ["f", ""]
    assert (table["start"][0], table["end"][0]) == (0.1, 0.5) and table["end"].isna()[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'a': 1}\n", "m.json:1: not JSON"),
        ('{"audio_filepath": "a.wav"}\n', "m.json:1: no 'label'; expected audio_filepath and label"),
        ("[1]\n", "m.json:1: expected a JSON object"),
        ('{"audio_filepath": "a.wav", "label": null}\n', "m.json:1: no 'label'"),
        (
            '{"audio_filepath": "a.wav", "label": "a", "offset": "x", "duration": 1}\n',
            "m.json:1: could not convert .*'x'",
        ),
        ('{"audio_filepath": "a.wav", "label": "a", "offset": [], "duration": 1}\n', "m.json:1: .*not 'list'"),
        ("\n", "m.json: no recordings in it"),
    ],
)
def test_broken_manifests_are_named_with_their_line(tmp_path, text, message):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_recordings([tmp_path / "m.json"], tmp_path / "unpacked")


def test_files_that_are_no_text_are_named(tmp_path):
    for name, content in (("m.json.gz", b"no"), ("m.json", "é".encode("latin-1"))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: cannot be read as UTF-8 text"):
            read_recordings([tmp_path / name], tmp_path / "unpacked")


@pytest.mark.parametrize(
    ("recording", "supervision", "message"),
    [
        ({"sources": []}, {}, "recordings.jsonl:1: .*expected an id, and one source"),
        ({"sources": ["x"]}, {}, "recordings.jsonl:1: .*expected an id, and one source"),
        ({"sources": [{"type": "url", "source": "x"}]}, {}, "recordings.jsonl:1: a source of the type url; expected"),
        ({"id": None}, {}, "recordings.jsonl:1: no 'id'"),
        ({}, {"recording_id": "no"}, "supervisions.jsonl:1: recording_id 'no'; expected one of"),
        ({}, {"speaker": ""}, "supervisions.jsonl:1: no 'speaker'"),
        ({}, {"start": "x"}, "supervisions.jsonl:1: could not convert .*'x'"),
        ({}, {"gender": 5}, "supervisions.jsonl:1: an unknown gender"),
    ],
)
def test_what_is_wrong_in_lhotses_is_named(tmp_path, recording, supervision, message):
    wav = str(tone(tmp_path / "a.wav"))
    lines(tmp_path / "recordings.jsonl", {"id": "a", "sources": [{"type": "file", "source": wav}]} | recording)
    lines(tmp_path / "supervisions.jsonl", {"recording_id": "a", "speaker": "anna"} | supervision)
    with pytest.raises(InputError, match=message):
        read_recordings([tmp_path], tmp_path / "unpacked")
