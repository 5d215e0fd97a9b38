"""A run on a small random WavLM: trained without it, then with it, and embedded, scored, packed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from spkr.kaldi.maps import read_map
from spkr.kaldi.table import TableReader
from spkr.nnet.model import read_model
from spkr.packed.packed_model import PackedModel
from tests.conftest import ROOT
from tests.unit.nnet.wavlms import random_wavlm

pytestmark = pytest.mark.slow
CONFIG = ("--configfile", str(ROOT / "tests/e2e/wavlm.yaml"))


@pytest.fixture(scope="module")
def run(snakemake, tmp_path_factory):
    """A folder with a whole run in it, and what Snakemake printed."""
    folder = tmp_path_factory.mktemp("wavlm")
    (folder / "models").mkdir()
    torch.save(random_wavlm().state_dict(), folder / "models/small.pt")
    return folder, snakemake(folder, *CONFIG, SPKR_MODELS=str(folder / "models"))


def test_a_run_has_results_and_stores_no_features(run):
    folder, output = run
    assert "trials_pairs       plda" in output
    assert "network began elsewhere: The WavLM is small.pt" in output
    assert "weights of the WavLM's layers, sum 2: " in (folder / "exp/mini/main/log/finetune.log").read_text()
    (arks,) = folder.glob("exp/mini/feats/*/train/feats.1.ark")
    audio = sum(path.stat().st_size for path in folder.glob("exp/corpora/mini/**/*.wav"))
    assert arks.stat().st_size < audio / 200
    before, after = (
        read_model(folder / f"exp/mini/main/{name}/final.pt")["weights"] for name in ("model", "finetuned")
    )
    assert after.keys() - before.keys() == {f"front.wavlm.model.{name}" for name in random_wavlm().state_dict()}


def test_a_packed_model_has_the_wavlm_inside_and_gives_the_same_embeddings(run, monkeypatch):
    folder, _ = run
    monkeypatch.chdir(folder)
    pack = [str(Path(sys.executable).with_name("spkr")), "pack", "exp/mini/main", "a.spkr"]
    subprocess.run(pack, check=True)
    model = PackedModel.read("a.spkr")
    vectors = TableReader("exp/mini/main/xvectors/test/xvector.scp")
    for utt, path in list(read_map("exp/mini/data/test/wav.scp").items())[:3]:
        heard = model.hear(path).embedding
        np.testing.assert_allclose(heard, vectors[utt], atol=1e-3 * np.abs(vectors[utt]).max())


def test_the_network_goes_to_another_corpus_and_misses_its_wavlm(run, snakemake):
    folder, _ = run
    given = ("--config", "model=exp/mini/main/model/final.pt", "run=other")
    wanted = "exp/mini/other/xvectors/dev/xvector.scp"
    arguments = wanted, "--configfile", str(ROOT / "tests/e2e/small.yaml"), *given
    assert "feats.file: no such file 'small.pt'" in snakemake(folder, *arguments, ok=False)
    snakemake(folder, *arguments, SPKR_MODELS=str(folder / "models"))
    assert (folder / wanted).exists()
