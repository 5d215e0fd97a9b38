import logging
from collections import Counter

import pytest

from spkr.errors import InputError
from spkr.kaldi import trial_rules
from spkr.kaldi.trial_rules import TrialRules, make_trials, models_beside, sessions_of
from spkr.kaldi.trials import all_pairs, enrol_models


def files(speakers=6, utts=4, sessions=None, **more):
    """Speakers f0 m1 f2 ..., with this many utterances each; `sessions` names the session of utterance k."""
    utt2spk = {f"{'fm'[s % 2]}{s}-{k}": f"{'fm'[s % 2]}{s}" for s in range(speakers) for k in range(utts)}
    made = {"utt2spk": utt2spk, "spk2gender": {spk: spk[0] for spk in utt2spk.values()}}
    if sessions:
        made["utt2session"] = {utt: f"{spk}-{sessions[int(utt[-1])]}" for utt, spk in utt2spk.items()}
    return made | more


def counts(trials, side, target):
    return Counter(trial[side].partition("-")[0] for trial in trials if trial[2] == target)


def test_without_rules_it_is_all_pairs_or_all_tests_of_the_first_recordings():
    data = files()
    assert make_trials(data, TrialRules()) == ({}, all_pairs(data["utt2spk"]))
    spk2utt = {spk: [utt for utt, of in data["utt2spk"].items() if of == spk] for spk in data["spk2gender"]}
    assert make_trials(data, TrialRules(models=3)) == enrol_models(spk2utt, 3)


@pytest.mark.parametrize(("models", "targets"), [(None, 2), (2, 4)])
def test_each_speaker_and_each_recording_is_drawn_equally_often(models, targets):
    data = files(utts=4 if models is None else 6)
    _, trials = make_trials(data, TrialRules(targets, 8, models))
    for target, n in ((True, targets), (False, 8)):
        for side in (0, 1):
            assert counts(trials, side, target) == dict.fromkeys(data["spk2gender"], n)
        tested = Counter(utt for trial in trials if trial[2] == target for utt in trial[:2] if "-" in utt)
        assert len(tested) == 24
        assert set(tested.values()) == {n * 6 * (1 if models else 2) // 24}
    pairs = [frozenset(trial[:2]) for trial in trials]
    assert len(set(pairs)) == len(pairs) == 6 * (targets + 8)
    assert all(len(pair) == 2 for pair in pairs)
    assert all(target == (a[:2] == b[:2]) for a, b, target in trials)


def test_a_seed_gives_the_same_list_whatever_the_order_of_lines():
    data, rules = files(), TrialRules(targets=2, nontargets=3)
    turned = {name: dict(reversed(table.items())) for name, table in data.items()}
    trials = make_trials(data, rules)[1]
    assert make_trials(turned, rules)[1] == trials == sorted(trials)
    met = [
        {(a[:2], b[:2]) for a, b, target in make_trials(data, TrialRules(1, 1, seed=seed))[1] if not target}
        for seed in (1, 2)
    ]
    assert met[0] != met[1]


def test_only_the_number_of_nontarget_trials_may_be_limited():
    trials = make_trials(files(), TrialRules(nontargets=2))[1]
    assert counts(trials, 0, False) == dict.fromkeys(files()["spk2gender"], 2)
    assert sum(target for *_, target in trials) == 6 * 6


def test_more_trials_than_there_are_give_all_and_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        trials = make_trials(files(3, 2), TrialRules(targets=2, nontargets=99))[1]
    assert {frozenset(trial[:2]) for trial in trials} == {frozenset(t[:2]) for t in all_pairs(files(3, 2)["utt2spk"])}
    assert caplog.messages[0] == "3 of 3 speakers have fewer than 2 target trials, first f0 with 1"
    assert caplog.messages[1].startswith("3 of 3 speakers have fewer than 99 nontarget trials, first f0 with ")


@pytest.mark.parametrize("drawn", [None, 6])
def test_nontarget_trials_are_of_one_sex_or_of_two(drawn):
    for gender in ("same", "different"):
        _, trials = make_trials(files(), TrialRules(drawn, drawn, gender=gender))
        assert {a[0] == b[0] for a, b, target in trials if not target} == {gender == "same"}
        assert any(target for *_, target in trials)


@pytest.mark.parametrize("drawn", [None, 3])
def test_target_trials_are_never_within_a_session_unless_it_is_asked_for(drawn):
    data = files(sessions="aabb")
    session = data["utt2session"]

    def of(rule):
        trials = make_trials(data, TrialRules(drawn, drawn, session=rule))[1]
        assert any(not target for *_, target in trials)
        return {session[a] == session[b] for a, b, target in trials if target}

    assert of(None) == of("different") == {False}
    assert of("same") == {True}
    assert of("any") == {False, True}


def test_a_session_that_speakers_share_is_left_out_of_nontarget_trials_too():
    data = files(sessions="aabb")
    data["utt2session"] = {utt: value[-1] for utt, value in data["utt2session"].items()}
    _, trials = make_trials(data, TrialRules())
    assert all(data["utt2session"][a] != data["utt2session"][b] for a, b, _ in trials)


def test_segments_of_one_recording_are_of_one_session():
    data = files(segments={utt: f"{utt[:2]}r{int(utt[-1]) // 2} 0 1" for utt in files()["utt2spk"]})
    assert sessions_of(data)["f0-3"] == "f0r1"
    assert ("f0-0", "f0-1", True) not in make_trials(data, TrialRules())[1]
    assert ("f0-0", "f0-2", True) in make_trials(data, TrialRules())[1]


def test_a_model_is_of_one_session_if_that_has_enough_recordings():
    data = files(2, 5, sessions="abbbc")
    models, trials = make_trials(data, TrialRules(models=2))
    assert models == {"f0": ["f0-1", "f0-2"], "m1": ["m1-1", "m1-2"]}
    assert [test for model, test, target in trials if target and model == "f0"] == ["f0-0", "f0-4"]
    assert make_trials(data, TrialRules(models=2, session="any"))[0]["f0"] == ["f0-0", "f0-1"]


def test_models_have_the_recordings_that_make_up_the_seconds():
    seconds = {"0": "2.0", "1": "1.5", "2": "9.0", "3": "1.0"}
    data = files(2, 4)
    data["utt2dur"] = {utt: seconds[utt[-1]] for utt in data["utt2spk"]}
    assert make_trials(data, TrialRules(model_seconds=3.5))[0]["f0"] == ["f0-0", "f0-1"]
    assert make_trials(data, TrialRules(model_seconds=3.6))[0]["f0"] == ["f0-0", "f0-1", "f0-2"]


def test_a_speaker_with_too_few_recordings_is_not_enrolled_but_tested(caplog):
    data = files(3, 4)
    data["utt2spk"] = {utt: spk for utt, spk in data["utt2spk"].items() if spk != "f2"} | {"f2-0": "f2"}
    with caplog.at_level(logging.WARNING):
        models, trials = make_trials(data, TrialRules(models=2))
    assert set(models) == {"f0", "m1"}
    assert ("f0", "f2-0", False) in trials
    assert caplog.messages == [
        "1 of 3 speakers are not enrolled, first f2: their recordings do not suffice for a model and a test"
    ]


@pytest.mark.parametrize(
    ("data", "rules", "message"),
    [
        ({}, TrialRules(session="same"), "no utt2session or segments, which --session needs; add it, or leave"),
        ({"spk2gender": None}, TrialRules(gender="same"), "no spk2gender, which --gender needs"),
        ({}, TrialRules(model_seconds=3.0), "no utt2dur, which --model-seconds needs"),
        ({"sessions": "aaaa"}, TrialRules(), "no target trial follows the rules"),
        ({"speakers": 1}, TrialRules(), "no nontarget trial follows the rules"),
        ({"utts": 1}, TrialRules(targets=1, nontargets=1), "no target trial follows the rules"),
        ({"utts": 3}, TrialRules(models=3), "no target trial follows the rules"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(data, rules, message):
    made = {name: table for name, table in files(**data).items() if table is not None}
    with pytest.raises(InputError, match=message):
        make_trials(made, rules)


def test_too_many_pairs_are_refused_before_they_are_listed(monkeypatch):
    monkeypatch.setattr(trial_rules, "MOST", 24 * 23 // 2 - 1)
    with pytest.raises(InputError, match="276 pairs of recordings; expected at most 275: draw some with --per-speaker"):
        make_trials(files(), TrialRules())
    assert len(make_trials(files(), TrialRules(targets=1, nontargets=1))[1]) == 12


def test_models_lie_beside_their_list():
    assert str(models_beside("a/trials_x")) == "a/models_x"
    assert str(models_beside("a/mine.txt")) == "a/models_mine.txt"
