import pytest

from spkr.audio.audio_files import audio_files
from spkr.dataprep.audio_folders import read_folder
from spkr.errors import InputError
from tests.unit.dataprep.recordings import folder_of, tone


def test_the_speaker_is_the_folder(tmp_path):
    table = read_folder(folder_of(tmp_path, 3, 2, (".wav", ".flac")))
    assert table["speaker"].tolist() == ["spk00", "spk00", "spk01", "spk01", "spk02", "spk02"]
    assert table["audio"][1] == str(tmp_path / "spk00/rec1.flac")
    assert "session" not in table and "set" not in table


def test_folders_in_it_are_sessions_and_single_folders_above_are_passed(tmp_path):
    for spk in ("19", "26"):
        for chapter in ("198", "227"):
            tone(tmp_path / "LibriSpeech/dev-clean" / spk / chapter / f"{spk}-{chapter}-0000.flac")
    table = read_folder(tmp_path)
    assert table["speaker"].tolist() == ["19", "19", "26", "26"]
    assert table["session"].tolist() == ["19/198", "19/227", "26/198", "26/227"]


def test_folders_named_as_sets_are_sets(tmp_path):
    tone(tmp_path / "train/anna/1.wav")
    tone(tmp_path / "test/bert/1.wav")
    table = read_folder(tmp_path)
    assert dict(zip(table["speaker"], table["set"], strict=True)) == {"anna": "train", "bert": "test"}


def test_a_pattern_reads_names(tmp_path):
    for name in ("anna_f_1.wav", "bert_m_1.wav"):
        tone(tmp_path / name)
    table = read_folder(tmp_path, r"(?P<speaker>[^_]+)_(?P<gender>[fm])_.*")
    assert table[["speaker", "gender"]].to_numpy().tolist() == [["anna", "f"], ["bert", "m"]]


@pytest.mark.parametrize(
    ("files", "pattern", "message"),
    [
        ([], None, "no audio; expected files like .wav"),
        (["a.wav", "spk/b.wav"], None, "1 recordings are in no folder of a speaker, first .*a.wav"),
        (["a.wav", "b_1.wav"], "(?P<speaker>[^_]+)_.*", "does not match 1 of 2 names: .*a.wav"),
        (["a.wav"], "(?P<speaker>", "expected a regular expression"),
        (["a.wav"], "(.*)_.*", "no group ..P<speaker>"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, files, pattern, message):
    for file in files:
        tone(tmp_path / file)
    with pytest.raises(InputError, match=message):
        read_folder(tmp_path, pattern)


def test_hidden_files_are_no_recordings(tmp_path):
    tone(tmp_path / "a/1.wav")
    (tmp_path / "a/._1.wav").write_bytes(b"")
    (tmp_path / ".cache/b").mkdir(parents=True)
    (tmp_path / ".cache/b/1.wav").write_bytes(b"")
    assert len(read_folder(tmp_path)) == 1


def test_links_that_lead_back_are_not_followed(tmp_path):
    folder = folder_of(tmp_path / "x", 2, 2)
    (folder / "spk00/up").symlink_to("..")
    (folder / "spk01/other").symlink_to(folder / "spk00")
    (folder / "spk00/other").symlink_to(folder / "spk01")
    (folder / "self").symlink_to("self")
    found = [path.relative_to(folder).parts for path in audio_files(folder)]
    assert len(found) == 8 and max(map(len, found)) == 3
