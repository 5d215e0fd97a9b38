import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spkr.errors import InputError
from spkr.kaldi.odd_trials import warn_of_odd_trials
from spkr.kaldi.trials import (
    all_pairs,
    enrol_models,
    look_up_utterances,
    read_models,
    read_trials,
    write_trials,
)

UTT2SPK = {"a-2": "a", "a-1": "a", "a-3": "a", "b-1": "b", "b-2": "b"}


def test_list_is_read_as_it_was_written(tmp_path):
    write_trials(tmp_path / "trials", [("m", "u1", True), ("m", "u2", False), ("k", "u1", False)])
    trials = read_trials(tmp_path / "trials")
    assert [trials.pair(k) for k in range(len(trials))] == [("m", "u1"), ("m", "u2"), ("k", "u1")]
    assert (trials.enrol_names, trials.test_names) == (["m", "k"], ["u1", "u2"])
    assert (trials.enrol.dtype, trials.test.tolist()) == (np.int32, [0, 1, 0])
    assert trials.target.tolist() == [True, False, False]


letters = st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"], exclude_characters="\ufeff")
name = st.text(letters, min_size=1, max_size=12)


@given(st.lists(st.tuples(name, name, st.booleans()), min_size=1, unique_by=lambda trial: trial[:2]))
def test_any_names_are_read_as_they_were_written(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "trials"
    write_trials(path, lines)
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
        (b"m u1 target\nm u\x012 target\n", "trials:2: a control character"),
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
    with pytest.raises(InputError, match="trials:2001: the trial m7 u0 is in the list twice; .*--allow-duplicates"):
        read_trials(tmp_path / "trials")


def test_unlabelled_list_has_no_targets(tmp_path):
    (tmp_path / "trials").write_text("m u1\nm u2\n")
    assert read_trials(tmp_path / "trials", labelled=False).target is None
    with pytest.raises(InputError, match="trials:1: expected '<enrolment> <test> <label>', found 'm u1'"):
        read_trials(tmp_path / "trials")


@pytest.mark.parametrize(
    "line, message",
    [
        ("m", "trials:2: expected"),
        ("m u2 target more", "trials:2: expected"),
        ("m u2 Target", "trials:2: label 'Target'; expected target or nontarget"),
        ("m u1 nontarget", "trials:2: the trial m u1 is in the list twice"),
    ],
)
@pytest.mark.parametrize("labelled", [True, False])
def test_malformed_line_is_named(tmp_path, line, message, labelled):
    (tmp_path / "trials").write_text(f"m u1 target\n{line}\n")
    with pytest.raises(InputError, match=message):
        read_trials(tmp_path / "trials", labelled)


def trials_in(folder, text, **options):
    (folder / "trials").write_text(text)
    return read_trials(folder / "trials", **options)


@pytest.mark.parametrize(
    "text",
    [
        "1 m/a u1.wav\n0 m/a u2.wav\n",  # VoxCeleb's
        "m/a u1.wav 1\nm/a u2.wav 0\n",
        "m/a u1.wav target\nm/a u2.wav nontarget\n",
    ],
)
@pytest.mark.parametrize("labelled", [True, False])
def test_lists_of_kaldi_and_of_voxceleb_say_the_same(tmp_path, text, labelled):
    trials = trials_in(tmp_path, text, labelled=labelled)
    assert [trials.pair(k) for k in range(2)] == [("m/a", "u1.wav"), ("m/a", "u2.wav")]
    assert trials.target.tolist() == [True, False]


@pytest.mark.parametrize("text", ["1 001 target\n1 01 nontarget\n", "1 001 1\n0 01 0\n2 01 1\n", "1 1 a\n0 01 b\n"])
def test_names_may_look_like_labels_and_numbers(tmp_path, text):
    trials = trials_in(tmp_path, text)
    fields = [line.split() for line in text.splitlines()]
    pairs = [line[1:] for line in fields] if "b" in text else [line[:2] for line in fields]
    assert [list(trials.pair(k)) for k in range(len(trials))] == pairs
    assert trials.target[:2].tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 m 1\n0 k 0\n", "trials: every line begins and ends with 1 or 0, so that either may be the label; write"),
        (
            "1 m u\nx m u2\n",
            "trials:2: label 'x'; expected 1 or 0, as the lines seem to be '<label> <enrolment> <test>'",
        ),
        ("m u 1\nm u2 target\n", "trials:2: label 'target'; expected 1 or 0, .* '<enrolment> <test> <label>'"),
        ("m u target\nm u2 0\n", "trials:2: label '0'; expected target or nontarget, as the lines seem to be"),
        ("1 m u\ntarget m u2\n", "trials:2: label 'target'; expected 1 or 0"),
        ("m u 0.5\n", "trials:1: label '0.5'; expected target or nontarget"),
    ],
)
def test_a_label_that_does_not_fit_the_form_is_refused_with_both(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        trials_in(tmp_path, text)


def test_repeated_trials_count_once_where_they_are_allowed(tmp_path, caplog):
    lines = ["m u1 target", "m u2 nontarget", "m u1 target", "m u1 target", "k u1 nontarget"]
    trials = trials_in(tmp_path, "\n".join(lines), allow_duplicates=True)
    assert [trials.pair(k) for k in range(len(trials))] == [("m", "u1"), ("m", "u2"), ("k", "u1")]
    assert (trials.target.tolist(), [trials.line(k) for k in range(3)]) == ([True, False, False], [1, 2, 5])
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "2 of 5 trials are repeated, and count once"
    ]
    with pytest.raises(InputError, match="trials:6: the trial m u2 is in the list with two labels"):
        trials_in(tmp_path, "\n".join([*lines, "m u2 target"]), allow_duplicates=True)


def test_a_model_lists_an_utterance_once(tmp_path):
    (tmp_path / "models").write_text("a u1 u2\nb u1 u3 u1\n")
    with pytest.raises(InputError, match="models:2: model 'b' lists 'u1' twice; list each utterance once"):
        read_models(tmp_path / "models")
    assert read_models(None) == {}


def test_enrolment_names_are_models_first_and_test_names_utterances_first(tmp_path):
    trials = trials_in(tmp_path, "both both target\nm both nontarget\nu1 m nontarget\n")
    models = {"both": ["u1", "u2"], "m": ["u3"]}
    utts = {"both", "u1", "u2", "u3"}
    enrol, test = look_up_utterances(trials, "trials", utts, "an utterance of data", models, "models")
    assert enrol == [("u1", "u2"), ("u3",), ("u1",)]  # both, m, u1
    assert test == [("both",), ("u3",)]  # both, m
    with pytest.raises(InputError, match="trials:1: 'both' is not an utterance of data"):
        look_up_utterances(trials, "trials", utts - {"both"}, "an utterance of data", {}, None)
    with pytest.raises(InputError, match="trials:3: 'u1' is not a model of models or an utterance of data"):
        look_up_utterances(trials, "trials", set(), "an utterance of data", models, "models")


def odd(folder, text, models, caplog):
    trials = trials_in(folder, text)
    with caplog.at_level(logging.WARNING):
        warn_of_odd_trials("trials", trials, look_up_utterances(trials, "trials", {"a", "b", "c"}, "", models, None))
    return [record.getMessage() for record in caplog.records]


def test_trials_with_themselves_and_pairs_in_both_orders_are_counted_once(tmp_path, caplog):
    text = "a a target\na b nontarget\nb a nontarget\nb c nontarget\nc b nontarget\nc c target\n"
    assert odd(tmp_path, text, {}, caplog) == [
        "trials: 2 of 6 trials test an utterance of their own enrolment",
        "trials: 2 of 6 trials are also in the list with both sides exchanged",
    ]


def test_a_test_utterance_of_a_model_is_counted_and_a_name_alone_is_not(tmp_path, caplog):
    text = "m a target\nm b target\nm c nontarget\na a nontarget\n"  # a is a model of another utterance, too
    text += "k b nontarget\nc b nontarget\n"  # alike, as k is a model of c alone, but in one order
    assert odd(tmp_path, text, {"m": ["a", "b"], "a": ["c"], "k": ["c"]}, caplog) == [
        "trials: 2 of 6 trials test an utterance of their own enrolment"
    ]


def test_nothing_is_said_of_a_plain_list(tmp_path, caplog):
    assert odd(tmp_path, "a b nontarget\na c nontarget\nb c nontarget\n", {}, caplog) == []


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
