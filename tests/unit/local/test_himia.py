import subprocess
import sys

import himia
import pytest
import soundfile

from spkr.audio.decoding import read_audio
from spkr.corpus.fetch import fetch_corpus, find_archive
from spkr.kaldi.datadir import check_data_dir
from spkr.kaldi.maps import read_map
from tests.conftest import ROOT
from tests.unit.local.himia_corpus import fails, lines, prepare, write_audio, write_set

FIRST = "train/SPEECHDATA/wav/SV0001/SV0001_2_01_N0001.wav"


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
    assert len(read_audio(path, 16000, resampling="down")) == 1600


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
    assert "no speaker has ten utterances" in fails(corpus)


def test_wavs_are_found_wherever_they_lie(corpus, tmp_path):
    (corpus / "train/elsewhere/deep").mkdir(parents=True)
    (corpus / FIRST).rename(corpus / "train/elsewhere/deep/SV0001_2_01_N0001.wav")
    (corpus / "train/SPEECHDATA/train.scp").rename(corpus / "train/train.scp")
    data = prepare(corpus, tmp_path / "data")
    found = read_map(data / "train/wav.scp") | read_map(data / "valid/wav.scp")
    assert found["SV0001_2_01_N0001"] == f"{corpus}/train/elsewhere/deep/SV0001_2_01_N0001.wav"
    assert len(found) == 90


def test_number_of_jobs_changes_nothing(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("spkr.corpus.durations.CHUNK", 7)
    one, three = (prepare(corpus, tmp_path / f"{jobs}", jobs=jobs) for jobs in (1, 3))
    assert len(list(one.glob("*/*"))) > 30
    for path in one.glob("*/*"):
        assert path.read_bytes() == (three / path.relative_to(one)).read_bytes()


def test_sexes_are_written_where_they_are_known(corpus, tmp_path):
    sexes = tmp_path / "spk2gender"
    sexes.write_text("".join(f"SV{spk:04d} {'fm'[spk % 2]}\n" for spk in (1, 2, 3, 255, 256, 297, 298)))
    data = prepare(corpus, tmp_path / "data", spk2gender=str(sexes))
    assert lines(data / "dev/spk2gender") == ["SV0255 m", "SV0256 f"]
    sexes.write_text("SV0297 m\n")
    assert "spk2gender" in fails(corpus, spk2gender=str(sexes)) and "SV0298" in fails(corpus, spk2gender=str(sexes))


def test_counts_are_compared_and_a_part_is_allowed_where_it_is_said(corpus, tmp_path, capsys):
    right = {"train": [90, 3], "dev": [24, 2], "test": [16, 2]}
    prepare(corpus, tmp_path / "data", expect=right)
    whole = right | {"train": [91, 3]}
    assert "train has 90 files of 3 speakers; the recipe's config expects 91 of 3" in fails(corpus, expect=whole)
    prepare(corpus, tmp_path / "data", expect=whole, allow_partial=True)
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


@pytest.mark.parametrize(
    "options, message",
    [
        ("{}", "himia.py: error: speaker SV0003 is in dev and in train"),
        (
            '{"max_bad_shares": 0}',
            "himia.py: error: corpus.options.max_bad_shares: no such key; did you mean max_bad_share?",
        ),
        ('{"dev_points": [2]}', "himia.py: error: corpus.options.dev_points.0: 2; expected text; put it in quotes"),
    ],
)
def test_command_line_prints_one_line_and_fails(corpus, options, message):
    write_set(corpus, "dev", [3, 255], ["N0001"], ["7_01"])
    command = [sys.executable, ROOT / "local/himia.py", corpus, corpus.parent / "data", "--options", options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(message) and done.stderr.count("\n") == 1
    assert not (corpus.parent / "data").exists()


def test_paths_are_relative_to_the_working_directory_when_below_it(corpus, tmp_path):
    command = [sys.executable, ROOT / "local/himia.py", corpus, "data", "--options", '{"microphones": 3}']
    subprocess.run(command, check=True, cwd=tmp_path)
    assert read_map(tmp_path / "data/train/wav.scp")["SV0001_2_01_N0001"].startswith("corpus/")


@pytest.mark.real
def test_standin_has_its_published_counts(tmp_path, corpora):
    for name, archive in (("train", "train"), ("dev", "dev"), ("test", "test_v2")):
        file = f"himia-standin/{archive}.tar.gz"
        if not find_archive(file, corpora):
            pytest.skip(f"{file} is not under SPKR_CORPORA")
        fetch_corpus(file, tmp_path / name, corpora)
    expect = {"train": [1180, 219], "dev": [192, 20], "test": [864, 9]}
    points = ["2", "5", "6"]
    data = prepare(tmp_path, tmp_path / "data", expect=expect, microphones=15, dev_points=points, dev_utterances=20)
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
