"""A network that heard 200,000 voices, as it is: the error rates on AN4 and on the stand-in for HI-MIA."""

import json
import os
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def models() -> str:
    path = os.environ.get("SPKR_MODELS")
    if not path or not (Path(path) / "campplus_cn_en_common.pt").exists():
        pytest.skip("SPKR_MODELS names no folder with campplus_cn_en_common.pt")
    return path


def eers(snakemake, corpora, models, folder, *files):
    """EER by list, of the primary back-end."""
    configs = [str(ROOT / f"recipes/{file}") for file in files]
    snakemake(folder, "--configfile", *configs, SPKR_CORPORA=str(corpora), SPKR_MODELS=models)
    (path,) = folder.glob("exp/*/pretrained/results/results.json")
    rows = json.loads(path.read_text())["results"]
    return {row["trials"]: row["eer"] for row in rows if row["primary"] == "yes"}


def test_an4(snakemake, corpora, models, tmp_path):
    found = eers(snakemake, corpora, models, tmp_path, "an4/pretrained.yaml")
    assert found["trials_pairs"] == pytest.approx(1.15, abs=0.14)  # nine of 780 target trials; one more or less
    assert found["dev_trials_pairs"] == pytest.approx(2.56, abs=0.17)
    assert "200,000 speakers" in (tmp_path / "exp/an4/pretrained/results/table.txt").read_text()


@pytest.mark.long
def test_the_stand_in(snakemake, corpora, models, tmp_path):
    found = eers(snakemake, corpora, models, tmp_path, "himia/standin.yaml", "himia/standin_pretrained.yaml")
    assert found["trials_1m_averaged"] == pytest.approx(3.70, abs=0.01)
    assert found["trials_mic_averaged"] == pytest.approx(2.96, abs=0.01)
    assert found["dev_trials_pairs"] == pytest.approx(1.46, abs=0.06)
