from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.kaldi.trials import all_pairs, enrol_models, read_trials, write_trials

UTT2SPK = {"a-2": "a", "a-1": "a", "a-3": "a", "b-1": "b", "b-2": "b"}


def test_list_is_read_as_it_was_written(tmp_path):
    write_trials(tmp_path / "trials", [("m", "u1", True), ("m", "u2", False), ("k", "u1", False)])
    trials = read_trials(tmp_path / "trials")
    assert [trials.pair(k) for k in range(len(trials))] == [("m", "u1"), ("m", "u2"), ("k", "u1")]
    assert (trials.enrol_names, trials.test_names) == (["m", "k"], ["u1", "u2"])
    assert (trials.enrol.dtype, trials.test.tolist()) == (np.int32, [0, 1, 0])
    assert trials.target.tolist() == [True, False, False]


name = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=12)


@given(st.lists(st.tuples(name, name, st.booleans()), min_size=1, unique_by=lambda trial: trial[:2]))
def test_any_names_are_read_as_they_were_written(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "trials"
    write_trials(path, lines)
    with patch("spkr.kaldi.columns.PIECE", 50):
        trials = read_trials(path)
    assert [(*trials.pair(k), same) for k, same in enumerate(trials.target)] == lines
    assert trials.enrol_names == list(dict.fromkeys(enrol for enrol, *_ in lines))


def test_blanks_and_line_ends_may_be_of_any_kind(tmp_path):
    (tmp_path / "trials").write_bytes(b"m  u1\ttarget\r\n m u2 nontarget \r\nk u1 nontarget")
    trials = read_trials(tmp_path / "trials")
    assert [trials.pair(k) for k in range(3)] == [("m", "u1"), ("m", "u2"), ("k", "u1")]
    assert trials.target.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n", "trials:1: expected"),
        (b"m u1 target\n\nm u2 target\n", "trials:2: expected .*, found ''"),
        (b"m u1 target\nm u2\nnontarget m u3 target\n", "trials:2: expected .*, found 'm u2'"),
        (b"m u1 target\nm u\x012 target\n", "trials:2: expected"),
        (b"m u1 target\nm \xff target\n", "not UTF-8 text"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, content, message):
    (tmp_path / "trials").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_trials(tmp_path / "trials")


def test_a_missing_list_is_refused(tmp_path):
    with pytest.raises(InputError, match="trials: no such file"):
        read_trials(tmp_path / "trials")


def test_a_list_is_labelled_throughout_or_not_at_all(tmp_path):
    (tmp_path / "trials").write_text("m u1\nm u2 target\n")
    with pytest.raises(InputError, match="trials:2: expected '<enrolment> <test>', found 'm u2 target'"):
        read_trials(tmp_path / "trials", labelled=False)


def test_a_trial_repeated_far_away_is_named_with_its_own_line(tmp_path):
    lines = [f"m{i} u{j} nontarget" for j in range(40) for i in range(50)]
    (tmp_path / "trials").write_text("\n".join([*lines, lines[7], lines[3]]))
    with (
        patch("spkr.kaldi.columns.PIECE", 1000),
        pytest.raises(InputError, match="trials:2001: the trial m7 u0 stands"),
    ):
        read_trials(tmp_path / "trials")


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
