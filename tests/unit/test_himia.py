import io
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spkr.audio.read import read_audio
from spkr.corpus.durations import measure_durations, read_parts
from spkr.corpus.fetch import fetch_corpus, find_archive
from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir, read_map, read_spk2utt
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "local"))
import himia  # noqa: E402
import himia_trials  # noqa: E402

FIRST = "train/SPEECHDATA/wav/SV0001/SV0001_2_01_N0001.wav"
ARRAY = ["2_01", "2_02", "2_03"]
SETTINGS = {
    "parts": 1,
    "seed": 1,
    "max_bad_share": 0.0,
    "allow_partial": False,
    "microphones": 3,
    "dev_points": ["2"],
    "dev_utterances": 6,
    "spk2gender": None,
}


@cache
def wav(samples: int, rate: int, channels: int) -> bytes:
    audio = np.random.RandomState(0).randint(-3000, 3000, (samples, channels)).astype(np.int16)
    content = io.BytesIO()
    soundfile.write(content, audio, rate, format="WAV")
    return content.getvalue()


def write_audio(path: Path, samples=1600, rate=16000, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav(samples, rate, channels))


def write_set(root: Path, name: str, speakers: list[int], says: list[str], places: list[str]) -> None:
    folder, scp = (root / "test", "wav.scp") if name == "test" else (root / name / "SPEECHDATA", f"{name}.scp")
    lines = []
    for spk in (f"SV{number:04d}" for number in speakers):
        for file in (f"{spk}_{place}_{word}.wav" for word in says for place in places):
            where = f"wav/{file}" if name == "test" else f"wav/{spk}/{file}"
            lines.append(f"{file if name == 'test' else where}\n")
            close = name == "test" and "_7_01_" in file
            write_audio(folder / where, *((4410, 44100) if close else (1600, 16000)))
    (folder / scp).write_text("".join(lines))


@pytest.fixture
def corpus(tmp_path):
    root = tmp_path / "corpus"
    write_set(root, "train", [1, 2, 3], [f"N{i:04d}" for i in range(1, 11)], ["7_01", "2_01", "5_12"])
    write_set(root, "dev", [255, 256], ["N0001", "S0002", "F0003"], ["7_01", *ARRAY])
    write_set(root, "test", [297, 298], ["N0001", "N0002"], ["7_01", *ARRAY])
    (root / "test/trials_1m").write_text(
        "SV0297_2_{}_N0001.wav SV0297_2_{}_N0002.wav target\nSV0297_2_{}_N0001.wav SV0298_2_{}_N0001.wav nontarget\n"
    )
    (root / "test/trials_mic").write_text(
        "SV0297_7_01_N0001 SV0297_2_{}_N0002 1\nSV0298_7_01_N0001 SV0297_2_{}_N0002 0\n"
    )
    return root


def prepare(corpus: Path, out_dir: Path, expect=None, **changed) -> Path:
    settings = SETTINGS | changed
    first = {name: settings[name] for name in ("parts", "allow_partial", "max_bad_share")}
    himia.find_recordings(corpus, out_dir, expect=expect or {}, **first)
    for scp in sorted((out_dir / "recordings").glob("*.scp")):
        measure_durations(scp, 16000)
    himia.write_data(corpus, out_dir, **settings)
    return out_dir


def fails(corpus: Path, **settings) -> str:
    with pytest.raises(InputError) as e:
        prepare(corpus, corpus.parent / "data", **settings)
    assert "\n" not in str(e.value)
    return str(e.value)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


# --- sets


def test_data_directories_hold_the_corpus(corpus, tmp_path):
    data = prepare(corpus, tmp_path / "data")
    sets = {name: check_data_dir(data / name) for name in ("train", "valid", "dev", "test")}
    assert {name: len(files["utt2spk"]) for name, files in sets.items()} == {
        "train": 81,
        "valid": 9,
        "dev": 24,
        "test": 16,
    }
    dev = sets["dev"]
    assert dev["wav.scp"]["SV0255_2_02_S0002"] == f"{corpus}/dev/SPEECHDATA/wav/SV0255/SV0255_2_02_S0002.wav"
    names = ("utt2spk", "utt2point", "utt2mic", "utt2speed", "utt2dur")
    assert [dev[name]["SV0255_2_02_S0002"] for name in names] == ["SV0255", "2", "02", "S", "0.100000"]
    assert lines(data / "bad_files") == []


def test_close_microphone_has_its_true_duration_and_is_resampled_while_reading(corpus, tmp_path):
    test = check_data_dir(prepare(corpus, tmp_path / "data") / "test")
    assert test["utt2dur"]["SV0297_7_01_N0001"] == "0.100000"
    path = test["wav.scp"]["SV0297_7_01_N0001"]
    assert soundfile.info(path).samplerate == 44100
    assert len(read_audio(path, 16000, allow_downsample=True)) == 1600


def test_valid_holds_out_what_was_said_not_single_recordings_of_it(corpus, tmp_path):
    data = prepare(corpus, tmp_path / "data")
    train, valid = (read_map(data / name / "utt2spk") for name in ("train", "valid"))
    assert set(valid.values()) == set(train.values()) == {"SV0001", "SV0002", "SV0003"}
    said = [{himia.said(utt) for utt in utts} for utts in (train, valid)]
    assert not said[0] & said[1] and len(said[1]) == 3
    others = {frozenset(read_map(prepare(corpus, tmp_path / f"{s}", seed=s) / "valid/utt2spk")) for s in (1, 1, 2, 3)}
    assert frozenset(valid) in others and len(others) == 3


def test_somebody_must_say_enough_to_hold_out(corpus):
    write_set(corpus, "train", [1, 2, 3], ["N0001"], ["7_01"])
    assert "no speaker says ten things" in fails(corpus)


def test_wavs_are_found_wherever_they_lie(corpus, tmp_path):
    (corpus / "train/elsewhere/deep").mkdir(parents=True)
    (corpus / FIRST).rename(corpus / "train/elsewhere/deep/SV0001_2_01_N0001.wav")
    (corpus / "train/SPEECHDATA/train.scp").rename(corpus / "train/train.scp")
    data = prepare(corpus, tmp_path / "data")
    found = read_map(data / "train/wav.scp") | read_map(data / "valid/wav.scp")
    assert found["SV0001_2_01_N0001"] == f"{corpus}/train/elsewhere/deep/SV0001_2_01_N0001.wav"
    assert len(found) == 90


def test_paths_are_relative_to_the_working_directory_when_below_it(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (
        read_map(prepare(Path("corpus"), Path("data")) / "train/wav.scp")
        .get("SV0001_2_01_N0001", "")
        .startswith("corpus/")
    )


def test_number_of_parts_changes_nothing(corpus, tmp_path):
    one, three = (prepare(corpus, tmp_path / f"{parts}", parts=parts) for parts in (1, 3))
    assert len(list((three / "recordings").glob("*.seconds"))) == 9
    for path in one.glob("[!r]*/*"):
        assert path.read_bytes() == (three / path.relative_to(one)).read_bytes()
    assert "16 recordings do not fill 17 parts" in fails(corpus, parts=17)


def test_lost_durations_are_found(corpus, tmp_path):
    data = prepare(corpus, tmp_path / "data")
    seconds = data / "recordings/dev.1.seconds"
    seconds.write_text("".join(f"{line}\n" for line in lines(seconds)[1:]))
    with pytest.raises(InputError, match="dev.1.seconds: 1 of 24 entries .*SV0255_2_01_F0003"):
        read_parts(data / "recordings/dev", 1)


def test_sexes_are_written_where_they_are_known(corpus, tmp_path):
    sexes = tmp_path / "spk2gender"
    sexes.write_text("".join(f"SV{spk:04d} {'fm'[spk % 2]}\n" for spk in (1, 2, 3, 255, 256, 297, 298)))
    data = prepare(corpus, tmp_path / "data", spk2gender=sexes)
    assert lines(data / "dev/spk2gender") == ["SV0255 m", "SV0256 f"]
    sexes.write_text("SV0297 m\n")
    assert "spk2gender" in fails(corpus, spk2gender=sexes) and "SV0298" in fails(corpus, spk2gender=sexes)


# --- counts and speakers


def test_counts_are_compared_and_a_part_is_allowed_where_it_is_said(corpus, tmp_path, capsys):
    right = {"train": [90, 3], "dev": [24, 2], "test": [16, 2]}
    prepare(corpus, tmp_path / "data", right)
    whole = right | {"train": [91, 3]}
    assert "train has 90 files of 3 speakers; the recipe's config expects 91 of 3" in fails(corpus, expect=whole)
    prepare(corpus, tmp_path / "data", whole, allow_partial=True)
    assert "train: 90 files of 3 speakers, of 91 of 3" in capsys.readouterr().out
    assert "dev has 24" in fails(corpus, expect=right | {"dev": [23, 2]}, allow_partial=True)


def test_speaker_in_two_sets_is_refused(corpus):
    write_set(corpus, "dev", [3, 255], ["N0001"], ["7_01"])
    assert fails(corpus).startswith("speaker SV0003 is in dev and in train")


@pytest.mark.parametrize("missing", ["train.scp", "trials_1m"])
def test_missing_list_is_named(corpus, missing):
    next(corpus.rglob(missing)).unlink()
    assert f"0 files called {missing}" in fails(corpus)


def test_name_twice_in_a_list_is_refused(corpus):
    scp = corpus / "dev/SPEECHDATA/dev.scp"
    scp.write_text(scp.read_text() + lines(scp)[0] + "\n")
    assert "dev.scp names SV0255_7_01_N0001.wav twice" in fails(corpus)


# --- bad files


@pytest.mark.parametrize(
    "spoil, why",
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.write_bytes(b""), "not readable as audio"),
        (lambda path: path.write_bytes(b"not audio at all" * 99), "not readable as audio"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1000]), "cut short after 1100 samples"),
        (lambda path: write_audio(path, 0), "the audio file has no samples"),
        (lambda path: write_audio(path, 4410, 44100, 2), "2 channels; expected one"),
        (lambda path: write_audio(path, rate=8000), "sampled at 8000 Hz; expected 16000 Hz or more"),
        (lambda path: write_audio(path.parent / "copy" / path.name), "two files have this name"),
    ],
)
def test_what_cannot_be_used_is_listed_with_its_reason_and_left_out(corpus, tmp_path, spoil, why):
    spoil(corpus / FIRST)
    data = prepare(corpus, tmp_path / "data", max_bad_share=0.02)
    (line,) = lines(data / "bad_files")
    assert line.startswith(f"train\tSV0001_2_01_N0001.wav\t{why}")
    assert "SV0001_2_01_N0001" not in {**read_map(data / "train/wav.scp"), **read_map(data / "valid/wav.scp")}
    message = fails(corpus, max_bad_share=0.01)
    assert message.startswith("train: 1 of 90 recordings cannot be used, more than a share of 0.01")
    assert f"first SV0001_2_01_N0001.wav: {why}" in message


@pytest.mark.parametrize(
    "name", ["SV0001_2_1_N0001", "SV01_2_01_N0001", "SV0001_2_01_X0001", "SV0001-2-01-N0001", "a b", "a\tb"]
)
def test_name_that_breaks_the_rule_is_a_bad_file(corpus, tmp_path, name):
    with (corpus / "train/SPEECHDATA/train.scp").open("a") as f:
        f.write(f"wav/SV0001/{name}.wav\n")
    data = prepare(corpus, tmp_path / "data", max_bad_share=0.02)
    assert lines(data / "bad_files")[0].startswith(f"train\t{name}.wav\tits name is not <speaker>")
    assert "its name is not" in fails(corpus)


# --- trials


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
        ("SV0297_2_{}_N0001 SV0297_2_{}_N0002", "expected 'SV0001_2_{}_N0001.wav <another> target'"),
        ("SV0297_2_{}_N0001 SV0297_2_{}_N0002 target 1", "expected 'SV0001"),
        ("SV0297_2_*_N0001 SV0297_2_{}_N0002 target", "found 'SV0297_2_*_N0001"),
        ("SV0297_{}_01_N0001 SV0297_2_{}_N0002 target", "expected 'SV0001"),
        ("SV0297_2_{}_N0001 SV0298_2_{}_N0002 target", "'target', but the speakers are SV0297, SV0298"),
        ("SV0297_2_{}_N0001 SV0297_2_{}_N0002 0", "'0', but the speakers are SV0297, SV0297"),
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
    assert "2 trials stand there twice" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["SV0297_2_{}_N0009", "SV0297_2_04_N0001", "SV0299_7_01_N0001"])
def test_trial_about_a_recording_that_is_not_there(corpus, tmp_path, capsys, name):
    with (corpus / "test/trials_mic").open("a") as f:
        f.write(f"SV0297_7_01_N0001.wav {name}.wav {int(name.startswith('SV0297'))}\n")
    assert f"test/trials_mic: trial SV0297_7_01_N0001 {name}: there is no recording {name}" in fails(corpus)
    test = prepare(corpus, tmp_path / "data", allow_partial=True) / "test"
    assert len(lines(test / "trials_mic_averaged")) == 2
    assert f"test/trials_mic: 1 trials dropped for want of a recording, first {name}" in capsys.readouterr().out


def test_trial_about_a_bad_file_is_dropped_and_said(corpus, tmp_path, capsys):
    (corpus / "test/wav/SV0298_7_01_N0001.wav").unlink()
    with (corpus / "test/trials_mic").open("a") as f:
        f.write("SV0297_7_01_N0001 SV0298_2_{}_N0002 0\n")
    test = prepare(corpus, tmp_path / "data", max_bad_share=0.1) / "test"
    assert [line.split()[2] for line in lines(test / "trials_mic_averaged")] == ["target", "nontarget"]
    assert "1 trials dropped for want of a recording, first SV0298_7_01_N0001" in capsys.readouterr().out


def test_array_with_fewer_microphones_is_averaged_over_those_said_once_and_counted(corpus, tmp_path, capsys):
    (corpus / "test/wav/SV0297_2_02_N0001.wav").unlink()
    (corpus / "test/wav/SV0298_2_03_N0001.wav").write_bytes(b"")
    test = prepare(corpus, tmp_path / "data", max_bad_share=0.2) / "test"
    assert read_spk2utt(test / "models_1m_averaged")["SV0297_2_{}_N0001"] == ["SV0297_2_01_N0001", "SV0297_2_03_N0001"]
    assert len(lines(test / "trials_1m_averaged")) == 2
    assert [line for line in lines(test / "trials_1m_expanded") if "SV0298" in line] == [
        "SV0297_2_01_N0001 SV0298_2_01_N0001 nontarget"  # the one microphone that both have
    ]
    said = [line for line in capsys.readouterr().out.splitlines() if "fewer" in line]
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


# --- command line and the stand-in


def test_command_line_prints_one_line_and_fails(corpus):
    command = [sys.executable, ROOT / "local/himia.py", "recordings", corpus, corpus.parent / "data", "--parts", "99"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("himia.py: error: ") and done.stderr.count("\n") == 1


@pytest.mark.real
def test_standin_has_its_published_counts(tmp_path, corpora):
    for name, archive in (("train", "train"), ("dev", "dev"), ("test", "test_v2")):
        file = f"himia-standin/{archive}.tar.gz"
        if not find_archive(file, corpora):
            pytest.skip(f"{file} is not under SPKR_CORPORA")
        fetch_corpus(file, tmp_path / name, corpora)
    expect = {"train": [1180, 219], "dev": [192, 20], "test": [864, 9]}
    points = ["2", "5", "6"]
    data = prepare(tmp_path, tmp_path / "data", expect, microphones=15, dev_points=points, dev_utterances=20)
    counts = {
        f"trials_{name}": (len(found), sum(line.endswith(" target") for line in found))
        for name in ("1m_averaged", "1m_expanded", "mic_averaged", "mic_expanded")
        for found in [lines(data / f"test/trials_{name}")]
    }
    assert counts == {
        "trials_1m_averaged": (1431, 135),
        "trials_1m_expanded": (21465, 2025),
        "trials_mic_averaged": (2862, 270),
        "trials_mic_expanded": (42930, 4050),
    }
    seconds = read_map(data / "test/utt2dur")
    assert float(seconds["SV0297_7_01_N0001"]) == pytest.approx(float(seconds["SV0297_2_01_N0001"]), abs=1e-3)
