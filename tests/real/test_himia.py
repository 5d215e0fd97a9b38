"""The data stage of HI-MIA's recipe, and features of its test set, on the stand-in's archives."""

import re
from collections import Counter

import numpy as np
import pytest

from spkr.kaldi.datadir import check_data_dir
from spkr.kaldi.maps import read_map, read_spk2utt
from spkr.kaldi.trials import read_trials
from tests.conftest import ROOT

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def himia(snakemake, corpora, tmp_path_factory):
    """The recipe's exp/himia-standin with the data of all sets, and the features of test."""
    if not (corpora / "himia-standin").is_dir():
        pytest.skip("SPKR_CORPORA has no folder himia-standin")
    folder = tmp_path_factory.mktemp("himia")
    config = ["--configfile", str(ROOT / "recipes/himia/standin.yaml")]
    plan = snakemake(folder, "-n", *config, SPKR_CORPORA=str(corpora))
    feats = re.search(r"exp/himia-standin/feats/[\w-]+/test/feats\.scp", plan)[0]
    snakemake(folder, feats, *config, SPKR_CORPORA=str(corpora))
    return folder / "exp/himia-standin"


def test_sets_and_lists_have_the_archives_numbers(himia):
    sets = {s: check_data_dir(himia / f"data/{s}") for s in ("train", "valid", "dev", "test")}
    counts = {s: (len(files["wav.scp"]), len(files["spk2utt"])) for s, files in sets.items()}
    assert counts == {"train": (1146, 219), "valid": (34, 9), "dev": (192, 20), "test": (864, 9)}
    trials = {}
    for name in ("1m_averaged", "1m_expanded", "mic_averaged", "mic_expanded"):
        listed = read_trials(himia / f"data/test/trials_{name}")
        trials[name] = (len(listed), int(listed.target.sum()))
    assert trials == {
        "1m_averaged": (1431, 135), "1m_expanded": (21465, 2025),
        "mic_averaged": (2862, 270), "mic_expanded": (42930, 4050),
    }  # fmt: skip
    models = read_spk2utt(himia / "data/test/models_1m_averaged")
    assert {len(utts) for utts in models.values()} == {15}
    assert (himia / "data/bad_files").read_text() == ""


def test_the_close_microphone_is_as_long_at_its_own_rate(himia):
    points = read_map(himia / "data/test/utt2point")
    assert Counter(points.values()).keys() == {"2", "7"}
    frames = {utt: int(n) for utt, n in read_map(next(himia.glob("feats/*/test/utt2num_frames"))).items()}
    seconds = {utt: float(s) for utt, s in read_map(himia / "data/test/utt2dur").items()}
    for point in ("2", "7"):  # 44.1 kHz at 7
        of = [utt for utt in points if points[utt] == point]
        assert np.allclose([frames[utt] / 100 for utt in of], [seconds[utt] for utt in of], atol=0.011)
