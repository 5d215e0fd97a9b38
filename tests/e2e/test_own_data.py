"""spkr new on recordings of one's own, then the workflow on the recipe that it writes."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch

from spkr.feats import make_front_end
from spkr.nnet import network_options
from spkr.nnet.model import make_network, save_model
from tests.conftest import ROOT
from tests.unit.dataprep.recordings import folder_of

TINY = {"type": "tdnn", "filters": 16, "last_filters": 16, "pooling": "xvector", "embedding_layers": [8]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with spkr's workflow, recordings of 6 and of 36 speakers, and a network."""
    folder = tmp_path_factory.mktemp("own")
    for name in ("Snakefile", "rules", "conf", "local", "report"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "recipes/an4", folder / "recipes/an4")
    folder_of(folder / "calls of six", 6, 5, (".wav", ".flac"))
    folder_of(folder / "many", 36, 4)
    torch.manual_seed(0)
    options = network_options(TINY | {"head": {"type": "aam"}})
    front_end = make_front_end({"num_mel_bins": 24})
    (folder / "my net.pt").touch()
    save_model(folder / "tiny.pt", make_network(options, front_end.dim, 0), options, front_end, [], {})
    return folder


def run(folder, module, *words, ok=True, **variables):
    env = {k: v for k, v in os.environ.items() if k not in ("SPKR_CORPORA", "SPKR_MODELS")} | variables
    done = subprocess.run([sys.executable, "-m", module, *words], cwd=folder, env=env, capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert (done.returncode == 0) == ok, output[-4000:]
    return output


def snakemake(folder, *words):
    return run(folder, "snakemake", "--cores", "2", "-s", str(folder / "Snakefile"), *words)


def test_two_commands_give_a_table(folder):
    said = run(folder, "spkr", "new", "six", "--from", "calls of six", "--model", "tiny.pt")
    assert "6 speakers, 30 recordings, 0.6 minutes." in said
    assert "test/trials_pairs: 435 trials, 60 of them target" in said
    snakemake(folder, "--config", "recipe=six")
    rows = json.loads((folder / "exp/six/main/results/results.json").read_text())["results"]
    assert {(row["trials"], row["backend"], row["n_target"]) for row in rows} == {
        ("trials_pairs", "cosine", 60),
        ("trials_enrol3", "cosine", 12),
    }
    wav_scp = (folder / "exp/six/data/test/wav.scp").read_text().splitlines()
    assert wav_scp[0] == f"spk00-rec0 {folder}/calls of six/spk00/rec0.wav"
    assert "Nothing to be done" in snakemake(folder, "--config", "recipe=six")


def test_enough_speakers_are_trained_on(folder):
    run(folder, "spkr", "new", "many", "--from", "many")
    jobs = snakemake(folder, "--config", "recipe=many", "-n")
    assert "train: quartznet3x1_small on train_speed3" in jobs and "score: dev_trials_pairs by plda" in jobs


def test_a_dry_run_writes_nothing(folder):
    said = run(folder, "spkr", "new", "dry", "--from", "calls of six", "--dry-run")
    assert "network: campplus_200k, as it is" in said and not (folder / "recipes/dry").exists()


def test_a_download_is_said_before_the_run(folder):
    said = run(folder, "spkr", "new", "far", "--from", "calls of six")
    assert "That downloads campplus_cn_en_common.pt (28 MB) once." in said and "models=FOLDER" in said
    (folder / "models").mkdir()
    (folder / "models/campplus_cn_en_common.pt").touch()
    found = {"SPKR_MODELS": str(folder / "models")}
    assert "downloads" not in run(folder, "spkr", "new", "near", "--from", "calls of six", **found)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["an4", "--from", "many"], "recipes/an4: exists; remove it, or give the new recipe another name"),
        (["a b", "--from", "many"], "'a b': expected a name of letters"),
        (["x", "--from", "nowhere"], "nowhere: no such file or folder"),
        (["x", "--from", "many", "--model", "campplus"], "no such file, and no such network; .*campplus_200k"),
        (["x", "--from", "many", "--model", "my net.pt"], "--model: 'my net.pt'; expected a path without blanks"),
        (["x", "--from", "many", "--model", "Snakefile"], "--model: 'Snakefile'; expected the path of .*, .*.pt"),
        (["x", "--from", "many", "--column", "audio"], "expected audio=COLUMN"),
    ],
)
def test_what_cannot_be_done_is_said(folder, words, message):
    import re

    assert re.search(message, run(folder, "spkr", "new", *words, ok=False))
    assert not (folder / "recipes/x").exists()


def test_recordings_that_cannot_be_read_stop_it_or_are_left_out(folder):
    (folder / "calls of six/spk00/rec9.wav").write_bytes(b"RIFF")
    said = run(folder, "spkr", "new", "x", "--from", "calls of six", ok=False)
    assert "1 of 31 files cannot be read" in said and "give --skip-unreadable" in said
    said = run(folder, "spkr", "new", "x", "--from", "calls of six", "--skip-unreadable", "--dry-run")
    assert "left out: 1 of 31 files" in said and "30 recordings" in said
