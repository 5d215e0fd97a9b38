import himia
import himia_trials
import pytest

from spkr.errors import InputError
from spkr.kaldi.maps import read_map, read_spk2utt
from tests.unit.local.himia_corpus import ARRAY, fails, lines, prepare, write_audio, write_set


def test_both_protocols_of_both_lists(corpus, tmp_path):
    test = prepare(corpus, tmp_path / "data") / "test"
    assert lines(test / "trials_1m_averaged") == [
        "SV0297_2_{}_N0001 SV0297_2_{}_N0002 target",
        "SV0297_2_{}_N0001 SV0298_2_{}_N0001 nontarget",
    ]
    assert read_spk2utt(test / "models_1m_averaged") == {
        f"{spk}_2_{{}}_{word}": [f"{spk}_{place}_{word}" for place in ARRAY]
        for spk, word in (("SV0297", "N0001"), ("SV0297", "N0002"), ("SV0298", "N0001"))
    }
    assert lines(test / "trials_1m_expanded")[:4] == [
        "SV0297_2_01_N0001 SV0297_2_01_N0002 target",
        "SV0297_2_02_N0001 SV0297_2_02_N0002 target",
        "SV0297_2_03_N0001 SV0297_2_03_N0002 target",
        "SV0297_2_01_N0001 SV0298_2_01_N0001 nontarget",
    ]
    assert lines(test / "trials_mic_averaged")[0] == "SV0297_7_01_N0001 SV0297_2_{}_N0002 target"
    assert read_spk2utt(test / "models_mic_averaged")["SV0297_7_01_N0001"] == ["SV0297_7_01_N0001"]
    assert lines(test / "trials_mic_expanded")[3:] == [
        f"SV0298_7_01_N0001 SV0297_{place}_N0002 nontarget" for place in ARRAY
    ]
    assert not (test / "trials_pairs").exists()


@pytest.mark.parametrize(
    "decision, target",
    [(word, True) for word in ("target", "1", "TARGET", "True")]
    + [(word, False) for word in ("nontarget", "0", "non-target", "imposter", "impostor", "false")],
)
def test_usual_spellings_of_the_decision(tmp_path, decision, target):
    trial = ("SV0297_2_{}_N0001", "SV0297_2_03_N0002" if target else "SV0298_2_03_N0002")
    (tmp_path / "trials").write_text(f"{trial[0]}.wav wav/{trial[1]} {decision}\n")
    assert himia_trials.read_trials(tmp_path / "trials") == [(*trial, target)]


@pytest.mark.parametrize(
    "line, why",
    [
        ("SV0297_2_{}_N0001 SV0297_2_{}_N0002 yes", "decision 'yes'; expected target"),
        ("SV0297_2_{}_N0001 SV0297_2_{}_N0002", "expected 'SV0001_2_{}_N0001.wav <other name> target'"),
        ("SV0297_2_{}_N0001 SV0297_2_{}_N0002 target 1", "expected 'SV0001"),
        ("SV0297_2_*_N0001 SV0297_2_{}_N0002 target", "found 'SV0297_2_*_N0001"),
        ("SV0297_{}_01_N0001 SV0297_2_{}_N0002 target", "expected 'SV0001"),
        ("SV0297_2_{}_N0001 SV0298_2_{}_N0002 target", "'target', but the speakers are SV0297 and SV0298"),
        ("SV0297_2_{}_N0001 SV0297_2_{}_N0002 0", "'0', but the speakers are SV0297 and SV0297"),
    ],
)
def test_malformed_trial_is_named_with_its_line(tmp_path, line, why):
    (tmp_path / "trials").write_text(f"SV0297_2_01_N0001 SV0297_2_01_N0002 1\n{line}\n")
    with pytest.raises(InputError) as e:
        himia_trials.read_trials(tmp_path / "trials")
    assert str(e.value).startswith(f"{tmp_path / 'trials'}:2: ") and why in str(e.value)


def test_trial_that_stands_there_twice_is_taken_once_and_said(tmp_path, capsys):
    (tmp_path / "trials").write_text("SV0297_2_01_N0001 SV0297_2_01_N0002 1\n" * 3)
    assert len(himia_trials.read_trials(tmp_path / "trials")) == 1
    assert "2 duplicate trials dropped" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["SV0297_2_{}_N0009", "SV0297_2_04_N0001", "SV0299_7_01_N0001"])
def test_trial_about_a_recording_that_is_not_there(corpus, tmp_path, capsys, name):
    with (corpus / "test/trials_mic").open("a") as f:
        f.write(f"SV0297_7_01_N0001.wav {name}.wav {int(name.startswith('SV0297'))}\n")
    assert f"test/trials_mic: trial SV0297_7_01_N0001 {name}: no recording {name} in the corpus" in fails(corpus)
    test = prepare(corpus, tmp_path / "data", allow_partial=True) / "test"
    assert len(lines(test / "trials_mic_averaged")) == 2
    assert f"test/trials_mic: 1 trials dropped, because a recording is missing; first {name}" in capsys.readouterr().out


def test_trial_about_a_bad_file_is_dropped_and_said(corpus, tmp_path, capsys):
    (corpus / "test/wav/SV0298_7_01_N0001.wav").unlink()
    with (corpus / "test/trials_mic").open("a") as f:
        f.write("SV0297_7_01_N0001 SV0298_2_{}_N0002 0\n")
    test = prepare(corpus, tmp_path / "data", max_bad_share=0.1) / "test"
    assert [line.split()[2] for line in lines(test / "trials_mic_averaged")] == ["target", "nontarget"]
    assert "1 trials dropped, because a recording is missing; first SV0298_7_01_N0001" in capsys.readouterr().out


def test_array_with_fewer_microphones_is_averaged_over_those_said_once_and_counted(corpus, tmp_path, capsys):
    (corpus / "test/wav/SV0297_2_02_N0001.wav").unlink()
    (corpus / "test/wav/SV0298_2_03_N0001.wav").write_bytes(b"")
    test = prepare(corpus, tmp_path / "data", max_bad_share=0.2) / "test"
    assert read_spk2utt(test / "models_1m_averaged")["SV0297_2_{}_N0001"] == ["SV0297_2_01_N0001", "SV0297_2_03_N0001"]
    assert len(lines(test / "trials_1m_averaged")) == 2
    assert [line for line in lines(test / "trials_1m_expanded") if "SV0298" in line] == [
        "SV0297_2_01_N0001 SV0298_2_01_N0001 nontarget"  # the one microphone that both have
    ]
    said = [line for line in capsys.readouterr().out.splitlines() if "have fewer" in line]
    assert said == [
        "test: 2 of 3 arrays have fewer than 3 microphones, first SV0297_2_{}_N0001 with 2; the average is over those"
    ]


def test_microphone_00_is_in_the_data_but_in_no_average(corpus, tmp_path):
    write_audio(corpus / "test/wav/SV0297_2_00_N0001.wav")
    with (corpus / "test/wav.scp").open("a") as f:
        f.write("SV0297_2_00_N0001.wav\n")
    test = prepare(corpus, tmp_path / "data") / "test"
    assert read_map(test / "utt2mic")["SV0297_2_00_N0001"] == "00"
    assert "_00_" not in (test / "models_1m_averaged").read_text() + (test / "trials_1m_expanded").read_text()


def test_list_without_any_trial_left_is_an_error(corpus):
    (corpus / "test/trials_1m").write_text("SV0299_2_{}_N0001 SV0299_2_{}_N0002 1\n")
    assert fails(corpus, allow_partial=True).startswith("test/trials_1m_averaged: no trial is left")


def test_dev_is_tried_as_the_test_is(corpus, tmp_path):
    dev = prepare(corpus, tmp_path / "data") / "dev"
    # Two speakers say three things each: of 15 pairs 6 are targets; no pair is of one thing said.
    counts = {name: 15 for name in ("1m_averaged",)} | {
        "1m_expanded": 45,
        "mic_averaged": 30,
        "mic_expanded": 90,
        "pairs": 60,
    }
    for name, number in counts.items():
        trials = [line.split() for line in lines(dev / f"trials_{name}")]
        assert len(trials) == number, name
        assert sum(label == "target" for *_, label in trials) * 15 == number * 6
        assert all(himia.said(a) != himia.said(b) for a, b, _ in trials)
    assert {line[7] for line in lines(dev / "trials_mic_averaged")} == {"7"}
    assert "{}" not in (dev / "trials_pairs").read_text() and not (dev / "models_pairs").exists()


def test_dev_trials_of_some_utterances_and_places(corpus, tmp_path):
    write_set(corpus, "dev", [255, 256], [f"N{i:04d}" for i in range(8)], ["7_01", "2_01", "5_02"])
    dev = prepare(corpus, tmp_path / "a", dev_utterances=2) / "dev"
    trials = [line.split() for line in lines(dev / "trials_1m_averaged")]
    assert len(trials) == 6 and {name[7] for *names, _ in trials for name in names} == {"2"}
    dev = prepare(corpus, tmp_path / "b", dev_utterances=2, dev_points=["2", "5"]) / "dev"
    assert len(lines(dev / "trials_1m_averaged")) == 24  # 28 pairs of 8 arrays, 4 of them of one thing said
