import math

import pandas as pd
import pytest

from spkr.dataprep.naming import speaker_ids, with_ids
from spkr.errors import InputError
from spkr.kaldi.rules import safe


def table(*rows, **columns):
    frame = pd.DataFrame(rows, columns=["audio", "speaker"])
    frame[["start", "end"]] = math.nan
    return frame.assign(**columns)


@pytest.mark.parametrize(
    ("name", "expected"), [("Anna Müller", "Anna_Müller"), ('o\'neil "x"', "o_neil__x_"), ("王芳", "王芳"), (" ", "_")]
)
def test_ids_have_no_blanks_and_keep_letters_of_all_scripts(name, expected):
    assert safe(name) == expected


def test_names_that_would_get_one_id_stay_apart():
    assert speaker_ids(["a b", "a_b", "c"]) == {"a b": "a_b", "a_b": "a_b_2", "c": "c"}


def test_an_utterance_begins_with_its_speaker():
    found = with_ids(table(("/x/anna/yes.wav", "anna"), ("/x/anna/anna-no.wav", "anna"), ("/x/bert/yes.wav", "bert")))
    assert found["utt"].tolist() == ["anna-no", "anna-yes", "bert-yes"]
    assert (found["reco"] == found["utt"]).all()


def test_folders_tell_files_of_one_name_apart():
    rows = [("/x/id1/v1/00001.wav", "id1"), ("/x/id1/v2/00001.wav", "id1"), ("/x/id2/v1/00001.wav", "id2")]
    assert with_ids(table(*rows))["utt"].tolist() == ["id1-v1-00001", "id1-v2-00001", "id2-00001"]


def test_files_that_differ_by_their_suffix_alone_get_numbers():
    assert with_ids(table(("/x/a/1.wav", "a"), ("/x/a/1.flac", "a")))["utt"].tolist() == ["a-1", "a-1-2"]


def test_parts_of_a_recording_are_named_by_their_time():
    rows = [("/x/call.wav", "a"), ("/x/call.wav", "b")]
    found = with_ids(table(*rows, start=[0.0, 1.5], end=[1.5, math.nan]))
    assert found["utt"].tolist() == ["a-call-0000000-0000150", "b-call-0000150"]
    assert found["reco"].tolist() == ["call", "call"]


def test_channels_of_a_recording_are_recordings_of_their_own():
    found = with_ids(table(("/x/call.wav", "a"), ("/x/call.wav", "b"), channel=["left", "right"]))
    assert found["reco"].tolist() == ["call-left", "call-right"]
    assert found["utt"].tolist() == ["a-call-left", "b-call-right"]


def test_ids_that_are_given_are_kept():
    assert with_ids(table(("/x/1.wav", "a"), utt=["a-odd"]))["utt"].tolist() == ["a-odd"]


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ([("/x/ann/x.wav", "ann"), ("/x/ann-b/1.wav", "ann-b")], {"ann": "ann-x", "ann_b": "ann_b-1"}),
        ([("/x/ann/ann_z.wav", "ann"), ("/x/ann_b/1.wav", "ann_b")], {"ann": "ann-ann_z", "ann_b": "ann_b-1"}),
        ([("/x/a b/x.wav", "a b"), ("/x/a_b/1.wav", "a_b")], {"a_b": "a_b-x", "a_b_2": "a_b_2-1"}),
    ],
)
def test_utterances_and_speakers_have_one_order(rows, ids):
    found = with_ids(table(*rows))
    assert dict(zip(found["spk"], found["utt"], strict=True)) == ids
    assert found["spk"].is_monotonic_increasing


def test_ids_of_kaldi_are_kept_as_they_are():
    found = with_ids(table(("/x/1.wav", "a@"), utt=["a@-é"]))
    assert (found["spk"][0], found["utt"][0]) == ("a@", "a@-é")


@pytest.mark.parametrize(
    ("utts", "message"),
    [
        (["a-1", "a-1"], "t:2: the id 'a-1' a second time"),
        (["a-1", "a 2"], "t:2: utt 'a 2'; expected an id without blanks"),
    ],
)
def test_ids_that_would_lose_recordings_are_refused(utts, message):
    with pytest.raises(InputError, match=message):
        with_ids(table(("/x/1.wav", "a"), ("/x/2.wav", "a"), utt=utts, place=["t:1", "t:2"]))
