"""The back-end against what Kaldi's programs (f4007661) gave on made embeddings.

Models and vectors lie in golden/backend, scores in golden_metrics.
"""

import gzip
import shutil
from pathlib import Path

import kaldiio
import numpy as np
import pytest

from spkr.backend.lda import compute_lda
from spkr.backend.plda import Plda, train_plda
from spkr.backend.stats import speaker_stats
from spkr.backend.train import train_backend
from spkr.backend.transforms import average_models, length_normalize, transform_vectors, trial_dots
from spkr.cli import main
from spkr.config.backend_options import BackendOptions
from spkr.kaldi.maps import read_map, read_spk2utt
from spkr.kaldi.objects import read_matrix, read_vector, write_array, write_plda
from spkr.kaldi.table import TableWriter, read_vectors

GOLDEN = Path(__file__).parent / "golden/backend"
SCORES = Path(__file__).parent / "golden_metrics"


def ark(name):
    """An archive of vectors: its keys, and the vectors (N, dim)."""
    table = dict(kaldiio.load_ark(str(GOLDEN / name)))
    return list(table), np.stack(list(table.values()))


def scores(name):
    """Golden trials and their scores."""
    lines = gzip.decompress((SCORES / f"{name}.gz").read_bytes()).decode().splitlines()
    enrol, test, values = zip(*(line.split() for line in lines), strict=True)
    return enrol, test, np.array(values, float)


def training():
    keys, vectors = ark("train.ark")
    utt2spk = read_map(GOLDEN / "train_utt2spk")
    return vectors - vectors.mean(axis=0, dtype=float), [utt2spk[key] for key in keys]


def covariances(stats):
    """Within and between speakers."""
    weighted = np.sqrt(stats.counts)[:, None] * stats.means
    return stats.offset_scatter / stats.num_utts, weighted.T @ weighted / stats.num_utts


def worst(a, b):
    return np.abs(a - b).max()


def test_mean():
    assert worst(ark("train.ark")[1].mean(axis=0, dtype=float), read_vector(GOLDEN / "mean.vec")) < 1e-6


@pytest.mark.parametrize("name, factor", [("lda20.mat", 0.0), ("lda20_tcf0.1.mat", 0.1), ("lda20_default.txt", 0.0)])
def test_lda(name, factor):
    vectors, speakers = training()
    stats = speaker_stats(vectors, speakers)
    ours, golden = compute_lda(stats, 20, factor), read_matrix(GOLDEN / name)
    assert ours.shape == golden.shape
    bases = [np.linalg.qr(matrix[:, :-1].T)[0] for matrix in (ours, golden)]
    assert np.linalg.svd(bases[0].T @ bases[1])[1].min() > 1 - 1e-6
    sign = np.sign(np.sum(ours[:, :-1] * golden[:, :-1], axis=1))
    A, b = sign[:, None] * ours[:, :-1], sign * ours[:, -1]
    assert worst(b, golden[:, -1]) < 1e-5
    for mine, kaldi in zip(covariances(stats.project(A)), covariances(stats.project(golden[:, :-1])), strict=True):
        assert worst(mine, kaldi) < 1e-5


def test_mean_lda_and_length_normalisation_give_the_processed_vectors():
    _, raw = ark("test.ark")
    mean, lda = read_vector(GOLDEN / "mean.vec"), read_matrix(GOLDEN / "lda20.mat")
    assert worst(length_normalize(transform_vectors(raw - mean, lda)), ark("test_proc.ark")[1]) < 1e-5


def test_averages_and_counts_of_models():
    utts, raw = ark("enroll.ark")
    models, golden = ark("enroll_spk_raw.ark")
    row = {utt: k for k, utt in enumerate(utts)}
    averages, num_utts = average_models(read_spk2utt(GOLDEN / "enroll_spk2utt").values(), row, raw)
    assert worst(averages, golden) < 1e-6
    assert dict(zip(models, map(str, num_utts), strict=True)) == read_map(GOLDEN / "num_utts.txt")
    _, of_processed = ark("enroll_spkmean.ark")
    assert worst(length_normalize(of_processed), ark("enroll_spk.ark")[1]) < 1e-5


@pytest.mark.parametrize(
    "name, archive, iters",
    [("plda.txt", "train_proc.ark", 10), ("plda_iter1.txt", "train_proc.ark", 1), ("plda_raw64.txt", "train.ark", 10)],
)
def test_plda_model(name, archive, iters):
    ours, golden = train_plda(speaker_stats(ark(archive)[1], training()[1]), iters), Plda.read(GOLDEN / name)
    assert worst(ours.mean, golden.mean) < 1e-6
    assert worst(ours.psi, golden.psi) < 1e-6
    assert worst(ours.transform.T @ ours.transform, golden.transform.T @ golden.transform) < 1e-5


@pytest.mark.parametrize("name", ["plda", "plda_raw64"])
def test_plda_model_in_double_precision(name):
    archive = "train_proc.ark" if name == "plda" else "train.ark"
    ours, golden = train_plda(speaker_stats(ark(archive)[1], training()[1])), Plda.read(GOLDEN / name)
    assert worst(ours.psi, golden.psi) < 1e-11
    sign = np.sign(np.sum(ours.transform * golden.transform, axis=1, keepdims=True))
    assert worst(sign * ours.transform, golden.transform) < 1e-11


@pytest.mark.parametrize(
    "name, plda, counted, options",
    [
        ("plda_nl_true_numutts", "plda", True, {}),
        ("plda_nl_true", "plda", False, {}),
        ("plda_nl_false_numutts", "plda", True, {"normalize_length": False}),
        ("plda_nl_false", "plda", False, {"normalize_length": False}),
        ("plda_simplenorm_numutts", "plda", True, {"simple_length_normalization": True}),
        ("plda_raw64_nl_true_numutts", "plda_raw64", True, {}),
        ("plda_raw64_nl_false_numutts", "plda_raw64", True, {"normalize_length": False}),
    ],
)
def test_plda_scores(name, plda, counted, options):
    models, enrolled = ark("enroll_spk.ark" if plda == "plda" else "enroll_spk_raw.ark")
    utts, tests = ark("test_proc.ark" if plda == "plda" else "test.ark")
    counts = read_map(GOLDEN / "num_utts.txt")
    n = np.array([int(counts[model]) if counted else 1 for model in models])
    model = Plda.read(GOLDEN / plda)
    enrol, test, golden = scores(name)
    i, j = np.array([models.index(x) for x in enrol]), np.array([utts.index(x) for x in test])
    u, v = model.transform_embedding(enrolled, n, **options), model.transform_embedding(tests, **options)
    llr = model.log_likelihood_ratio(u, n, v, np.ones(len(v), int), i, j)
    assert worst(llr, golden) < 5e-5


@pytest.mark.parametrize(
    "name, enrolled, tests, unit",
    [
        ("cosine_raw", "enroll_spk_raw.ark", "test.ark", True),
        ("cosine_lda", "enroll_spk.ark", "test_proc.ark", True),
        ("dot_lda", "enroll_spk.ark", "test_proc.ark", False),
    ],
)
def test_cosine_and_dot_products(name, enrolled, tests, unit):
    (models, u), (utts, v) = ark(enrolled), ark(tests)
    if unit:
        u, v = length_normalize(u, scaleup=False), length_normalize(v, scaleup=False)
    enrol, test, golden = scores(name)
    i, j = np.array([models.index(x) for x in enrol]), np.array([utts.index(x) for x in test])
    assert worst(trial_dots(u.astype(float), v.astype(float), i, j), golden) < 1e-5


def write_table(path, *archives):
    """Archives as one table."""
    vectors = {key: vector for name in archives for key, vector in zip(*ark(name), strict=True)}
    with TableWriter(path) as table:
        for key in sorted(vectors):
            table[key] = vectors[key]
    return str(path.with_suffix(".scp"))


def score(folder, name, table, *options):
    """Score the golden list `name` by the command; the trials that came out, and the largest difference."""
    enrol, test, golden = scores(name)
    (folder / "trials").write_text("".join(f"{a} {b}\n" for a, b in zip(enrol, test, strict=True)))
    main(["score", str(folder / "trials"), str(folder / "out"), "--xvectors", table, *map(str, options)])
    lines = [line.split() for line in (folder / "out").read_text().splitlines()]
    assert [tuple(line[:2]) for line in lines] == list(zip(enrol, test, strict=True))
    return worst(np.array([float(line[2]) for line in lines]), golden)


@pytest.fixture
def backend(tmp_path):
    """A folder with Kaldi's mean.vec, transform.mat and plda."""
    for name in ("mean.vec", "lda20.mat", "plda"):
        shutil.copy(GOLDEN / name, tmp_path / name.replace("lda20", "transform"))
    return tmp_path


@pytest.mark.parametrize("trained", ["by Kaldi", "here"])
def test_list_scored_from_raw_embeddings(backend, trained):
    if trained == "here":
        for name in ("mean.vec", "transform.mat", "plda"):
            (backend / name).unlink()
        table, options = write_table(backend / "train.ark", "train.ark"), BackendOptions(lda_dim=20)
        train_backend([table], [GOLDEN / "train_utt2spk"], backend, options)
    table = write_table(backend / "raw.ark", "enroll.ark", "test.ark")
    assert score(backend, "plda_pair", table, "--backend", "plda", "--backend-dir", backend) < 5e-5


@pytest.mark.parametrize(
    "name, backend_name, options, tolerance",
    [
        ("plda_nl_true", "plda", ["--ignore-num-utts"], 5e-5),
        ("plda_nl_true", "plda", [], 5e-5),
        ("plda_nl_true_numutts", "plda", ["--num-utts"], 5e-5),
        ("plda_nl_false_numutts", "plda", ["--num-utts", "--normalize-length=false"], 5e-5),
        ("plda_simplenorm_numutts", "plda", ["--num-utts", "--simple-length-normalization=true"], 5e-5),
        ("plda_smooth0.1_numutts", "plda", ["--num-utts", "--smoothing=0.1"], 5e-5),
        ("cosine_lda", "cosine", [], 1e-5),
    ],
)
def test_list_scored_from_processed_vectors_by_the_command(backend, name, backend_name, options, tolerance):
    table = write_table(backend / "processed.ark", "enroll_spk.ark", "test_proc.ark")
    options = [
        o for option in options for o in ([option, GOLDEN / "num_utts.txt"] if option == "--num-utts" else [option])
    ]
    options = ["--backend", backend_name, "--backend-dir", backend, "--processed", *options]
    assert score(backend, name, table, *options) < tolerance


def test_models_averaged_from_raw_embeddings_by_the_command(backend):
    shutil.copy(GOLDEN / "plda_raw64", backend / "plda")
    table = write_table(backend / "raw.ark", "enroll.ark", "test.ark")
    options = ["--backend", "plda", "--backend-dir", backend, "--processed", "--models", GOLDEN / "enroll_spk2utt"]
    assert score(backend, "plda_raw64_nl_true_numutts", table, *options) < 5e-5


@pytest.mark.parametrize(
    "name, psi, options",
    [
        ("plda_adapt", 1e-6, []),
        ("plda_adapt_w0.75_b0.25.txt", 1e-5, ["--within-covar-scale=0.75", "--between-covar-scale=0.25"]),
    ],  # a model in text has seven digits
)
def test_adapted_plda(tmp_path, name, psi, options):
    table = write_table(tmp_path / "adapt.ark", "adapt_proc.ark")
    main(["adapt-plda", str(GOLDEN / "plda"), table, str(tmp_path / "plda"), *options])
    ours, golden = Plda.read(tmp_path / "plda"), Plda.read(GOLDEN / name)
    assert worst(ours.mean, golden.mean) < 1e-6
    assert worst(ours.psi, golden.psi) < psi
    assert worst(ours.transform.T @ ours.transform, golden.transform.T @ golden.transform) < 1e-5


def test_adapted_plda_scores(backend):
    adapt = write_table(backend / "adapt.ark", "adapt_proc.ark")
    main(["adapt-plda", str(GOLDEN / "plda"), adapt, str(backend / "plda")])
    table = write_table(backend / "processed.ark", "enroll_spk.ark", "test_proc.ark")
    options = ["--backend", "plda", "--backend-dir", backend, "--processed", "--num-utts", GOLDEN / "num_utts.txt"]
    assert score(backend, "plda_adapt_numutts", table, *options) < 5e-5


def test_smoothed_plda(tmp_path):
    main(["copy-plda", str(GOLDEN / "plda"), str(tmp_path / "text"), "--smoothing", "0.1", "--binary", "false"])
    assert (tmp_path / "text").read_bytes().startswith(b"<Plda> ")
    ours, golden = Plda.read(tmp_path / "text"), Plda.read(GOLDEN / "plda_smooth0.1.txt")
    assert worst(ours.mean, golden.mean) < 1e-6
    assert worst(ours.psi, golden.psi) < 1e-6
    assert worst(ours.transform, golden.transform) < 1e-6


@pytest.mark.parametrize(
    "name, options",
    [
        ("snorm", ["--backend", "cosine_snorm"]),
        ("asnorm_top20", ["--chain", "mean | cosine | as-norm: 20"]),
        ("asnorm_top50", ["--backend", "cosine_asnorm", "--top-n", "50"]),
    ],
)
def test_normalised_scores(backend, name, options):
    table = write_table(backend / "processed.ark", "enroll_spk.ark", "test_proc.ark")
    cohort = write_table(backend / "cohort.ark", "cohort_spk.ark")
    options = [*options, "--backend-dir", backend, "--processed"]
    assert score(backend, name, table, *options, "--cohort", cohort) < 1e-5


def test_processed_vectors_and_speaker_averages_by_the_commands(backend):
    table, processed, means = write_table(backend / "raw.ark", "enroll.ark"), backend / "proc.ark", backend / "spk.ark"
    steps = ["--mean", GOLDEN / "mean.vec", "--transform", GOLDEN / "lda20.mat", "--normalize-length", "true"]
    main(["transform-xvectors", table, str(processed), *map(str, steps)])
    assert worst(read_vectors(backend / "proc.scp")[1], ark("enroll_proc.ark")[1]) < 1e-5
    num_utts = backend / "num_utts"
    main(["mean-xvectors", str(GOLDEN / "enroll_spk2utt"), str(backend / "proc.scp"), str(means), str(num_utts)])
    assert worst(read_vectors(backend / "spk.scp")[1], ark("enroll_spkmean.ark")[1]) < 1e-6
    assert read_map(num_utts) == read_map(GOLDEN / "num_utts.txt")
    main(["transform-xvectors", str(backend / "spk.scp"), str(processed), "--normalize-length=true"])
    assert worst(read_vectors(backend / "proc.scp")[1], ark("enroll_spk.ark")[1]) < 1e-6
    main(["transform-xvectors", table, str(processed), "--normalize-length=true", "--scaleup=false"])
    assert np.allclose(np.linalg.norm(read_vectors(backend / "proc.scp")[1], axis=1), 1)


def test_files_are_written_to_the_byte_as_kaldi_writes_them(tmp_path):
    write_array(tmp_path / "matrix", read_matrix(GOLDEN / "lda20.mat"))
    assert (tmp_path / "matrix").read_bytes() == (GOLDEN / "lda20.mat").read_bytes()
    model = Plda.read(GOLDEN / "plda")
    write_plda(tmp_path / "plda", model.mean, model.transform, model.psi)
    assert (tmp_path / "plda").read_bytes() == (GOLDEN / "plda").read_bytes()


def test_text_and_binary_plda_are_the_same_model():
    text, binary = Plda.read(GOLDEN / "plda.txt"), Plda.read(GOLDEN / "plda")
    assert np.allclose(text.transform, binary.transform, rtol=1e-6, atol=0)
    assert np.allclose(text.psi, binary.psi, rtol=1e-6, atol=0)
