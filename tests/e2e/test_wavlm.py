"""A run whose features are the hidden layers of a WavLM, from recordings to results, with small random weights."""

import pytest
import torch

from spkr.nnet.model import read_model
from tests.conftest import ROOT
from tests.unit.nnet.wavlms import random_wavlm

CONFIG = str(ROOT / "tests/e2e/wavlm.yaml")

pytestmark = pytest.mark.slow


def test_a_run_on_a_wavlm(snakemake, tmp_path):
    torch.save(random_wavlm().state_dict(), tmp_path / "small.pt")
    snakemake(tmp_path, "--configfile", CONFIG)
    run = tmp_path / "exp/mini/main"
    assert (run / "results/report.html").exists()
    assert "small.pt" in read_model(run / "finetuned/final.pt")["training"]["trained_on"]
    arks = sum(path.stat().st_size for path in tmp_path.glob("exp/mini/feats/*/*/feats.*.ark"))
    assert arks < 1_000_000  # energies; the layers would take a hundred times as much
