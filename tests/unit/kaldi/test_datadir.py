import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.kaldi.datadir import Clip, check_data_dir, clips, write_data_dir
from spkr.kaldi.maps import read_map, read_spk2utt, write_map, write_spk2utt
from spkr.kaldi.rules import invert

UTT2SPK = {"a-1": "a", "a-2": "a", "b-1": "b"}
FILES = {
    "wav.scp": {utt: f"corpus dir/{utt}.wav" for utt in UTT2SPK},
    "utt2spk": UTT2SPK,
    "utt2dur": dict.fromkeys(UTT2SPK, 1.25),
    "spk2gender": {"a": "f", "b": "m"},
}
# The same examples in every run, and no limit of time on each.
repeatable = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
visible = st.characters(min_codepoint=33, exclude_categories=["Z", "C"])
words = st.text(visible, min_size=1)
values = st.lists(words, min_size=1).map(" ".join)


@pytest.fixture
def data(tmp_path):
    write_data_dir(tmp_path / "data", FILES)
    return tmp_path / "data"


@repeatable
@given(table=st.dictionaries(words, values, min_size=1))
def test_what_is_written_is_read_back_in_byte_order(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("map") / "table"
    write_map(path, table)
    assert read_map(path) == table
    keys = [line.split(b" ")[0] for line in path.read_bytes().splitlines()]
    assert keys == sorted(keys)


def test_fields_may_be_parted_by_tabs(tmp_path):
    (tmp_path / "text").write_text("a\tone  two \nb \t three\n")
    assert read_map(tmp_path / "text") == {"a": "one  two", "b": "three"}


def test_a_transcript_may_be_empty(tmp_path):
    (tmp_path / "text").write_text("a\nb \nc some words \n")
    assert read_map(tmp_path / "text") == {"a": "", "b": "", "c": "some words"}
    write_map(tmp_path / "text", {"a": "", "c": "some words"})
    assert (tmp_path / "text").read_text() == "a\nc some words\n"


@pytest.mark.parametrize(
    "content, message",
    [
        ("a 1\nb\n", "map:2: expected '<key> <value>', found 'b'"),
        ("a 1\nb \n", "map:2: expected"),
        (" a 1\n", "map:1: expected"),
        ("a 1\na 2\n", "map:2: 'a' occurs twice"),
        ("a 1\nb 1\na 1\n", "map:3: 'a' occurs twice"),
        ("b 1\na 2\n", "map:2: 'a' is out of order after 'b'; sort the file: LC_ALL=C sort -k1,1 -o .*map .*map$"),
        ("\ufeffa 1\nb 2\n", r"map:1: the line begins with a byte order mark; remove it: sed -i '1s/.*//' .*map$"),
        ("a 1\n\ufeffb 2\n", r"map:2: the line begins with a byte order mark; remove it: sed -i '2s/.*//' .*map$"),
        ("a 1\n\nb 2\n", "map:2: expected '<key> <value>', found ''"),
        ("a\N{NO-BREAK SPACE}1 2\n", "map:1: expected '<key> <value>'"),
        ("a 1\nB 1\n", "map:2: 'B' is out of order"),
    ],
)
def test_malformed_line_is_named(tmp_path, content, message):
    (tmp_path / "map").write_text(content)
    with pytest.raises(InputError, match=message):
        read_map(tmp_path / "map")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a 1\na 2\n", "utt2num_frames:2: 'a' occurs twice"),
        ("b 1\na 2\n", "utt2num_frames:2: 'a' is out of order after 'b'; sort the file: LC_ALL=C sort -k1,1 -o .*"),
        ("a 1\n\ufeffb 2\n", "utt2num_frames:2: the line begins with a byte order mark; remove it: sed -i '2s/.*//'"),
        ("a 1\n\nb 2\n", "utt2num_frames:2: expected '<key> <value>', found ''"),
        ("a 1\n b 2\n", "utt2num_frames:2: expected '<key> <value>', found ' b 2'"),
        ("a 1\nb\N{NO-BREAK SPACE}x 2\n", "utt2num_frames:2: expected '<key> <value>', found 'b"),
        ("a 1\nb\n", "utt2num_frames:2: expected '<utterance> <frames>', found 'b'"),
        ("a 1\nb 2 3\n", "utt2num_frames:2: expected '<utterance> <frames>', found 'b 2 3'"),
        ("a 1\nb \0\n", "utt2num_frames:2: a control character"),
    ],
)
def test_malformed_line_of_two_words_is_named(tmp_path, content, message):
    (tmp_path / "utt2num_frames").write_text(content)
    with pytest.raises(InputError, match=message):
        read_map(tmp_path / "utt2num_frames")


def test_words_that_look_like_numbers_or_nothing_stay_as_they_are(tmp_path):
    lines = {"001": "01", "002": "1e3", "1": "0x10", "NA": "nan", '"q': "'"}
    write_map(tmp_path / "utt2spk", lines)
    assert read_map(tmp_path / "utt2spk") == lines


@pytest.mark.parametrize("name", ["a map's", "utt2spk"])
def test_following_the_advice_mends_a_file(tmp_path, name):
    path = tmp_path / name
    path.write_text("\ufeffc 1\na 2\nb 3\n")
    for _ in range(2):  # the byte order mark, then the order
        with pytest.raises(InputError) as refused:
            read_map(path)
        subprocess.run(str(refused.value).rpartition(": ")[2], shell=True, check=True)
    assert read_map(path) == {"a": "2", "b": "3", "c": "1"}


@pytest.mark.parametrize(
    "table",
    [{"a b": 1}, {"a": ""}, {"a": "x\ny"}, {"a": "x\ry"}, {"": "x"}, {"a\t": 1}, {"\ufeffa": 1}, {"a": "\udcff"}],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, table):
    with pytest.raises(InputError, match="map: cannot hold"):
        write_map(tmp_path / "map", table)
    assert not list(tmp_path.iterdir())


@repeatable
@given(st.dictionaries(words, words, min_size=1))
def test_inverting_keeps_every_utterance(utt2spk):
    spk2utt = invert(utt2spk)
    assert list(spk2utt) == sorted(set(utt2spk.values()))
    assert {utt: spk for spk, utts in spk2utt.items() for utt in utts} == utt2spk
    assert all(utts == sorted(utts) for utts in spk2utt.values())


def test_models_keep_the_order_of_their_utterances(tmp_path):
    models = {"m": ["u2", "u1"], "n": ["u3"]}
    write_spk2utt(tmp_path / "models", models)
    assert read_spk2utt(tmp_path / "models") == models


def test_data_dir_is_written_with_spk2utt_and_read_back(data):
    assert (data / "spk2utt").read_text() == "a a-1 a-2\nb b-1\n"
    assert check_data_dir(data) == {
        **{name: {k: str(v) for k, v in table.items()} for name, table in FILES.items()},
        "spk2utt": {"a": "a-1 a-2", "b": "b-1"},
    }


def test_files_of_an_earlier_data_dir_are_removed_and_others_left(data):
    (data / "trials_pairs").write_text("a-1 a-2 target\n")
    write_data_dir(data, {name: FILES[name] for name in ("wav.scp", "utt2spk")})
    assert sorted(p.name for p in data.iterdir()) == ["spk2utt", "trials_pairs", "utt2spk", "wav.scp"]


def test_nothing_is_written_of_a_faulty_data_dir(tmp_path):
    for files in (
        {**FILES, "utt2dur": {"a-1": 1}},
        {**FILES, "utt2dur": dict.fromkeys(UTT2SPK, "x\ny")},
        {**FILES, "utt2mic": dict.fromkeys(UTT2SPK, "")},
    ):
        with pytest.raises(InputError):
            write_data_dir(tmp_path / "data", files)
        assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("wav.scp", None, "wav.scp: no such file"),
        ("wav.scp", "a-1 x\na-2 x\n", "wav.scp: 1 of 3 entries of .*utt2spk missing, first 'b-1'"),
        ("utt2spk", "a-1 a\na-1 a\n", "utt2spk:2: 'a-1' occurs twice"),
        ("utt2spk", "a-1 a\na-2 a\nb-1 c\n", "spk2utt"),
        ("spk2utt", "a a-1 a-2\n", "spk2utt: 1 of 2 entries of .*utt2spk missing, first 'b'"),
        ("spk2utt", "a a-1\nb b-1\n", "spk2utt:1: the utterances of speaker 'a' are not those of utt2spk"),
        ("spk2gender", "a f\nb male\n", "spk2gender:2: b has 'male'; expected m or f"),
        ("utt2dur", "a-1 1\na-2 nan\nb-1 1\n", "utt2dur:2: a-2 has 'nan'; expected seconds above zero"),
        ("utt2dur", "a-1 1\na-2 0\nb-1 1\n", "a-2 has '0'"),
        ("utt2dur", "a-1 1\na-2 1s\nb-1 1\n", "a-2 has '1s'"),
        ("utt2dur", "a-1 1\na-2 inf\nb-1 1\n", "a-2 has 'inf'"),
        ("utt2dur", "a-1 1\na-2 1_0\nb-1 1\n", "a-2 has '1_0'"),
        ("utt2num_frames", "a-1 10\na-2 1_0\nb-1 7\n", "a-2 has '1_0'"),
        ("utt2num_frames", f"a-1 10\na-2 {'9' * 5000}\nb-1 7\n", "a-2 has '9"),
        ("utt2num_frames", "a-1 10\na-2 \u0663\nb-1 7\n", "a-2 has '\u0663'"),
        ("utt2aug", "a-1 speed=1\n", "utt2aug: 2 of 3 entries"),
        ("feats.scp", "a-1 x:1\na-2 x:2\n", "feats.scp: 1 of 3 entries"),
        ("vad.scp", "a-1 x:1\na-2 x:2\nb-1 x:3\nb-2 x:4\n", "vad.scp: 1 entries that .*utt2spk does not have"),
        ("utt2mic", "a-1 x\na-2 x\n", "utt2mic: 1 of 3 entries"),
        ("spk2age", "a 30\n", "spk2age: 1 of 2 entries"),
        ("cmvn.scp", "a x:1\na-2 x:2\n", "cmvn.scp: 1 of 2 entries"),
        ("reco2dur", "a-1 1\na-2 1\n", "reco2dur: 1 of 3 entries"),
        ("reco2dur", "a-1 1\na-2 1\nb-1 -1\n", "reco2dur:3: b-1 has '-1'; expected seconds above zero"),
        ("utt2num_frames", "a-1 10\na-2 9.5\nb-1 7\n", "utt2num_frames:2: a-2 has '9.5'; expected a whole number"),
        ("utt2num_frames", "a-1 10\na-2 0\nb-1 7\n", "utt2num_frames:2: a-2 has '0'"),
        ("utt2spk", "a-1 a\na-2 a b\nb-1 b\n", "utt2spk:2: expected '<utterance> <speaker>', found 'a-2 a b'"),
        ("utt2lang", "a-1 en\na-2 en us\nb-1 en\n", "utt2lang:2: expected '<utterance> <language>', found 'a-2 en us'"),
        ("wav.scp", "a-1 x\na-2 ~/x\nb-1 x\n", "wav.scp:2: a-2 has '~/x'; expected a path without ~"),
        ("spk2utt", "a a-2 a-1\nb b-1\n", "spk2utt:1: the utterances of speaker 'a' are not those of utt2spk, sorted"),
    ],
)
def test_faulty_data_dir_is_refused(data, name, content, message):
    (data / name).unlink(missing_ok=True)
    if content:
        (data / name).write_text(content)
    with pytest.raises(InputError, match=message):
        check_data_dir(data)


def test_speakers_need_not_be_prefixes_of_their_utterances(tmp_path):
    utt2spk = {"a-1": "s1", "b-1": "s2", "b-2": "s2"}
    write_data_dir(tmp_path, {"wav.scp": dict.fromkeys(utt2spk, "x"), "utt2spk": utt2spk})
    assert check_data_dir(tmp_path)["spk2utt"] == {"s1": "a-1", "s2": "b-1 b-2"}


def test_speakers_and_utterances_must_sort_alike(tmp_path):
    utt2spk = {"ann": "ann", "ann-b-1": "ann-b", "ann-c": "ann"}
    with pytest.raises(InputError, match="'ann-c' comes after 'ann-b-1', but its speaker 'ann' before 'ann-b'"):
        write_data_dir(tmp_path, {"wav.scp": dict.fromkeys(utt2spk, "x"), "utt2spk": utt2spk})


SEGMENTS = {"a-1": "r1 0 2.5", "a-2": "r1 2.5 -1", "b-1": "r2 0.25 1.5"}


@pytest.fixture
def segmented(tmp_path):
    files = {**FILES, "wav.scp": {"r1": "r1.wav", "r2": "cat r2.wav |"}, "segments": SEGMENTS}
    write_data_dir(tmp_path / "data", files)
    return tmp_path / "data"


def test_clips_are_recordings_or_their_segments(data, segmented):
    assert clips(FILES) == {utt: Clip(f"corpus dir/{utt}.wav", 0, -1) for utt in UTT2SPK}
    assert clips(check_data_dir(segmented)) == {
        "a-1": Clip("r1.wav", 0, 2.5),
        "a-2": Clip("r1.wav", 2.5, -1),
        "b-1": Clip("cat r2.wav |", 0.25, 1.5),
    }


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("wav.scp", "r1 x\n", "wav.scp: 1 of 2 entries of .*segments missing, first 'r2'"),
        ("wav.scp", "r1 x\nr2 x\nr3 x\n", "wav.scp: 1 entries that .*segments does not have, first 'r3'"),
        ("segments", "a-1 r1 0 1\nb-1 r2 0 1\n", "segments: 1 of 3 entries of .*utt2spk missing, first 'a-2'"),
        ("segments", "a-1 r1 0 1\na-2 r1 1\nb-1 r2 0 1\n", "segments:2: a-2 has 'r1 1'; expected '<recording> <start>"),
        ("segments", "a-1 r1 0 1 A\na-2 r1 1 2\nb-1 r2 0 1\n", "segments:1: a-1 has 'r1 0 1 A'"),
        ("segments", "a-1 r1 0 1\na-2 r1 1 1\nb-1 r2 0 1\n", "segments:2: a-2 has 'r1 1 1'"),
        ("segments", "a-1 r1 0 1\na-2 r1 -1 1\nb-1 r2 0 1\n", "segments:2: a-2 has 'r1 -1 1'"),
        ("segments", "a-1 r1 0 1\na-2 r1 one 2\nb-1 r2 0 1\n", "segments:2: a-2 has 'r1 one 2'"),
        ("segments", "a-1 r1 0 1\na-2 r1 0 1_0\nb-1 r2 0 1\n", "segments:2: a-2 has 'r1 0 1_0'"),
        ("segments", "a-1 r1 0 1\na-2 r1 0 inf\nb-1 r2 0 1\n", "segments:2: a-2 has 'r1 0 inf'"),
        ("reco2dur", "r1 5\n", "reco2dur: 1 of 2 entries of .*segments missing"),
        ("reco2dur", "r1 2.5\nr2 5\n", "segments:2: a-2 goes from 2.5 to -1 s of r1, which has 2.5 s"),
        ("reco2dur", "r1 5\nr2 1\n", "segments:3: b-1 goes from 0.25 to 1.5 s of r2, which has 1 s"),
        ("utt2dur", "a-1 2.5\na-2 9\nb-1 1.75\n", "segments:3: b-1 has 1.25 s; utt2dur says 1.75 s"),
    ],
)
def test_faulty_segments_are_refused(segmented, name, content, message):
    (segmented / name).write_text(content)
    with pytest.raises(InputError, match=message):
        check_data_dir(segmented)


def test_a_segment_may_end_half_a_second_behind_its_recording(segmented):
    (segmented / "reco2dur").write_text("r1 5\nr2 1.001\n")
    check_data_dir(segmented)


def test_missing_spk2utt_names_what_makes_it(data):
    (data / "spk2utt").unlink()
    with pytest.raises(InputError, match="spk2utt: no such file; `spkr data fix .*data` makes it from utt2spk"):
        check_data_dir(data)


def test_features_need_wav_scp_and_other_stages_may_not(data):
    (data / "wav.scp").unlink()
    with pytest.raises(InputError, match="wav.scp: no such file"):
        check_data_dir(data)
    assert "wav.scp" not in check_data_dir(data, required=["utt2spk"])


def test_segments_and_other_maps_of_an_earlier_data_dir_are_removed(segmented):
    (segmented / "utt2mic").write_text("a-1 x\na-2 x\nb-1 x\n")
    write_data_dir(segmented, FILES)
    assert sorted(p.name for p in segmented.iterdir()) == ["spk2gender", "spk2utt", "utt2dur", "utt2spk", "wav.scp"]


@pytest.mark.parametrize("content", ["a 1\r\nb 2\r\n", "a 1\nb 2\n\n", "a 1\nb 2\N{NO-BREAK SPACE}\n", "a\t1\nb  2 \n"])
def test_odd_blanks_do_not_change_what_is_read(tmp_path, content):
    for name in ("utt2num_frames", "utt2other"):
        (tmp_path / name).write_bytes(content.encode())
        assert read_map(tmp_path / name) == {"a": "1", "b": "2"}
