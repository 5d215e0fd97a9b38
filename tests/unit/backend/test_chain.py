"""Chains: what is read, what is refused, which files they share, and what is trained for them."""

import re
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from spkr.backend import BACKENDS
from spkr.backend.chain import Step, parse_chain
from spkr.backend.lda import compute_lda
from spkr.backend.plda import Plda, train_plda
from spkr.backend.stats import speaker_stats
from spkr.backend.trained_chain import check_trained
from spkr.backend.transforms import length_normalize, transform_vectors
from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.maps import read_map
from spkr.kaldi.objects import read_matrix, read_vector
from spkr.kaldi.table import read_vectors
from tests.unit.backend.scoring import NAMES, score, write_trials_of

OWN = "mean | lda: 4 | length-norm | mean | plda"


def test_a_chain_is_read_and_written():
    chain = parse_chain("mean|lda:64 |length-norm | mean | adapted-plda|as-norm: 20")
    assert str(chain) == "mean | lda: 64 | length-norm | mean | adapted-plda | as-norm: 20"
    assert (chain.is_adapted, chain.scorer, chain.norm) == (True, "plda", Step("as-norm", 20))
    assert chain.files == ["mean.vec", "transform.mat", "mean.2.vec", "plda"]
    assert str(chain.before_adaptation()) == "mean | lda: 64 | length-norm | mean | plda"
    assert len(BACKENDS) == 12
    for text in BACKENDS.values():
        assert str(parse_chain(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no such step ''; expected one of mean, lda, length-norm, cosine, plda, adapted-plda, s-norm, as-norm"),
        ("mean | cosin", "no such step 'cosin'; expected one of"),
        (
            "mean | lda",
            "expected any of mean, lda, length-norm, then one of cosine, plda, adapted-plda, then s-norm or",
        ),
        ("cosine | mean", "expected any of mean"),
        ("cosine | plda", "expected any of mean"),
        ("s-norm", "expected any of mean"),
        ("cosine | s-norm | as-norm", "expected any of mean"),
        ("mean: 3 | cosine", "mean takes no number; only lda and as-norm do"),
        ("lda: 0 | cosine", "lda: '0'; expected a whole number above zero"),
        ("lda: | cosine", "lda: ''; expected a whole number above zero"),
        ("cosine | as-norm: 1e3", "as-norm: '1e3'; expected a whole number above zero"),
    ],
)
def test_a_wrong_chain_is_refused_with_its_step(text, message):
    with pytest.raises(InputError, match=re.escape(f"chain {text!r}: {message}")):
        parse_chain(text)


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("cosine", True),
        ("mean | length-norm | cosine | s-norm", True),
        ("mean | lda: 128 | cosine", True),
        ("mean | lda | length-norm | adapted-plda", True),
        ("mean | lda: 64 | cosine", False),
        ("lda | cosine", False),
        ("mean | lda | plda", False),
        ("mean | lda | length-norm | mean | cosine", False),
    ],
)
def test_chains_that_begin_like_the_default_share_its_files(text, shared):
    assert parse_chain(text).is_trained_by(parse_chain(BACKENDS["plda"]), 128) is shared


def train(*more):
    main(
        [
            "backend",
            "own",
            "--xvectors",
            "train.scp",
            "--utt2spk",
            "train.utt2spk",
            "--options",
            '{"lda_dim": 6}',
            *more,
        ]
    )


def test_each_step_is_trained_on_what_the_steps_before_it_give(corpus):
    train("--chain", f"{OWN} | s-norm")
    keys, x = read_vectors("train.scp")
    labels = [read_map("train.utt2spk")[key] for key in keys]
    x = x - read_vector("own/mean.vec").astype(np.float32)
    lda = compute_lda(speaker_stats(x, labels), 4).astype(np.float32)
    assert np.array_equal(read_matrix("own/transform.mat"), lda)
    x = length_normalize(transform_vectors(x, lda))
    assert np.array_equal(read_vector("own/mean.2.vec"), x.mean(axis=0).astype(np.float32))
    plda = train_plda(speaker_stats(x - read_vector("own/mean.2.vec"), labels), 10)
    assert np.array_equal(Plda.read("own/plda").psi, plda.psi)


def test_a_chain_of_its_own_scores_a_trial_alone_as_in_a_list(others):
    train("--chain", OWN)
    pairs = [(a, b) for a in NAMES for b in NAMES[8:]]
    write_trials_of(pairs)
    lines = score(OWN, folder="own")
    write_trials_of(pairs[99:100], "one")
    assert score(OWN, "one", folder="own") == lines[99:100]
    same = np.array([a.lstrip("ms0")[:1] == b.lstrip("ms0")[:1] for a, b in pairs])
    values = np.array([float(line.split()[2]) for line in lines])
    assert values[same].mean() > values[~same].mean() + values[~same].std()


def test_all_means_of_a_chain_are_adapted(corpus):
    train("--chain", OWN)
    main(["adapt-backend", "own", "test.scp", "adapted", "--chain", OWN.replace("| plda", "| adapted-plda")])
    _, x = read_vectors("test.scp")
    x = x - read_vector("adapted/mean.vec").astype(np.float32)
    assert np.allclose(x.mean(axis=0), 0, atol=1e-5)
    assert np.array_equal(read_matrix("adapted/transform.mat"), read_matrix("own/transform.mat"))
    x = length_normalize(transform_vectors(x, read_matrix("own/transform.mat")))
    assert np.allclose(read_vector("adapted/mean.2.vec"), x.mean(axis=0), atol=1e-6)
    assert not np.allclose(Plda.read("adapted/plda").psi, Plda.read("own/plda").psi)


def test_the_default_is_the_chain_of_kaldi(corpus):
    train()
    main(["backend", "named", "--xvectors", "train.scp", "--utt2spk", "train.utt2spk", "--options", '{"lda_dim": 6}',
          "--backend", "lda_cosine"])  # fmt: skip
    for name in ("mean.vec", "transform.mat"):
        assert (corpus / "own" / name).read_bytes() == (corpus / "named" / name).read_bytes()
    assert (corpus / "own/plda").exists() and not (corpus / "named/plda").exists()


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ("mean | lda: 4 | length-norm | mean | plda | s-norm", None),
        ("mean | lda | cosine", None),  # whatever the dimension is
        ("mean | cosine", None),
        ("mean | lda: 9999 | cosine", "own: trained for mean | lda: 4 |"),
        ("lda | cosine", "has other steps: train a back-end for it"),
        ("mean | length-norm | lda: 4 | cosine", "has other steps"),
        ("mean | lda: 4 | length-norm | plda", "has other steps"),
        ("mean | lda: 4 | length-norm | mean | adapted-plda", "own: not adapted, as .* expects; run `spkr adapt-"),
    ],
)
def test_a_folder_is_for_the_steps_that_it_was_trained_for(corpus, chain, message):
    train("--chain", OWN)
    with pytest.raises(InputError, match=message) if message else nullcontext():
        check_trained(parse_chain(chain), Path("own"))
    Path("own/manifest.json").unlink()
    check_trained(parse_chain(chain), Path("own"))  # of Kaldi, say
