import logging

import pytest

from spkr.errors import InputError
from spkr.kaldi.maps import write_map
from spkr.kaldi.select import filter_utterances, read_maps

UTT2SPK = {"a-1": "a", "a-2": "a", "b-1": "b", "b-2": "b", "c-1": "c", "c-2": "c"}
VOICED = {"a-1": "30", "a-2": "40", "b-1": "9", "b-2": "50", "c-1": "60", "c-2": "10"}


def test_maps_become_one(tmp_path):
    write_map(tmp_path / "1", {"b": 1})
    write_map(tmp_path / "2", {"a": 2})
    assert read_maps([tmp_path / "1", tmp_path / "2"]) == {"a": "2", "b": "1"}


def test_name_in_two_maps_is_refused(tmp_path):
    for name in "12":
        write_map(tmp_path / name, {"a": 1, name: 1})
    with pytest.raises(InputError, match=r"2: 'a' is in .*1, too"):
        read_maps([tmp_path / "1", tmp_path / "2"])


def test_short_utterances_go_first_then_speakers_of_few(caplog):
    with caplog.at_level(logging.INFO):
        kept = filter_utterances(UTT2SPK, VOICED, min_voiced_frames=10, min_utts_per_speaker=2)
    assert kept == {utt: spk for utt, spk in UTT2SPK.items() if spk in "ac"}
    assert "training on 4 of 6 utterances and 2 of 3 speakers" in caplog.text
    assert "1 utterances have fewer than 10 voiced frames, 1 more are of speakers with fewer than 2" in caplog.text


def test_fewer_than_two_speakers_are_refused():
    with pytest.raises(InputError, match="1 of 3 speakers are left"):
        filter_utterances(UTT2SPK, VOICED, min_voiced_frames=30, min_utts_per_speaker=2)


@pytest.mark.parametrize("number", ["1.5", "-3", "abc", "1_0", "9" * 5000])
def test_number_of_frames_must_be_one(number):
    with pytest.raises(InputError, match=f"utt2num_voiced: b-1 has '{number}'"):
        filter_utterances(UTT2SPK, {**VOICED, "b-1": number}, 0, 1)


def test_utterance_without_its_number_is_named():
    with pytest.raises(InputError, match="utt2num_voiced: 1 of 6 entries of utt2spk missing, first 'a-1'"):
        filter_utterances(UTT2SPK, {k: v for k, v in VOICED.items() if k != "a-1"}, 0, 1)
