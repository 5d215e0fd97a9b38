"""The AN4 recipe on the real corpus, with a short training."""

import csv

import pytest

from spkr.kaldi.datadir import check_data_dir
from tests.conftest import ROOT

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def an4(snakemake, corpora, tmp_path_factory):
    """A folder in which the recipe has run, and what Snakemake printed."""
    folder = tmp_path_factory.mktemp("an4")
    config = ROOT / "tests/real/an4_short.yaml"
    return folder, snakemake(folder, "--configfile", str(config), SPKR_CORPORA=str(corpora))


def test_sets_have_the_corpus_speakers_and_utterances(an4):
    sets = {s: check_data_dir(an4[0] / f"exp/an4/data/{s}") for s in ("train", "valid", "dev", "test")}
    assert {s: len(files["wav.scp"]) for s, files in sets.items()} == {
        "train": 778, "valid": 66, "dev": 104, "test": 130
    }  # fmt: skip
    speakers = {s: set(files["utt2spk"].values()) for s, files in sets.items()}
    assert {s: len(names) for s, names in speakers.items()} == {"train": 66, "valid": 66, "dev": 8, "test": 10}
    assert speakers["train"] == speakers["valid"]
    assert not speakers["train"] & (speakers["dev"] | speakers["test"])
    assert sorted(sets["dev"]["spk2gender"].values()) == ["f"] * 4 + ["m"] * 4
    assert sets["train"]["text"]["fash-an251-b"] == "YES"


def test_results_are_of_all_trials_and_better_than_12_percent(an4):
    with (an4[0] / "exp/an4/main/results/results.tsv").open() as f:
        rows = {(r["trials"], r["backend"]): r for r in csv.DictReader(f, delimiter="\t")}
    counts = {t: (int(rows[t, "cosine"]["n_target"]), int(rows[t, "cosine"]["n_nontarget"])) for t, _ in rows}
    assert counts == {
        "trials_pairs": (780, 7605), "trials_enrol3": (100, 900),
        "dev_trials_pairs": (625, 4731), "dev_trials_enrol3": (80, 560),
    }  # fmt: skip
    primary = next(r for (trials, _), r in rows.items() if trials == "trials_pairs" and r["primary"] == "yes")
    assert float(primary["eer"]) < 12


def test_moving_the_archive_reruns_nothing(an4, snakemake):
    config = ROOT / "tests/real/an4_short.yaml"
    assert "Nothing to be done" in snakemake(an4[0], "--configfile", str(config))
