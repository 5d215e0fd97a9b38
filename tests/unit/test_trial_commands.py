"""`spkr trials` and `spkr check-trials`: files, messages and exit status."""

import json

import pytest

from spkr.cli import main
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import read_spk2utt
from spkr.kaldi.trials import all_pairs, read_trials

SPEAKERS = [f"{sex}{k}" for sex in "fm" for k in range(4)]
UTT2SPK = {f"{spk}-{k}": spk for spk in SPEAKERS for k in range(4)}


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {
        "utt2spk": UTT2SPK,
        "wav.scp": {utt: f"wav/{utt.replace('-', '/')}.wav" for utt in UTT2SPK},
        "spk2gender": {spk: spk[0] for spk in SPEAKERS},
        "utt2session": {utt: f"{spk}-{int(utt[-1]) // 2}" for utt, spk in UTT2SPK.items()},
    }
    write_data_dir("data", files)
    return tmp_path


@pytest.fixture
def spkr(caplog):
    """A function: the exit status of a command, and what it logged."""

    def run(*args):
        caplog.clear()
        caplog.set_level("INFO")
        try:
            main([str(arg) for arg in args])
            return 0, caplog.messages
        except SystemExit as e:
            return e.code, caplog.messages

    return run


def test_a_list_of_all_pairs_is_written_with_its_manifest(data, spkr):
    status, said = spkr("trials", "data", "trials_all", "--session", "any")
    assert (status, said[-1][:44]) == (0, "trials_all: 496 trials, 48 target; `spkr che")
    trials = read_trials("trials_all")
    assert [(*trials.pair(k), bool(t)) for k, t in enumerate(trials.target)] == all_pairs(UTT2SPK)
    assert list(json.loads((data / "manifest.trials_all.json").read_text())["files"]) == ["trials_all"]


def test_models_lie_beside_their_list_and_go_with_them(data, spkr):
    drawn = ("--per-speaker", 2, "--gender", "same")
    assert spkr("trials", "data", "data/trials_x", "--models", 2, *drawn)[0] == 0
    assert read_spk2utt(data / "data/models_x")["f0"] == ["f0-0", "f0-1"]
    lines = (data / "data/trials_x").read_text()
    assert len(lines.splitlines()) == 8 * 4
    assert spkr("trials", "data", "data/trials_x", "--models", 2, *drawn)[0] == 0
    assert (data / "data/trials_x").read_text() == lines
    assert spkr("check-trials", "data", "data/trials_x")[0] == 0
    assert spkr("trials", "data", "data/trials_x", *drawn)[0] == 0
    assert not (data / "data/models_x").exists()
    assert spkr("check", "data")[0] == 0


def test_a_list_of_ones_own_is_matched_with_the_data(data, spkr):
    (data / "own.csv").write_text("label,enroll,test\n1,wav/f0/0.wav,f0-2\n0,f0/0.wav,m0-1\n")
    assert spkr("trials", "data", "trials_own", "--from", "own.csv")[0] == 0
    assert (data / "trials_own").read_text() == "f0-0 f0-2 target\nf0-0 m0-1 nontarget\n"
    (data / "spk").write_text("f0 f0-0 f0-1\n")
    (data / "own").write_text("f0 f0-2 1\nf0 m0-1 0\n")
    assert spkr("trials", "data", "trials_m", "--from", "own", "--from-models", "spk")[0] == 0
    assert (data / "trials_m").read_text() == "f0 f0-2 target\nf0 m0-1 nontarget\n"
    assert (data / "models_m").read_text() == "f0 f0-0 f0-1\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["t", "--from", "own", "--models", "2"], "--models with --from: a list of one's own is written as it is"),
        (["t", "--from", "own", "--model-seconds", "2"], "--model-seconds with --from"),
        (["t", "--from-models", "own"], "--from-models and --allow-duplicates need --from"),
        (["t", "--model-seconds", "2"], "data: no utt2dur, which --model-seconds needs"),
        (["t", "--from", "own"], "own:2: a target trial of speakers 'f0' and 'm0'"),
        (["t", "--from", "none"], "none: no such file"),
        (["own", "--from", "own"], "own: is an input, too"),
        (["/dev/stdout", "--models", "2"], "/dev/stdout: is no file, beside which the models can be written"),
        (["data/trials_of_data"], "data/trials_of_data: the stage data wrote it; name another list"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(data, spkr, args, message):
    (data / "own").write_text("1 f0-0 f0-2\n1 f0-0 m0-1\n")
    (data / "data/trials_of_data").write_text("f0-0 f0-1 target\n")
    entry = {"bytes": 17, "sha256": "be4a8b23b7c4fd9b4ca0e2ddeee6d2d8a0a2a2ee3ddd7f2ec5a1b3f9e6fa2d9c"}
    manifest = {"made_by": {"stage": "data", "options": {}}, "files": {"trials_of_data": entry}}
    (data / "data/manifest.json").write_text(json.dumps(manifest))
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    status, said = spkr("trials", "data", *args)
    assert status == 1
    assert said[-1].startswith(f"spkr trials: error: {message}")
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_warnings_are_an_error_only_if_they_are_asked_to_be(data, spkr, capsys):
    spkr("trials", "data", "trials_all", "--session", "any")
    capsys.readouterr()
    status, said = spkr("check-trials", "data", "trials_all", "--eer", 10)
    assert status == 0
    assert said[0] == (
        "warning: 16 of 48 target trials are within one session, with the same channel: the EER is too low; first in "
        "line 1; make a list with --session different"
    )
    facts = capsys.readouterr().out.splitlines()
    assert facts[:2] == [
        "496 trials: 48 target (9.7 %), 448 nontarget",
        "8 speakers: 8 in enrolment, 8 in test, 8 with target trials",
    ]
    assert facts[-1].startswith("95 % interval to expect of an EER of 10 %: ")
    status, said = spkr("check-trials", "data", "trials_all", "--strict")
    assert (status, said[-1]) == (1, "spkr check-trials: error: trials_all: 2 warnings (see above)")


def test_a_list_without_warnings_is_said_to_have_none(data, spkr):
    spkr("trials", "data", "trials_all")
    status, said = spkr("check-trials", "data", "trials_all", "--eer", 40, "--strict")
    assert (status, said) == (0, ["trials_all: nothing to warn of"])
