"""The jobs of the recipe voxceleb, and how its archives are fetched."""

import pytest

from tests.conftest import ROOT
from tests.dag.dry_run import jobs


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpora")
    for folder in ("musan/noise", "musan/music", "musan/speech", "RIRS_NOISES/simulated_rirs"):
        (root / folder).mkdir(parents=True)
    return str(root)


def dry_run(snakemake, folder, corpora, *names):
    files = [str(ROOT / f"recipes/voxceleb/{name}.yaml") for name in names]
    return snakemake(folder, "-n", "-p", "--configfile", *files, SPKR_CORPORA=corpora)


def test_archives_are_fetched_in_parts_unpacked_or_whole(snakemake, tmp_path, corpora):
    output = dry_run(snakemake, tmp_path, corpora, "config")
    assert jobs(output).items() >= {"corpus": 9, "augment": 2, "train": 1, "finetune": 1, "score": 7}.items()
    assert (
        " fetch vox1_dev_wav.zip exp/corpora/voxceleb/vox1_dev --md5 ae63e55b951748cc486645f532ba230b --parts "
        "vox1_dev_wav_partaa vox1_dev_wav_partab vox1_dev_wav_partac vox1_dev_wav_partad --tree voxceleb1/dev\n"
    ) in output
    url = "https://www.robots.ox.ac.uk/~vgg/data/voxceleb/meta/veri_test.txt"
    assert f" fetch veri_test.txt exp/corpora/voxceleb/lists/O --url '{url}' --md5 29fc7cc1c5d59f0816dc15d6e" in output
    assert " --train train_speed3 dev_speed3 --data " in output and " --train train dev --data " in output


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("vox12", "ecapa1024"), {"corpus": 5, "train": 1, "finetune": 1, "score": 3}),
        (("vox1", "pretrained"), {"corpus": 4, "pretrained": 1, "score": 3}),
        (("pretrained",), {"corpus": 9, "pretrained": 1, "score": 7}),
    ],
)
def test_a_config_fetches_and_scores_what_it_needs(snakemake, tmp_path, corpora, names, expected):
    found = jobs(dry_run(snakemake, tmp_path, corpora, *names))
    assert found.items() >= expected.items()
    assert ("train" in found) == ("train" in expected)


def test_without_musan_the_first_line_says_so(snakemake, tmp_path):
    config = str(ROOT / "recipes/voxceleb/config.yaml")
    output = snakemake(tmp_path, "-n", "--configfile", config, ok=False, SPKR_CORPORA=str(tmp_path))
    assert "rir_folders: no such folder 'RIRS_NOISES/simulated_rirs', nor an archive of it" in output
