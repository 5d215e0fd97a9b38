from itertools import combinations

import pytest

from spkr.errors import InputError
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import write_spk2utt
from spkr.kaldi.trial_rules import TrialRules, make_trials
from spkr.kaldi.trials import all_pairs, write_trials
from spkr.report.trial_checks import check_trials

SPEAKERS = [f"{sex}{k:02d}" for sex in "fm" for k in range(20)]
UTT2SPK = {f"{spk}-{k}": spk for spk in SPEAKERS for k in range(4)}
FILES = {"utt2spk": UTT2SPK, "spk2gender": {spk: spk[0] for spk in SPEAKERS}}
ALL = all_pairs(UTT2SPK)


@pytest.fixture
def check(tmp_path):
    """A function: the facts about a list, and the warnings of it, without that of few speakers unless asked for."""

    def run(trials, models=None, few=False, **more):
        write_data_dir(tmp_path / "data", FILES | more)
        write_trials(tmp_path / "trials", trials)
        if models:
            write_spk2utt(tmp_path / "models", models)
        found = check_trials(tmp_path / "data", tmp_path / "trials", tmp_path / "models" if models else None)
        return found.facts, [w for w in found.warnings if few or " are few: " not in w]

    return run


def by_utt(value):
    return {utt: value(utt) for utt in UTT2SPK}


def same_sex(a, b):
    return a[0] == b[0]


def test_all_pairs_of_forty_speakers_are_nothing_to_warn_of(check):
    facts, warnings = check(ALL, few=True, utt2dur=by_utt(lambda utt: f"{2 + int(utt[-1])}.5"))
    assert warnings == []
    assert facts[:-1] == [
        "12,720 trials: 240 target (1.9 %), 12,480 nontarget",
        "40 speakers: 40 in enrolment, 40 in test, 40 with target trials",
        "same gender: 100.0 % of target, 48.7 % of nontarget trials",
        "seconds of the shorter side: 3.0 in target, 3.5 in nontarget trials (medians)",
        "seconds of the longer side: 5.0 in target, 4.5 in nontarget trials (medians)",
    ]
    assert facts[-1].startswith("95 % interval to expect of an EER of 3 %: 1.5-4.5 %")


def test_self_trials_repeated_ones_and_both_orders_are_counted(check):
    more = [("f00-0", "f00-0", True), ("m01-0", "m01-0", True), ALL[0], ("f00-1", "f00-0", True)]
    assert check([*ALL, *more])[1] == [
        f"1 of 12,724 lines repeat an earlier trial; first in line {len(ALL) + 3}",
        "2 of 12,723 trials are self-trials, which compare an utterance with itself: the EER is too low; first in "
        f"line {len(ALL) + 1}",
        "1 of 12,723 trials are in the list in both orders, so that they count twice; first in line 1",
    ]


def test_an_enrolment_recording_in_test_is_found(check):
    models, trials = make_trials(FILES, TrialRules(models=2))
    assert check(trials, models)[1] == []
    found = check([*trials, ("f00", "f00-1", True), ("f01", "f00-1", False)], models)[1]
    assert f"1 of {len(trials) + 2:,} trials test an utterance of their own enrolment: the EER is too low; " in found[0]
    assert found[0].endswith(f"first in line {len(trials) + 1}")


@pytest.mark.parametrize(
    "files",
    [
        {
            "segments": by_utt(lambda utt: f"{utt[:3]}r{max(int(utt[-1]), 1)} {utt[-1]} 9"),
            "wav.scp": {f"{spk}r{k}": f"{spk}{k}.wav" for spk in SPEAKERS for k in (1, 2, 3)},
        },
        {"reco2sum": by_utt(lambda utt: f"{100 * int(utt[1:3]) + max(int(utt[-1]), 1)} {utt[:1] == 'f':08x}")},
        {"wav.scp": by_utt(lambda utt: f"{utt[:4]}{max(int(utt[-1]), 1)}.wav")},
    ],
    ids=["segments", "sums", "paths"],
)
def test_one_recording_under_two_names_is_found(check, files):
    """Utterances 0 and 1 of each speaker are of one recording."""
    if "reco2sum" in files:
        files = files | {"wav.scp": by_utt(lambda utt: f"{utt}.wav")}
    assert check(ALL, **files)[1] == [
        "40 of 12,720 trials compare parts or copies of one recording: if they are target trials, the EER is too low; "
        "first in line 1"
    ]


def test_target_trials_within_a_session_are_found(check):
    files = {"utt2session": by_utt(lambda utt: f"{utt[:3]}-{int(utt[-1]) // 2}")}
    facts, warnings = check(ALL, **files)
    assert "same session: 33.3 % of target, 0.0 % of nontarget trials" in facts
    assert warnings == [
        "80 of 240 target trials are within one session, with the same channel: the EER is too low; first in line 1; "
        "make a list with --session different"
    ]
    assert check(make_trials(FILES | files, TrialRules())[1], **files)[1] == []


def test_nontarget_trials_between_the_sexes_are_found(check):
    facts, warnings = check([t for t in ALL if t[2] or not same_sex(*t[:2])])
    assert "same gender: 100.0 % of target, 0.0 % of nontarget trials" in facts
    assert warnings == [
        "100.0 % of nontarget trials are of a woman and a man, who are easy to tell apart: the EER is too low; make a "
        "list with --gender same"
    ]


def test_a_sex_that_only_target_trials_have_is_found(check):
    trials = [t for t in ALL if same_sex(*t[:2]) and t[2] == (t[0][0] == "f")]
    assert check(trials)[1] == [
        "gender is tied to the label: f is on 100.0 % of the sides of target and 0.0 % of those of nontarget trials"
    ]


@pytest.mark.parametrize(("together", "effect"), [(True, "too low"), (False, "too high")])
def test_a_microphone_tied_to_the_label_is_found(check, together, effect):
    mic = by_utt(lambda utt: "ab"[int(utt[-1]) % 2])
    trials = [t for t in ALL if (mic[t[0]] == mic[t[1]]) == (t[2] == together)]
    shares = ("100.0", "0.0") if together else ("0.0", "100.0")
    assert check(trials, utt2mic=mic)[1] == [
        "mic is tied to the label: same mic: {} % of target, {} % of nontarget trials: the EER is {}".format(
            *shares, effect
        )
    ]


@pytest.mark.parametrize(("longer", "effect"), [(True, "too low"), (False, "too high")])
def test_longer_target_trials_are_found(check, longer, effect):
    def is_long(utt):
        return int(utt[-1]) > 1

    trials = [t for t in ALL if is_long(t[0]) == is_long(t[1]) == (t[2] == longer)]
    medians = (8.0, 3.0) if longer else (3.0, 8.0)
    of_sides = [
        "length is tied to the label: seconds of the {} side: {} in target, {} in nontarget trials (medians): the EER "
        "is {}, as longer sides score higher".format(side, *medians, effect)
        for side in ("shorter", "longer")
    ]
    assert check(trials, utt2dur=by_utt(lambda utt: "8" if is_long(utt) else "3"))[1] == of_sides


def of_first(n):
    return [t for t in ALL if t[0][:3] in SPEAKERS[:n] and t[1][:3] in SPEAKERS[:n]]


def test_few_speakers_are_named_with_the_interval_to_expect(check):
    facts, warnings = check(of_first(8), few=True)
    assert facts[-1] == "95 % interval to expect of an EER of 3 %: 0.0-6.4 %"
    assert warnings == [
        "8 speakers with 48 target trials are few: an EER of 3 % would be known to about 3.4 %; read "
        "nothing into smaller differences"
    ]
    assert check(of_first(4))[1] == ["4 speakers with target trials; 5 are the fewest for an interval of the EER"]


def test_a_speaker_with_most_target_trials_is_found(check):
    trials = [t for t in ALL if not t[2] or t[0][-1] + t[1][-1] == "01" or t[0].startswith("f00")]
    more = [(f"f00-{a}", f"f00-{b}", True) for a, b in combinations(range(1, 4), 2)]
    assert {t[:2] for t in more} < {t[:2] for t in trials}
    utts = {f"f00-{k}": "f00" for k in range(30)}
    trials += [t for t in all_pairs(utts) if int(t[1][4:]) > 3]
    (warning, *_) = [w for w in check(trials, utt2spk=UTT2SPK | utts)[1] if "most of" in w]
    assert warning == (
        "few of the 40 speakers have most of the target trials, so that they count as 1; make a list with --per-speaker"
    )


def test_a_list_of_one_kind_is_named(check):
    assert check([t for t in ALL if t[2]])[1] == ["no nontarget trial; an EER needs trials of both kinds"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("f00-0 f01-0 target\n", "trials:1: a target trial of speakers 'f00' and 'f01'"),
        ("f00-0 x target\n", "trials:1: 'x' is not an utterance of"),
        ("f00-0 f00-1\n", "trials:1: expected '<enrolment> <test> <label>'"),
    ],
)
def test_a_list_that_contradicts_the_data_is_refused(tmp_path, line, message):
    write_data_dir(tmp_path / "data", FILES)
    (tmp_path / "trials").write_text(line)
    with pytest.raises(InputError, match=message):
        check_trials(tmp_path / "data", tmp_path / "trials")
