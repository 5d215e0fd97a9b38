import os
import subprocess
import sys
from pathlib import Path

import an4
import numpy as np
import pytest
import soundfile

from spkr.config.options import read_options
from spkr.corpus.fetch import fetch_corpus, find_archive
from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir
from spkr.kaldi.maps import read_map, read_spk2utt
from spkr.kaldi.trials import read_trials
from tests.conftest import ROOT

SCRIPT = ROOT / "local/an4.py"

TRAIN = ["fash", "fbbh", "fclc", "maxx", "mblb", "mcfl"]
TEST = ["fcaw", "mdms2"]
FIRST = "an4/wav/an4_clstk/fash/an1-fash-b.sph"


def write_audio(path: Path, samples=1600, rate=16000, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = np.random.RandomState(0).randint(-3000, 3000, (samples, channels)).astype(np.int16)
    soundfile.write(path, audio, rate, "PCM_16", format="NIST" if path.suffix == ".sph" else "WAV")


def write_corpus(root: Path, suffix=".sph") -> Path:
    for part, line, people in (
        ("train", "<s> YES {} </s> ({})\n", TRAIN),
        ("test", "RUBOUT {} ({})\n", TEST),
    ):
        lines = []
        for spk in people:
            for i, digit in enumerate(("ONE", "TWO", "THREE", "FOUR", "FIVE"), 1):
                name = f"an{i}-{spk}-b"
                lines.append(line.format(digit, name))
                folder = "an4_clstk" if part == "train" else "an4test_clstk"
                write_audio(root / f"an4/wav/{folder}/{spk}/{name}{suffix}", 1600 * i)
        (root / "an4/etc").mkdir(parents=True, exist_ok=True)
        (root / f"an4/etc/an4_{part}.transcription").write_text("".join(lines))
    return root


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus")


def prepare(corpus: Path, out_dir: Path, **options):
    an4.prepare(corpus, out_dir, read_options(an4.CorpusOptions, {"dev_speakers": 2} | options, "corpus.options"), 1)
    return out_dir


def fails(corpus: Path, **settings) -> str:
    out_dir = corpus.parent / "data"
    with pytest.raises(InputError) as e:
        prepare(corpus, out_dir, **settings)
    assert not out_dir.exists()
    assert "\n" not in str(e.value)
    return str(e.value)


@pytest.mark.parametrize("suffix", [".sph", ".wav"])
def test_data_directories_hold_the_corpus(tmp_path, suffix):
    corpus = write_corpus(tmp_path / "corpus", suffix)
    data = prepare(corpus, tmp_path / "data")
    sets = {name: check_data_dir(data / name) for name in ("train", "valid", "dev", "test")}
    assert {name: len(files["utt2spk"]) for name, files in sets.items()} == {
        "train": 16,
        "valid": 4,
        "dev": 10,
        "test": 10,
    }
    test = sets["test"]
    assert test["wav.scp"]["fcaw-an2-b"] == f"{corpus}/an4/wav/an4test_clstk/fcaw/an2-fcaw-b{suffix}"
    assert test["utt2dur"]["fcaw-an2-b"] == "0.200000"
    assert test["text"]["fcaw-an2-b"] == "RUBOUT TWO"
    assert test["spk2gender"] == {"fcaw": "f", "mdms2": "m"}
    everything = {utt: text for files in sets.values() for utt, text in files["text"].items()}
    assert everything["fash-an1-b"] == "YES ONE" and len(everything) == 40


def test_sets_are_disjoint_in_speakers_as_they_must_be(corpus, tmp_path):
    data = prepare(corpus, tmp_path / "data")
    spk = {name: set(read_map(data / name / "spk2gender")) for name in ("train", "valid", "dev", "test")}
    assert spk["train"] == spk["valid"] and len(spk["train"]) == 4
    assert sorted(name[0] for name in spk["dev"]) == ["f", "m"]
    assert spk["dev"].isdisjoint(spk["train"])
    assert spk["test"] == set(TEST)


def test_choice_depends_on_the_seed_alone(corpus, tmp_path):
    chosen = [
        tuple(read_map(prepare(corpus, tmp_path / f"data{i}", seed=seed) / "dev/spk2gender"))
        for i, seed in enumerate([1, 1, 2, 3, 4, 5])
    ]
    assert chosen[0] == chosen[1] == ("fash", "maxx")  # least in sha256sum of "1 fash" etc.
    assert len(set(chosen)) > 2


def test_valid_is_one_in_ten_and_at_least_one():
    utts = {
        f"{spk}-{i:02d}": an4.Utterance(spk, Path(), 1.0, "")
        for spk, n in {"fa": 5, "fb": 19, "fc": 20, "ma": 2, "mb": 30}.items()
        for i in range(n)
    }
    sets = an4.split(utts | {f"mc-{i}": an4.Utterance("mc", Path(), 1.0, "") for i in range(9)}, 2, 1)
    n = {}
    for u in sets["valid"].values():
        n[u.spk] = n.get(u.spk, 0) + 1
    whole = {"fa": 1, "fb": 1, "fc": 2, "ma": 1, "mb": 3, "mc": 1}
    assert n == {spk: whole[spk] for spk in n} and len(n) == 4


def test_trials_and_models_are_written(corpus, tmp_path):
    data = prepare(corpus, tmp_path / "data")
    for name in ("dev", "test"):
        pairs, enrol = (read_trials(data / name / f"trials_{kind}") for kind in ("pairs", "enrol3"))
        assert (len(pairs), pairs.target.sum()) == (45, 20)
        assert (len(enrol), enrol.target.sum()) == (8, 4)
    assert read_spk2utt(data / "test/models_enrol3")["fcaw"] == ["fcaw-an1-b", "fcaw-an2-b", "fcaw-an3-b"]


def test_paths_are_relative_to_the_working_directory_when_below_it(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepare(Path("corpus"), Path("data"))
    assert read_map("data/dev/wav.scp")["fash-an1-b"] == f"corpus/{FIRST}"


# --- faults


@pytest.mark.parametrize(
    "content, why",
    [
        (lambda old: b"", "not readable as audio"),
        (lambda old: b"not audio at all" * 99, "not readable as audio"),
        (lambda old: old[:1024], "the audio file has no samples"),
        (lambda old: old[:2000], "cut short after 488 samples"),
    ],
)
def test_unusable_audio_file_is_named(corpus, content, why):
    path = corpus / FIRST
    path.write_bytes(content(path.read_bytes()))
    message = fails(corpus)
    assert message.startswith(f"{path}: {why}") and "more" not in message


def test_wav_that_was_cut_short_is_named(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", ".wav")
    path = (corpus / FIRST).with_suffix(".wav")
    path.write_bytes(path.read_bytes()[:-1000])
    assert f"{path}: cut short after 1100 samples" in fails(corpus)


def test_other_sampling_rate_names_file_and_rates(corpus):
    write_audio(corpus / FIRST, rate=8000)
    assert f"{corpus / FIRST}: sampling rate 8000; expected 16000" in fails(corpus)
    assert "sampling rate 16000; expected 8000; " in fails(corpus, sample_rate=8000)


def test_stereo_is_refused(corpus):
    write_audio(corpus / FIRST, channels=2)
    assert "2 channels; expected one" in fails(corpus)


def test_duplicate_utterances_are_found_in_audio_and_transcripts(corpus):
    write_audio((corpus / FIRST).with_suffix(".wav"))
    with (corpus / "an4/etc/an4_test.transcription").open("a") as f:
        f.write("GO (an1-fcaw-b)\n")
    message = fails(corpus)
    assert "an1-fash-b.wav: duplicate utterance fash-an1-b, as " in message
    assert "an4_test.transcription:11: duplicate utterance an1-fcaw-b" in message


def test_transcript_without_audio_and_audio_without_transcript_are_found(corpus):
    (corpus / FIRST).rename((corpus / FIRST).with_name("an9-fash-b.sph"))
    message = fails(corpus)
    assert "an9-fash-b.sph: no transcript in " in message
    assert "an4_train.transcription: an1-fash-b has no audio under " in message


@pytest.mark.parametrize("line", ["<s> </s> (an1-fash-b)", "YES an1-fash-b", "(an1-fash-b)"])
def test_malformed_transcript_is_named_with_its_line(corpus, line):
    path = corpus / "an4/etc/an4_train.transcription"
    path.write_text(line + "\n" + path.read_text().partition("\n")[2])
    assert f"{path}:1: expected 'WORDS (utterance)', found {line!r}" in fails(corpus)


def test_all_problems_are_counted(corpus):
    for path in (corpus / "an4/wav/an4_clstk/fash").iterdir():
        path.write_bytes(b"")
    assert "an3-fash-b.sph: not readable as audio" in (message := fails(corpus))
    assert "an4-fash-b.sph" not in message and "and 2 more such problems" in message


def test_speaker_in_both_parts_is_refused(corpus):
    (corpus / "an4/wav/an4test_clstk/fcaw").rename(corpus / "an4/wav/an4test_clstk/fash")
    for path in (corpus / "an4/wav/an4test_clstk/fash").iterdir():
        path.rename(path.with_name(path.name.replace("fcaw", "fash")))
    text = corpus / "an4/etc/an4_test.transcription"
    text.write_text(text.read_text().replace("fcaw", "fash"))
    assert fails(corpus).startswith("speaker fash is in an4_clstk and in an4test_clstk")


def test_speaker_whose_sex_is_unknown_is_named(corpus):
    (corpus / "an4/wav/an4_clstk/fash").rename(corpus / "an4/wav/an4_clstk/xash")
    assert "speaker xash; expected a name that begins with f or m" in fails(corpus)


@pytest.mark.parametrize("missing", ["an4/wav/an4test_clstk", "an4/etc/an4_test.transcription"])
def test_missing_part_of_the_corpus_is_named(corpus, missing):
    (corpus / missing).rename(corpus / "elsewhere")
    assert f"{corpus / missing}: no such f" in fails(corpus)


@pytest.mark.parametrize("n", [0, 3, 6])
def test_impossible_number_of_dev_speakers_is_refused(corpus, n):
    assert f"corpus.options.dev_speakers: {n}" in fails(corpus, dev_speakers=n)


def test_counts_are_compared_with_the_expected(corpus, tmp_path):
    right = {"train": [16, 4], "dev": [10, 2], "test/trials_pairs": [45, 20], "test/trials_enrol3": [8, 4]}
    prepare(corpus, tmp_path / "data0", expect=right)
    assert "train has [16, 4] " in fails(corpus, expect=right | {"train": [17, 4]})
    assert "test/trials_pairs has [45, 20]" in fails(corpus, expect={"test/trials_pairs": [45, 21]})
    assert "corpus.options.expect names 'tset'" in fails(corpus, expect={"tset": [1, 1]})


def test_command_line_prints_one_line_and_fails(corpus):
    (corpus / FIRST).write_bytes(b"")
    command = [sys.executable, SCRIPT, corpus, corpus.parent / "data", "--options", '{"dev_speakers": 2}']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("an4.py: error: ") and done.stderr.count("\n") == 1


# --- the real corpus


@pytest.mark.real
def test_real_an4_has_the_published_counts(tmp_path):
    corpora = os.environ.get("SPKR_CORPORA")
    if not corpora or not find_archive("an4_sphere.tar.gz", corpora):
        pytest.skip("an4_sphere.tar.gz is not under SPKR_CORPORA")
    fetch_corpus("an4_sphere.tar.gz", tmp_path / "an4", corpora)
    expect = {
        "train": [778, 66],
        "valid": [66, 66],
        "dev": [104, 8],
        "test": [130, 10],
        "test/trials_pairs": [8385, 780],
        "test/trials_enrol3": [1000, 100],
    }
    data = prepare(tmp_path / "an4", tmp_path / "data", dev_speakers=8, expect=expect)
    assert read_map(data / "dev/spk2gender") == {
        **dict.fromkeys(["fjdn", "fkdo", "fmjd", "fnsv"], "f"),
        **dict.fromkeys(["mcel", "mmkw", "mtcv", "mtxj"], "m"),
    }
    seconds = sum(
        float(s) for name in ("train", "valid", "dev", "test") for s in read_map(data / name / "utt2dur").values()
    )
    assert seconds == pytest.approx(2903.3)
