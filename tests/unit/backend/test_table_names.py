"""Verbs that read embeddings take them by scp or by ark, plain or as Kaldi names them."""

from pathlib import Path

import pytest

from spkr.cli import main
from tests.unit.backend.scoring import NAMES, write_trials_of


def outputs(table, cohort):
    """What the verbs make of a table: the bytes of all that they write."""
    main(["transform-xvectors", table, "processed.ark", "--mean", "backend/mean.vec", "--normalize-length", "true"])
    main(["mean-xvectors", "models", table, "averages.ark", "num_utts"])
    main(["score", "trials", "scores", "--backend", "plda_snorm", "--backend-dir", "backend", "--xvectors", table,
          "--models", "models", "--cohort", cohort])  # fmt: skip
    return [Path(name).read_bytes() for name in ("processed.ark", "averages.ark", "num_utts", "scores")]


@pytest.fixture
def expected(others):
    write_trials_of([(a, b) for a in NAMES for b in NAMES])
    return outputs("test.scp", "others.scp")


def test_arks_without_an_scp_give_what_their_scp_gives(others, expected):
    for name in ("test", "others"):
        Path(f"{name}.scp").rename(f"{name}.old")
    assert outputs("test.ark", "ark:others.ark") == expected
    main(["copy-table", "test.ark", "ark,t:test.txt"])
    assert outputs("ark:test.txt", "scp:others.old") == expected
