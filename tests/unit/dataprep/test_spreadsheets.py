import math
from pathlib import Path

import pytest

from spkr.dataprep.spreadsheets import located_audio, read_spreadsheet, typed
from spkr.errors import InputError
from tests.unit.dataprep.recordings import tone


def read(tmp_path, text, columns=None, name="calls.csv", encoding="utf-8"):
    (tmp_path / name).write_text(text, encoding=encoding)
    return typed(read_spreadsheet(tmp_path / name, columns or {}))


def test_columns_are_read_and_others_are_attributes(tmp_path):
    text = 'audio,speaker,start,end,gender,phone\n"a, b.wav",anna,0.5,2,Female,fixed\nc.wav,NA,,,m,\n'
    table = read(tmp_path, text)
    assert table["audio"].tolist() == ["a, b.wav", "c.wav"]
    assert table["speaker"].tolist() == ["anna", "NA"]
    assert table["start"][0] == 0.5 and math.isnan(table["start"][1])
    assert table["gender"].tolist() == ["f", "m"] and table["phone"].tolist() == ["fixed", ""]
    assert table["place"].tolist() == [f"{tmp_path}/calls.csv:2", f"{tmp_path}/calls.csv:3"]


@pytest.mark.parametrize(("name", "delimiter"), [("x.tsv", "\t"), ("x.csv", ";")])
def test_the_delimiter_is_that_of_the_header(tmp_path, name, delimiter):
    text = f"audio{delimiter}speaker\n001.wav{delimiter}001\n"
    assert read(tmp_path, text, name=name, encoding="utf-8-sig")["speaker"].tolist() == ["001"]


def test_columns_of_other_names_are_named(tmp_path):
    table = read(tmp_path, "path,client_id,speaker\na.wav,x,unused\n", {"audio": "path", "speaker": "client_id"})
    assert table["audio"].tolist() == ["a.wav"] and table["speaker"].tolist() == ["x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty file"),
        ("audio,speaker\na.wav,x\nb.wav,y,z\n", "calls.csv:3: 3 fields; expected 2"),
        ("audio,speaker\na.wav,x\nb.wav\n", "calls.csv:3: 1 fields; expected 2, as in the header"),
        ("path,speaker\na.wav,x\n", "calls.csv:1: no column 'audio'; it has path, speaker; name it: --column audio="),
        ("audio,speaker,audio\na,b,c\n", "calls.csv:1: two columns .audio."),
        ("audio,speaker\na.wav,\nb.wav,y\n", "calls.csv:2: no speaker"),
        ("audio,speaker,start,end\na.wav,x,3,2\n", "calls.csv:2: end is not behind start"),
        ("audio,speaker,start\na.wav,x,early\n", "calls.csv:2: start 'early'; expected seconds"),
        ("audio,speaker,start\na.wav,x,-1\n", "calls.csv:2: start is below zero"),
        ("audio,speaker,end\na.wav,x,0\n", "calls.csv:2: end is not behind start"),
        ("audio,speaker,seconds\na.wav,x,long\n", "calls.csv:2: seconds 'long'; expected seconds"),
        ("audio,speaker,channel\na.wav,x,A\n", "calls.csv:2: an unknown channel; expected left, right, mix"),
        ("audio,speaker\n", "calls.csv: no recordings in it"),
        ("audio,speaker\na.wav,x,\nb.wav,y,\n", "calls.csv:2: 3 fields; expected 2"),
        ('audio,speaker\na.wav,"x\ny"\n,z\n', "calls.csv:4: no audio"),
        ("audio,speaker,set\na.wav,x,eval\n", "calls.csv:2: an unknown set; expected train"),
        ("audio,speaker,gender\na.wav,x,q\n", "calls.csv:2: an unknown gender"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_paths_are_relative_to_the_table_or_to_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    tone(tmp_path / "beside/a.wav")
    tone(tmp_path / "work/b.wav")
    table = read(tmp_path / "beside", "audio,speaker\na.wav,x\nb.wav,y\nsox c.wav |,z\n")
    table = located_audio(table, tmp_path / "beside")
    assert table["audio"].tolist() == [f"{tmp_path}/beside/a.wav", f"{tmp_path}/work/b.wav", "sox c.wav |"]
    table = read(tmp_path / "beside", "audio,speaker\na.wav,x\nd.wav,y\n")
    with pytest.raises(InputError, match=r"calls.csv:3: d.wav: no such file in .*beside or in .*work; 1 of 2 files"):
        located_audio(table, Path(tmp_path / "beside"))


def test_rows_without_any_value_are_skipped(tmp_path):
    table = read(tmp_path, 'audio,speaker\na.wav,"x\ny"\n\n,\nb.wav,y\n\n')
    assert table["speaker"].tolist() == ["x\ny", "y"]
    assert table["place"].tolist() == [f"{tmp_path}/calls.csv:2", f"{tmp_path}/calls.csv:6"]


def test_names_of_columns_can_be_exchanged(tmp_path):
    table = read(tmp_path, "speaker,audio\na.wav,x\n", {"audio": "speaker", "speaker": "audio"})
    assert table["audio"].tolist() == ["a.wav"] and table["speaker"].tolist() == ["x"]
