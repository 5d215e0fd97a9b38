import tarfile

import pytest

from spkr.dataprep.intake import read_lists, read_recordings
from spkr.errors import InputError
from spkr.kaldi.datadir import write_data_dir
from tests.unit.dataprep.recordings import folder_of, tone


def test_kaldi_directories_keep_their_ids_segments_and_sets(tmp_path):
    wav = str(tone(tmp_path / "a.wav"))
    for name, spk in (("train", "anna"), ("test", "bert")):
        files = {
            "wav.scp": {"reco": wav},
            "segments": {f"{spk}-1": "reco 0.1 0.5", f"{spk}-2": "reco 0.5 -1"},
            "utt2spk": {f"{spk}-1": spk, f"{spk}-2": spk},
            "spk2gender": {spk: "f"},
            "utt2mic": {f"{spk}-1": "near", f"{spk}-2": "far"},
        }
        write_data_dir(tmp_path / "data" / name, files)
    table = read_recordings([tmp_path / "data"], tmp_path / "unpacked")
    assert table["utt"].tolist() == ["anna-1", "anna-2", "bert-1", "bert-2"]
    assert table["set"].tolist() == ["train"] * 2 + ["test"] * 2
    assert table["mic"].tolist() == ["near", "far"] * 2 and set(table["gender"]) == {"f"}
    assert table["start"].tolist() == [0.1, 0.5] * 2 and table["end"].isna().tolist() == [False, True] * 2


def test_an_archive_is_unpacked(tmp_path):
    folder_of(tmp_path / "corpus", 2, 1)
    with tarfile.open(tmp_path / "corpus.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "corpus", "corpus")
    table = read_recordings([tmp_path / "corpus.tar.gz"], tmp_path / "unpacked")
    assert table["speaker"].tolist() == ["spk00", "spk01"]
    assert table["audio"][0] == str(tmp_path / "unpacked/corpus/spk00/rec0.wav")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?P<set>one)/(?P<speaker>.*)/.*", "rec0.wav: an unknown set"),
        ("one/(?P<speaker>)spk.*", "rec0.wav: no speaker"),
    ],
)
def test_what_a_pattern_finds_is_checked(tmp_path, pattern, message):
    folder_of(tmp_path / "one", 2, 1)
    with pytest.raises(InputError, match=message):
        read_recordings([tmp_path], tmp_path / "unpacked", pattern)


def test_names_that_a_wav_scp_cannot_hold_are_refused(tmp_path):
    for name in ("a/1.wav", "b/1\n2.wav"):
        tone(tmp_path / "x" / name)
    with pytest.raises(InputError, match=r"b/1\\n2.wav': a line end in the name"):
        read_recordings([tmp_path / "x"], tmp_path / "unpacked")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"trials": "a-1 c-1 target\n"}, "trials:1: 'c-1' is not one of the recordings"),
        ({"trials_m": "m a-1 target\n", "models_m": "m a-1 c-1\n"}, "models_m: m: 'c-1' is not one of the recordings"),
        ({"trials.bak": "x\n", "trials_m~": "x\n"}, None),
    ],
)
def test_lists_about_recordings_that_are_not_there_are_refused(tmp_path, names, message):
    for name, text in {"wav.scp": "a-1 x\n", **names}.items():
        (tmp_path / name).write_text(text)
    if message:
        with pytest.raises(InputError, match=message):
            read_lists([tmp_path], "test", {"a-1"})
    else:
        assert read_lists([tmp_path], "test", {"a-1"}) == {}


@pytest.mark.parametrize(
    ("name", "message"),
    [("none", "no such file or folder"), ("x.docx", "expected a folder, a table")],
)
def test_sources_that_cannot_be_used_are_named(tmp_path, name, message):
    (tmp_path / "x.docx").write_text("")
    with pytest.raises(InputError, match=message):
        read_recordings([tmp_path / name], tmp_path / "unpacked")


def test_several_tables_are_refused(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("audio,speaker\n")
    with pytest.raises(InputError, match="several sources"):
        read_recordings([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "unpacked")
