import pytest

from spkr.errors import InputError
from spkr.kaldi.own_trials import read_own_trials

UTTS = ["a-x-0", "a-x-1", "b-y-0"]
FILES = {
    "utt2spk": {utt: utt[0] for utt in UTTS},
    "wav.scp": {utt: f"/corpus/wav/{utt.replace('-', '/')}.flac" for utt in UTTS},
}
PIPED = FILES | {"wav.scp": {utt: f"sox {utt}.wav - |" for utt in UTTS}}


def read(folder, text, name="list", files=FILES, models=None, **options):
    (folder / name).write_text(text)
    trials = read_own_trials(folder / name, "data", files, models or {}, **options)
    return [(*trials.pair(k), bool(target)) for k, target in enumerate(trials.target)]


EXPECTED = [("a-x-0", "a-x-1", True), ("a-x-0", "b-y-0", False)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a-x-0 a-x-1 target\na-x-0 b-y-0 nontarget\n", "list"),
        ("a-x-0\ta-x-1\ttarget\na-x-0\tb-y-0\tnontarget\n", "list.tsv"),
        ("1 a/x/0.wav a/x/1.wav\n0 a/x/0.wav b/y/0.wav\n", "list"),
        ("a-x-0.wav a-x-1.wav 1\n/corpus/wav/a/x/0.flac wav/b/y/0.flac 0\n", "list"),
        ("enroll,test,label\na-x-0,a-x-1,target\na-x-0,b-y-0,nontarget\n", "list.csv"),
        ("Label;Enrol;Test;note\r\n1;x/0.wav;x/1.wav;first\r\n0;x/0.wav;y/0.wav;\r\n", "list.txt"),
        ('enroll\ttest\ttarget\n"a-x-0"\ta-x-1\t1\na-x-0\tb-y-0\t0\n', "list"),
    ],
)
def test_the_forms_of_others_say_the_same(tmp_path, text, name):
    assert read(tmp_path, text, name) == EXPECTED


def test_names_of_kaldis_recipe_are_known_without_paths(tmp_path):
    assert read(tmp_path, "1 a/x/0.wav a/x/1.wav\n0 a/x/0.wav b/y/0.wav\n", files=PIPED) == EXPECTED


def test_an_utterance_of_segments_is_meant_by_its_recording_if_there_is_one(tmp_path):
    files = {
        "utt2spk": {"a-1": "a", "a-2": "a", "b-1": "b"},
        "wav.scp": {"r1": "wav/r1.wav", "r2": "wav/r2.wav"},
        "segments": {"a-1": "r1 0 1", "a-2": "r1 1 2", "b-1": "r2 0 1"},
    }
    assert read(tmp_path, "a-1 r2.wav 0\n", files=files) == [("a-1", "b-1", False)]
    with pytest.raises(InputError, match="list:2: 'r1.wav' may be 'a-1' or 'a-2'; write the utterance"):
        read(tmp_path, "a-1 r2.wav 0\nb-1 r1.wav 0\n", files=files)


def test_enrolment_names_are_models_first_and_test_names_utterances_first(tmp_path):
    models = {"m": ["a-x-0"], "a-x-1": ["b-y-0"]}
    assert read(tmp_path, "m a-x-1 1\na-x-1 m 0\n", models=models) == [("m", "a-x-1", True), ("a-x-1", "m", False)]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (
            "1 a/x/0.wav a/x/1.wav\n0 a/x/0.wav c/y/0.wav\n0 c/y/0.wav c/z/0.wav\n",
            "list",
            "list:2: 'c/y/0.wav' is no utterance of data and no path in its wav.scp; 2 of 3 trials name 2 such",
        ),
        ("1 a-x-0 a-x-1\n0 0.wav b-y-0\n", "list", "list:2: '0.wav' may be 'a-x-0' or 'b-y-0'"),
        ("1 / ..\n", "list", "list:1: '/' is no utterance"),
        ("a-x-0 a-x-1 1\na/x/0.wav a-x-1 1\n", "list", "list:2: the trial a-x-0 a-x-1 is in the list twice"),
        ("a-x-0,a-x-1,target\n", "list", "list:1: expected a header line such as enroll,test,label, found 'a-x-0,"),
        ("a-x-0|a-x-1|target\n", "list", "list:1: expected a header line"),
        ("a-x-0, a-x-1, target\n", "l.csv", "l.csv:1: expected a header line"),
        ("a-x-0 a-x-1 1\na-x-0;b-y-0;0\n", "list", "list:2: expected '<enrolment> <test> <label>', found 'a-x-0;b"),
        ("enroll,test,label\na-x-0,a-x-1\n", "l.csv", "l.csv:2: 2 columns; expected 3, as in the header line"),
        ("enroll,test,label\na-x-0,a-x-1,1\n\n", "l.csv", "l.csv:3: 0 columns; expected 3"),
        ("enroll,test,label\na-x-0,a-x-1,maybe\n", "l.csv", "l.csv:2: label 'maybe'; expected target or nontarget"),
        ("enroll,test,label\n,a-x-1,1\n", "l.csv", "l.csv:2: an empty name"),
        ("enroll,test,label\n", "l.csv", "l.csv: no trial below the header line"),
        ('enroll,test,label\n"a-x-0,a-x-1,1\n', "l.csv", "l.csv:2: unexpected end of data; expected a line of a CSV"),
        ("enroll,test,label\na-x-0,a-x-1,1\na-x-0,a-x-1,1\n", "l.csv", "l.csv:3: the trial a-x-0 a-x-1 is in the"),
    ],
)
def test_a_list_that_does_not_fit_is_refused_with_its_line(tmp_path, text, name, message):
    with pytest.raises(InputError) as refused:
        read(tmp_path, text, name)
    assert message in str(refused.value)


def test_repeated_trials_count_once_where_they_are_allowed(tmp_path):
    text = "enroll,test,label\na-x-0,a-x-1,1\nx/0.wav,a-x-1,1\na-x-0,b-y-0,0\n"
    assert read(tmp_path, text, allow_duplicates=True) == EXPECTED
