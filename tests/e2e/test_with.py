"""A network that is trained on two corpora whose speakers have the same names, from arks and from waveforms."""

import pytest

from spkr.kaldi.maps import read_map
from spkr.nnet.model import read_model
from tests.conftest import ROOT

SMALL, SECOND = (str(ROOT / f"tests/e2e/{name}.yaml") for name in ("small", "second"))


def trained(snakemake, folder, run: str, options: str) -> dict:
    """The model of a run of both."""
    (folder / f"{run}.yaml").write_text(f"{{run: {run}, train: {{with: [{SECOND}], {options}}}}}\n")
    model = f"exp/mini/{run}/model/final.pt"
    snakemake(folder, model, "--configfile", SMALL, str(folder / f"{run}.yaml"))
    return read_model(folder / model)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("with")


@pytest.mark.parametrize("options", ["augment: speed3", "augment: speed3, waveforms: true", "augment: null"])
def test_speakers_of_one_name_are_two(snakemake, folder, options):
    model = trained(snakemake, folder, f"run{len(options)}", options)
    copies = ("", "sp0.9-", "sp1.1-") if "speed3" in options else ("",)
    own, other = (set(read_map(folder / f"exp/{name}/data/train/utt2spk").values()) for name in ("mini", "second"))
    assert own > other
    expected = {copy + spk for copy in copies for spk in own} | {
        f"second-{copy}{spk}" for copy in copies for spk in other
    }
    assert model["speakers"] == sorted(expected)
