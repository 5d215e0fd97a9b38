import pytest

from spkr.errors import InputError
from spkr.kaldi.combine import combine_data_dirs
from spkr.kaldi.datadir import check_data_dir, write_data_dir
from spkr.kaldi.subset import split_data_dir
from tests.unit.kaldi.data_dirs import FILES, SEGMENTED, UTT2SPK, contents


def other(path, **files):
    utts = {"e-0": "e", "e-1": "e"}
    write_data_dir(path, {"utt2spk": utts, "wav.scp": {utt: f"{utt}.wav" for utt in utts}, **files})
    return path


def test_combined_parts_are_the_whole(data, tmp_path):
    combine_data_dirs(tmp_path / "out", split_data_dir(data, 3))
    assert contents(tmp_path / "out") == contents(data)


def test_what_not_all_have_is_left_out_and_said(data, tmp_path, caplog):
    e = other(tmp_path / "e", utt2dur={"e-0": 2, "e-1": 2}, utt2aug={"e-0": "speed=0.9", "e-1": "speed=1"})
    combine_data_dirs(tmp_path / "out", [data, e])
    files = check_data_dir(tmp_path / "out")
    assert sorted(files) == ["spk2utt", "utt2aug", "utt2dur", "utt2spk", "wav.scp"]
    assert files["utt2aug"] == dict.fromkeys(sorted(UTT2SPK), "speed=1") | {"e-0": "speed=0.9", "e-1": "speed=1"}
    assert f"left out utt2mic, which {e} lacks" in caplog.text
    assert f"left out spk2gender, which {e} lacks" in caplog.text


def test_utterances_without_segments_are_made_segments(segmented, tmp_path):
    e = other(tmp_path / "e", utt2dur={"e-0": 2, "e-1": 2.5}, utt2uniq={"e-0": "x", "e-1": "y"})
    combine_data_dirs(tmp_path / "out", [segmented, e])
    files = check_data_dir(tmp_path / "out")
    assert {files["segments"][utt] for utt in ("a-0", "e-0", "e-1")} == {"ra 0 1", "e-0 0 2", "e-1 0 2.5"}
    assert files["wav.scp"].keys() == {*SEGMENTED["wav.scp"], "e-0", "e-1"}
    assert (files["utt2uniq"]["a-0"], files["utt2uniq"]["e-0"]) == ("a-0", "x")
    with pytest.raises(InputError, match="f/utt2dur: no such file; expected the durations"):
        combine_data_dirs(tmp_path / "out2", [segmented, other(tmp_path / "f")])


def test_conflicts_name_both(data, tmp_path):
    again = {name: {"a-0": FILES[name]["a-0"]} for name in ("utt2spk", "utt2dur", "utt2mic")}
    write_data_dir(tmp_path / "e", {**again, "wav.scp": {"a-0": "other.wav"}, "spk2gender": {"a": "f"}})
    with pytest.raises(InputError, match="e/wav.scp: 'a-0' is 'other.wav', but 'a-0.wav' in .*data/wav.scp; rename"):
        combine_data_dirs(tmp_path / "out", [data, tmp_path / "e"])
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="data: is one of the directories to combine"):
        combine_data_dirs(data, [tmp_path / "e", data])
