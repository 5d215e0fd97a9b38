"""Nothing that comes from outside is run: file names, ids, configs, tables, models; pictures show it as text."""

import ast
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import soundfile
import torch

from spkr.cli import main
from spkr.cli.arguments import options
from spkr.corpus.durations import read_headers
from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir, write_data_dir
from spkr.kaldi.table import TableReader, TableWriter
from spkr.kaldi.trials import all_pairs, write_trials
from spkr.nnet.model import read_model
from spkr.report.det import plot_det
from tests.conftest import ROOT
from tests.unit.config_of_an4 import an4

# A shell would make the file `ran` of one of these.
ODD = ["$(touch${IFS}ran)", "`touch${IFS}ran`", ";touch${IFS}ran;", "it's", '"é"', "*", "-rf", "日本", "a|b", "<c>"]
NAMES = [*ODD, "a b", " ", "  two  spaces ", "#", "\\", "{x}", "a:b@c,d=e"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory, in which nothing may be called `ran` in the end."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not list(tmp_path.rglob("ran"))


# --- names


def test_odd_names_of_files_and_utterances_go_from_audio_to_scores(here):
    audio = here / "it's $(touch ran) `touch ran` é;touch ran|"
    audio.mkdir()
    paths, utt2spk, rng = {}, {}, np.random.default_rng(1)
    for i, name in enumerate(NAMES):
        paths[f"s{i % 3}-{ODD[i % len(ODD)]}{i:02d}"] = audio / f"{name}.wav"
        soundfile.write(audio / f"{name}.wav", rng.normal(0, 0.1, 8000), 16000)
    utt2spk = {utt: utt[:2] for utt in paths}
    write_data_dir("data", {"wav.scp": paths, "utt2spk": utt2spk, "utt2dur": dict.fromkeys(utt2spk, "0.5")})
    main(["data", "validate", "data"])
    assert read_headers(paths, 16000, 1).seconds == dict.fromkeys(utt2spk, "0.500000")
    for shard in (1, 2):
        main(["feats", "data", "feats", "--options", '{"num_mel_bins": 8}', "--shard", f"{shard}/2"])
    main(["merge-feats", "data", "feats", "--shards", "2"])
    feats = TableReader("feats/feats.scp")
    assert set(feats) == set(utt2spk) and feats[min(utt2spk)].shape == (50, 8)
    with TableWriter("xvector.ark") as table:
        for utt in sorted(utt2spk):
            table[utt] = rng.normal(size=4)
    (here / "num_voiced").write_text("".join(f"{utt} 50\n" for utt in sorted(utt2spk)))
    settings = '{"lda_dim": 2, "min_voiced_frames": 1, "min_utts_per_speaker": 1}'
    trained = ["--xvectors", "xvector.scp", "--utt2spk", "data/utt2spk", "--num-voiced", "num_voiced"]
    main(["backend", "backend", *trained, "--options", settings])
    write_trials("trials", all_pairs(utt2spk))
    main(["score", "trials", "scores", "--backend", "plda", "--backend-dir", "backend", "--xvectors", "xvector.scp"])
    assert [line.split()[:2] for line in (here / "scores").read_text().splitlines()] == [
        [a, b] for a, b, _ in all_pairs(utt2spk)
    ]


@pytest.mark.parametrize("name", ["a\nb.wav", "a\rb.wav", " a.wav", "a.wav ", "a\udcff.wav", ""])
def test_path_that_a_line_cannot_hold_is_refused_before_anything_is_written(here, name):
    with pytest.raises(InputError, match="wav.scp: cannot hold 's-u .*a value is one line of UTF-8 text"):
        write_data_dir("data", {"wav.scp": {"s-u": name}, "utt2spk": {"s-u": "s"}})
    assert not list(here.iterdir())


@pytest.mark.parametrize("utt", ["s a", "s\ta", "s\na", "s\u00a0a", "s\u2028a", "s\udcff", ""])
def test_name_of_an_utterance_that_is_no_word_is_refused(here, utt):
    with pytest.raises(InputError, match="data/(utt2spk|spk2utt|wav.scp)"):
        write_data_dir("data", {"wav.scp": {utt: "a.wav"}, "utt2spk": {utt: "s"}})
    assert not list(here.iterdir())


@pytest.mark.parametrize("verb", [["data", "validate", "data"], ["data", "info", "data"],
                                  ["feats", "data", "feats", "--options", "{}"]])  # fmt: skip
def test_commands_in_a_data_directory_are_not_run_unasked(here, verb):
    write_data_dir("data", {"wav.scp": {"s-u": "touch ran; cat x.wav |"}, "utt2spk": {"s-u": "s"}})
    try:
        main(verb)
    except SystemExit as refused:
        assert refused.code == 1
    assert check_data_dir("data")


def test_the_workflow_runs_in_folders_of_odd_names(here):
    """The checkout lies in one, the run in another."""
    checkout, run = here / "it's $(touch ran) é", here / '"b" `touch ran`;touch ran'
    for name in ("Snakefile", "rules", "recipes", "conf", "local", "spkr", "tests/e2e/small.yaml"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, checkout / name)
    (checkout / ".venv").symlink_to(sys.prefix)
    command = [checkout / ".venv/bin/python", "-m", "snakemake", "--cores", "2", "-s", checkout / "Snakefile"]
    config = ["--configfile", checkout / "tests/e2e/small.yaml", "--until", "data"]
    done = subprocess.run([*command, "--directory", run, *config], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert check_data_dir(run / "exp/mini/data/train")


# --- configs


@pytest.fixture
def refused(here):
    """A function: where, and why, a config of AN4 with a file of changes is refused; None where it is not."""

    def message(changes: dict) -> str | None:
        try:
            an4(here, **changes)
        except InputError as e:
            return str(e).replace(f"{here}/", "")
        return None

    return message


def at(setting: str, value) -> dict:
    """One setting, named as feats.preset, as a config."""
    for key in reversed(setting.split(".")):
        value = {key: value}
    return value


def test_plain_settings_are_good(refused, here):
    (here / "josé").mkdir()
    for name in ("final.pt", "mean.vec", "transform.mat", "plda"):
        (here / "josé" / name).touch()
    assert refused({}) is None
    assert refused(at("model", f"{here}/josé/final.pt")) is None
    assert refused(at("backend.from", "../" + here.name + "/josé")) is None


@pytest.mark.parametrize(
    "setting",
    [
        *("name", "run", "corpus.name", "corpus.script", "corpus.synthesise", "model", "train.init_from"),
        *("train.dev_trials", "train.augment", "backend.from", "backend.augment", "backend.adapt_to"),
        "backend.score.cohort",
    ],
)
def test_settings_that_a_shell_would_take_for_more_than_a_word_are_refused(refused, setting):
    for bad in ("$(touch ran)", "`touch ran`", "a;b", "a b", "a\n", "a'b", 'a"b', "{set}", "-a", "a|b", "a>b", "*"):
        value = bad.strip() + ".pt" + "\n" * bad.count("\n") if setting == "model" else bad
        line = 1 + setting.count(".")
        expected = "letters, digits and . _ - only|a path without blanks, quotes"
        assert re.match(rf"mine.yaml:{line}: {setting}: .*; expected ({expected})", refused(at(setting, value))), value


@pytest.mark.parametrize(
    "setting, value",
    [
        ("trials", {"$(touch ran)": {"models": False}}),
        ("trials", {"pairs\n": {"models": False}}),
        ("augment", {"a;b": {"speeds": [1.0], "copies": 0}}),
        ("corpus.archives", {"../../up": {"file": "a.tar"}}),
        ("corpus.archives", {"/etc": {"file": "a.tar"}}),
        ("corpus.archives", {"a;b": {"file": "a.tar"}}),
        ("corpus.files", ["text;b"]),
        ("corpus.synthesise_options", "--speakers 4; touch ran"),
        ("recipe", "../an4"),
        ("feats.preset", "../feats/fbank80"),
    ],
)
def test_names_of_lists_folders_and_files_are_words(refused, setting, value):
    assert re.match(rf"mine.yaml:\d+: {setting}", refused(at(setting, value)))


def test_yaml_makes_no_objects(here):
    (here / "x.yaml").write_text("a: !!python/object/apply:os.system ['touch ran']\n")
    with pytest.raises(Exception, match="no YAML .could not determine a constructor"):
        options("x.yaml")


# --- pickles


class Touch:
    def __reduce__(self):
        return open, ("ran", "w")


def test_a_model_file_runs_nothing(here):
    torch.save({"format": Touch()}, "evil.pt")
    with pytest.raises(InputError, match="evil.pt: not a model of spkr, or damaged"):
        read_model("evil.pt")


DANGEROUS = {"eval", "exec", "system", "popen", "unsafe_load", "full_load", "load_module", "loads_unsafe"}
UNPICKLERS = {"pickle", "cPickle", "marshal", "shelve", "joblib", "dill"}


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / "spkr").rglob("*.py")), *sorted((ROOT / "local").glob("*.py"))], ids=lambda path: path.name
)
def test_code_loads_no_pickles_and_starts_no_shell(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.partition(".")[0] for alias in node.names} | {getattr(node, "module", None)}
            assert not names & UNPICKLERS
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert name.rpartition(".")[2] not in DANGEROUS or name.endswith((".eval", "re.compile")), name
            assert name != "torch.load" or given.get("weights_only") == "True"
            assert name != "yaml.load" and given.get("shell") is None
            assert name not in ("np.load", "numpy.load")


# --- pictures


def test_a_picture_shows_its_title_as_text(here):
    points = np.array([1, 0.5, 0.01]), np.array([0.01, 0.5, 1])
    title = "<script>alert(1)</script> & $\\frac{x$ (touch ran)"
    plot_det("det", title, {"<b>": (*points, 0.5)})
    tags = {element.tag.rpartition("}")[2] for element in ET.parse("det.svg").iter()}
    assert "path" in tags and not tags & {"script", "b", "image", "foreignObject", "a"}
