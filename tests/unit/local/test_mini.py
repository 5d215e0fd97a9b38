import hashlib
import json
import subprocess
import sys
from pathlib import Path

import mini
import numpy as np
import pytest
import soundfile

from spkr.kaldi.datadir import check_data_dir
from tests.conftest import ROOT

LOCAL = ROOT / "local"


def run(*command, **kwargs):
    return subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, **kwargs)


def content_of(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("corpora") / "mini"
    done = run(LOCAL / "mini.py", out_dir, "--speakers", 12, "--sentences", 4)
    assert done.returncode == 0, done.stderr
    return out_dir


def test_two_processes_write_the_same_bytes(corpus, tmp_path):
    run(LOCAL / "mini.py", tmp_path / "mini", "--speakers", 12, "--sentences", 4, env={"MALLOC_PERTURB_": "165"})
    assert content_of(tmp_path / "mini") == content_of(corpus)


def test_an4_reads_it(corpus, tmp_path):
    expect = {"train": [18, 6], "valid": [6, 6], "dev": [8, 2], "test": [16, 4], "test/trials_enrol3": [16, 4]}
    done = run(LOCAL / "an4.py", corpus, tmp_path, "--options", json.dumps({"dev_speakers": 2, "expect": expect}))
    assert done.returncode == 0, done.stderr
    test = check_data_dir(tmp_path / "test")
    assert sorted(test["spk2gender"].values()) == ["f", "f", "m", "m"]
    seconds = [float(s) for s in check_data_dir(tmp_path / "train")["utt2dur"].values()]
    assert min(seconds) > 1.3 and max(seconds) < 4


def test_record_is_there_and_last_run_leaves_nothing_else(corpus):
    assert sorted(p.name for p in corpus.parent.iterdir()) == ["mini"]
    assert json.loads((corpus / "unpacked.json").read_text())["archive"] == "mini.py"


def test_audio_has_speech_pauses_and_levels_of_its_own(corpus):
    levels = []
    for path in sorted(corpus.glob("an4/wav/*/*/*.wav")):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        audio, _ = soundfile.read(path)
        energy = (audio[: len(audio) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1)
        assert energy.min() > 0
        assert 10 * np.log10(np.percentile(energy, 95) / energy[:8].mean()) > 12  # the pause is much quieter
        levels.append(np.abs(audio).max())
    assert max(levels) < 1 and max(levels) / min(levels) > 2


def test_speakers_say_different_words_in_voices_of_their_own(corpus):
    lines = [line for path in corpus.glob("an4/etc/*") for line in path.read_text().splitlines()]
    texts = [line.rpartition(" ")[0].removeprefix("<s> ").removesuffix(" </s>") for line in lines]
    assert len(texts) == 48 and len(set(texts)) > 40
    assert all(text == text.upper() for text in texts)


def test_forty_speakers_of_the_default_have_distinct_voices():
    people = mini.speakers(40)
    assert len({p.name for p in people}) == 40
    assert len({p[1:] for p in people}) == 40
    assert sum(p.name.startswith("f") for p in people) == 20


def test_without_espeak_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(SystemExit, match="^mini.py: error: espeak-ng is not installed; run: pip install 'spkr.mini.'$"):
        mini.main([str(tmp_path / "mini")])
    assert not (tmp_path / "mini").exists()


def test_impossible_sizes_are_refused(tmp_path):
    for sizes in (["--speakers", "7"], ["--speakers", "6"], ["--sentences", "0"]):
        with pytest.raises(SystemExit, match="expected an even number from 8, and one or more"):
            mini.main([str(tmp_path / "mini"), *sizes])
