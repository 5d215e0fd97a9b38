import pytest

from spkr.errors import InputError
from spkr.kaldi.trials import all_pairs, enrol_models, read_trials, write_trials

UTT2SPK = {"a-2": "a", "a-1": "a", "a-3": "a", "b-1": "b", "b-2": "b"}


def test_list_is_read_as_it_was_written(tmp_path):
    write_trials(tmp_path / "trials", [("m", "u1", True), ("m", "u2", False), ("k", "u1", False)])
    trials = read_trials(tmp_path / "trials")
    assert (trials.enrol, trials.test) == (["m", "m", "k"], ["u1", "u2", "u1"])
    assert trials.target.tolist() == [True, False, False]


def test_unlabelled_list_has_no_targets(tmp_path):
    (tmp_path / "trials").write_text("m u1\nm u2\n")
    assert read_trials(tmp_path / "trials", labelled=False).target is None
    with pytest.raises(InputError, match=r"trials:1: expected '<enrolment> <test> target\|nontarget', found 'm u1'"):
        read_trials(tmp_path / "trials")


@pytest.mark.parametrize(
    "line, message",
    [
        ("m", "trials:2: expected"),
        ("m u2 target more", "trials:2: expected"),
        ("m u2 Target", "trials:2: label 'Target'; expected target or nontarget"),
        ("m u1 nontarget", "trials:2: the trial m u1 stands there twice"),
    ],
)
@pytest.mark.parametrize("labelled", [True, False])
def test_malformed_line_is_named(tmp_path, line, message, labelled):
    (tmp_path / "trials").write_text(f"m u1 target\n{line}\n")
    with pytest.raises(InputError, match=message):
        read_trials(tmp_path / "trials", labelled)


def test_all_pairs_are_unordered_and_once_each():
    pairs = all_pairs(UTT2SPK)
    assert len({frozenset(pair[:2]) for pair in pairs}) == len(pairs) == 5 * 4 // 2
    assert sum(target for *_, target in pairs) == 3 + 1
    assert all(target == (a[0] == b[0]) for a, b, target in pairs)


def test_models_are_of_the_first_utterances_and_tried_against_all_others():
    models, trials = enrol_models({"a": ["a-3", "a-1", "a-2"], "b": ["b-2", "b-1"]}, 1)
    assert models == {"a": ["a-1"], "b": ["b-1"]}
    assert sorted(trials) == sorted(
        (model, utt, utt.startswith(model)) for model in "ab" for utt in ("a-2", "a-3", "b-2")
    )


def test_speaker_without_an_utterance_to_spare_is_refused():
    with pytest.raises(InputError, match="speaker 'b' has 2 utterances; a model of 2 needs at least 3"):
        enrol_models({"a": ["a-1", "a-2", "a-3"], "b": ["b-1", "b-2"]}, 2)
