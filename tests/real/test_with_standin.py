"""A network that is trained from scratch on AN4 and on HI-MIA's stand-in together, for seconds, and scored on both."""

import json

import pytest

from spkr.kaldi.maps import read_map
from spkr.nnet.model import read_model
from tests.conftest import ROOT

pytestmark = pytest.mark.real

BOTH = [str(ROOT / path) for path in ("recipes/an4/with_standin.yaml", "tests/real/with_standin_short.yaml")]
STANDIN = [str(ROOT / path) for path in ("recipes/himia/standin.yaml", "tests/real/standin_short.yaml")]
MODEL = "exp/an4/with_standin/model/final.pt"


@pytest.fixture(scope="module")
def both(snakemake, corpora, tmp_path_factory):
    """A folder in which the network was trained and scored on both corpora."""
    if not (corpora / "himia-standin").is_dir():
        pytest.skip("SPKR_CORPORA has no folder himia-standin")
    folder = tmp_path_factory.mktemp("both")
    snakemake(folder, "--configfile", *BOTH, SPKR_CORPORA=str(corpora))
    scored = ("--config", f"model={MODEL}", "run=with_an4")
    snakemake(folder, "--configfile", *STANDIN, *scored, SPKR_CORPORA=str(corpora))
    return folder


def eers(folder, run) -> dict[str, float]:
    rows = json.loads((folder / f"exp/{run}/results/results.json").read_text())["results"]
    return {row["trials"]: row["eer"] for row in rows}


def test_the_network_knows_the_speakers_of_both(both):
    speakers = read_model(both / MODEL)["speakers"]
    an4, standin = (
        set(read_map(both / f"exp/{name}/data/train/utt2spk").values()) for name in ("an4", "himia-standin")
    )
    assert len(an4) == 66 and len(standin) == 219
    assert speakers == sorted(an4 | {f"himia-standin-{spk}" for spk in standin})
    assert read_model(both / MODEL)["training"]["sets"] == ["train", "himia-standin/train"]


def test_it_is_scored_on_both_and_better_than_a_guess(both):
    an4, standin = eers(both, "an4/with_standin"), eers(both, "himia-standin/with_an4")
    assert {"trials_pairs", "trials_enrol3"} <= an4.keys() and len(an4) == 4
    assert {"trials_1m_averaged", "trials_mic_averaged", "dev_trials_pairs"} <= standin.keys() and len(standin) == 9
    assert max(an4["trials_pairs"], standin["trials_1m_averaged"], standin["trials_mic_averaged"]) < 35


def test_a_second_start_has_nothing_to_do(both, snakemake):
    assert "Nothing to be done" in snakemake(both, "--configfile", *BOTH)
