import own
import pytest

from spkr.errors import InputError
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import read_map
from tests.unit.dataprep.recordings import tone


@pytest.fixture
def data(tmp_path):
    """A folder with the sets dev and test, of two speakers each."""
    for name, spks in (("dev", "ab"), ("test", "cd")):
        wav = {f"{spk}-{k}": tone(tmp_path / f"{spk}{k}.wav", seconds=1.5) for spk in spks for k in (1, 2)}
        files = {"wav.scp": wav, "utt2spk": {utt: utt[0] for utt in wav}, "utt2mic": dict.fromkeys(wav, "far")}
        write_data_dir(tmp_path / "data" / name, files)
    (tmp_path / "data/test/trials_pairs").write_text("c-1 c-2 target\nc-1 d-1 nontarget\n")
    (tmp_path / "data/test/trials_two").write_text("c c-2 target\nc d-1 nontarget\n")
    (tmp_path / "data/test/models_two").write_text("c c-1\n")
    return tmp_path / "data"


def prepare(data):
    own.prepare(data, data.parent / "out", own.CorpusOptions(), 1)
    return data.parent / "out"


def test_the_sets_that_are_there_are_prepared(data):
    out = prepare(data)
    assert sorted(path.name for path in out.iterdir()) == ["bad_files", "dev", "test"]
    assert read_map(out / "test/utt2dur") == dict.fromkeys(["c-1", "c-2", "d-1", "d-2"], "1.500000")
    assert len(read_map(out / "test/reco2sum")) == 4 and read_map(out / "test/utt2mic")["c-1"] == "far"
    for name in ("trials_pairs", "trials_two", "models_two"):
        assert (out / "test" / name).read_text() == (data / "test" / name).read_text()


def test_durations_of_segments_are_theirs(data, tmp_path):
    files = {
        "wav.scp": {"r": tone(tmp_path / "r.wav", seconds=2.0)},
        "segments": {"c-1": "r 0.5 1.25", "d-1": "r 1 -1"},
    }
    write_data_dir(data / "test", files | {"utt2spk": {"c-1": "c", "d-1": "d"}})
    (data / "test/trials_pairs").write_text("c-1 d-1 nontarget\n")
    (data / "test/trials_two").unlink()
    assert read_map(prepare(data) / "test/utt2dur") == {"c-1": "0.750000", "d-1": "1.000000"}


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("test/trials_pairs", "c-1 x-1 target\n", "trials_pairs:1: 'x-1' is not an utterance of"),
        ("test/models_two", "c c-1 c-9\n", "models_two: c-9: no utterance of"),
        ("test/wav.scp", "c-1 x\nc-2 y\nd-1 x\nd-2 x\n", "test/wav.scp: x: no such file; 4 of 4 are missing"),
        ("test/wav.scp", "c-1 sox |\nc-2 sox |\nd-1 sox |\nd-2 sox |\n", "sox .: a command; expected a utt2dur"),
    ],
)
def test_what_cannot_be_used_is_named(data, file, text, message):
    (data / file).write_text(text)
    with pytest.raises(InputError, match=message):
        prepare(data)
    assert not (data.parent / "out").exists()


def test_a_speaker_in_two_sets_is_refused(data, tmp_path):
    files = {"wav.scp": {"c-9": tone(tmp_path / "c9.wav")}, "utt2spk": {"c-9": "c"}}
    write_data_dir(data / "dev", files)
    with pytest.raises(InputError, match="speaker c is in dev and in test"):
        prepare(data)


def test_a_folder_without_sets_is_refused(tmp_path):
    with pytest.raises(InputError, match="none of train, valid, dev, test in it"):
        own.prepare(tmp_path, tmp_path / "out", own.CorpusOptions(), 1)
