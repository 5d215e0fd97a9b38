"""The back-end where Kaldi has no say: few data, bad input, and scores that depend on their trial alone."""

import logging
import shutil
from pathlib import Path

import kaldiio
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from spkr.backend import plda as plda_module
from spkr.backend import score_norm
from spkr.backend.adapt import adapt_plda
from spkr.backend.lda import compute_lda
from spkr.backend.plda import Plda, train_plda
from spkr.backend.score import Cohort, score_trials, write_scores
from spkr.backend.stats import speaker_stats
from spkr.backend.steps import Backend
from spkr.backend.train import train_backend
from spkr.backend.vectors import average_models, length_normalize, transform_vectors, trial_dots
from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.datadir import read_map, write_map, write_spk2utt
from spkr.kaldi.objects import read_matrix, read_plda, read_vector, write_array, write_plda
from spkr.kaldi.table import TableReader, TableWriter, read_object
from spkr.kaldi.trials import Trials


def embeddings(speakers, utts, dim, seed=0, within=0.5):
    """Gaussian speakers: embeddings (speakers * utts, dim), and whose each is."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(speakers, dim)) + 3
    labels = np.repeat(np.arange(speakers), utts)
    return centres[labels] + within * rng.normal(size=(len(labels), dim)), labels


# ------------------------------------------------------------------------------------------------ files


@pytest.fixture
def model():
    rng = np.random.default_rng(1)
    return Plda(rng.normal(size=5), rng.normal(size=(5, 5)), np.array([8.0, 4, 2, 0.5, 0]))


def test_plda_file_cut_short_anywhere_is_refused_by_name(tmp_path, model):
    model.write(tmp_path / "plda")
    whole = (tmp_path / "plda").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "plda").write_bytes(whole[:length])
        with pytest.raises(InputError, match=f"{tmp_path}/plda: .*make it again"):
            read_plda(tmp_path / "plda")
    (tmp_path / "plda").write_bytes(whole + b"x")
    with pytest.raises(InputError, match="more bytes"):
        read_plda(tmp_path / "plda")


def test_vector_and_matrix_cut_short_anywhere_are_refused(tmp_path):
    for read, array in ((read_vector, np.arange(6.0)), (read_matrix, np.arange(6.0).reshape(2, 3))):
        write_array(tmp_path / "object", array)
        assert np.array_equal(read(tmp_path / "object"), array)
        whole = (tmp_path / "object").read_bytes()
        for length in range(len(whole)):
            (tmp_path / "object").write_bytes(whole[:length])
            with pytest.raises(InputError, match="object: "):
                read(tmp_path / "object")


def test_number_of_another_width_is_refused(tmp_path):
    write_array(tmp_path / "v", np.ones(3))
    data = bytearray((tmp_path / "v").read_bytes())
    data[data.index(b"\x04")] = 8
    (tmp_path / "v").write_bytes(data)
    with pytest.raises(InputError, match="v: "):
        read_vector(tmp_path / "v")


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF....WAVE", b"\xff\xfe\x00", b"PKL", b"<Plda> [ 1 ] [ 1 ] [ 1 ]", b"<Plda> [ 1 2 ] [ 1 ] [ 1 ] </Plda>",
     b"<Plda> [ 1 ] [ 1 ] [ -1 ] </Plda>", b"<Plda> [ nan ] [ 1 ] [ 1 ] </Plda>", b"<Plda> [ ] [ ] [ ] </Plda>"],
)  # fmt: skip
def test_foreign_or_damaged_plda_is_refused(tmp_path, content):
    (tmp_path / "plda").write_bytes(content)
    with pytest.raises(InputError, match=f"{tmp_path}/plda: "):
        read_plda(tmp_path / "plda")


def test_text_objects_are_read_whatever_their_numbers_look_like(tmp_path):
    (tmp_path / "v").write_text(" [ 1 2.5 -3e-07 ]\n")
    assert read_vector(tmp_path / "v").tolist() == [1, 2.5, -3e-07]
    (tmp_path / "m").write_text(" [\n  1 2 \n  3 4.25 ]\n")
    assert read_matrix(tmp_path / "m").tolist() == [[1, 2], [3, 4.25]]
    (tmp_path / "m1").write_text(" [\n  1 2 ]\n")
    assert read_matrix(tmp_path / "m1").shape == (1, 2)
    (tmp_path / "p").write_text("<Plda>  [ 1 2 ]\n [\n  1 0 \n  0 1 ]\n [ 3 1 ]\n</Plda> ")
    assert read_plda(tmp_path / "p")[2].tolist() == [3, 1]
    for name, read in (("m", read_vector), ("p", read_matrix), ("v", read_plda), ("none", read_vector)):
        with pytest.raises(InputError, match=f"{tmp_path}/{name}: "):
            read(tmp_path / name)


def test_kaldiio_reads_what_is_written(tmp_path):
    array = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    write_array(tmp_path / "m", array)
    assert np.array_equal(kaldiio.load_mat(str(tmp_path / "m")), array)


# ------------------------------------------------------------------------------------------------ vectors


def test_length_normalisation_leaves_zero_vectors_and_says_so(caplog):
    unit = length_normalize(np.array([[3.0, 4], [0, 0]]), scaleup=False)
    assert np.allclose(unit[0], [0.6, 0.8]) and unit[1].tolist() == [0, 0]
    assert "1 of 2 vectors are zero" in caplog.text
    assert np.allclose(length_normalize(np.array([[3.0, 4]])), np.array([[0.6, 0.8]]) * np.sqrt(2))


def test_transform_with_and_without_offset_column():
    x, A, b = np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 1], [0, 2], [5, 0]]), np.array([10.0, 20, 30])
    assert transform_vectors(x, A).tolist() == (x @ A.T).tolist()
    assert transform_vectors(x, np.column_stack([A, b])).tolist() == (x @ A.T + b).tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_do_not_depend_on_their_neighbours_to_the_last_bit(dtype):
    rng = np.random.default_rng(0)
    x, A = rng.normal(size=(700, 150)).astype(dtype), rng.normal(size=(40, 151)).astype(dtype)
    y = transform_vectors(x, A)
    i, j = rng.integers(0, 700, (2, 2000))
    dots = trial_dots(x, x, i, j)
    for k in range(0, 700, 23):
        assert np.array_equal(transform_vectors(x[k : k + 1], A)[0], y[k])
        assert np.array_equal(transform_vectors(x[k : k + 7], A)[0], y[k])
        assert trial_dots(x[i[k]][None], x[j[k]][None], np.array([0]), np.array([0]))[0] == dots[k]
        assert np.array_equal(trial_dots(x, x, i[k:], j[k:]), dots[k:])


def test_models_are_averages_with_their_counts():
    averages, num_utts = average_models([["a", "b"], ["b"]], {"a": 0, "b": 1}, np.float32([[1, 2], [3, 6]]))
    assert averages.tolist() == [[2, 4], [3, 6]]
    assert num_utts.tolist() == [2, 1]


# ------------------------------------------------------------------------------------------------ LDA


def test_lda_offset_takes_the_mean_away():
    x, speakers = embeddings(20, 6, 5)
    lda = compute_lda(speaker_stats(x, speakers), 3)
    assert np.abs(transform_vectors(x, lda).mean(axis=0)).max() < 1e-12
    centred = compute_lda(speaker_stats(x - x.mean(axis=0), speakers), 3)
    assert np.allclose(np.abs(lda[:, :-1]), np.abs(centred[:, :-1]))


def test_lda_whitens_within_and_orders_by_what_tells_speakers_apart():
    x, speakers = embeddings(20, 6, 5)
    stats = speaker_stats(x, speakers)
    after = stats.project(compute_lda(stats, 5)[:, :-1])
    assert np.allclose(after.offset_scatter / after.num_utts, np.eye(5))
    assert (np.diff(after.means.var(axis=0)) < 0).all()


def test_small_covariances_are_raised_to_the_floor_and_it_is_said(caplog):
    caplog.set_level(logging.INFO)
    x, speakers = embeddings(20, 6, 5)
    stats = speaker_stats(x * [1, 1, 1, 1, 1e-3], speakers)
    after = stats.project(compute_lda(stats, 5, covariance_floor=1e-2)[:, :-1])
    within = np.linalg.eigvalsh(after.offset_scatter / after.num_utts)
    assert within[0] < 1e-3 and np.allclose(within[1:], 1)
    assert "1 of 5 eigenvalues raised to 0.01 of the largest" in caplog.text


def test_order_of_utterances_does_not_matter():
    x, speakers = embeddings(10, 4, 6)
    shuffled = np.random.default_rng(2).permutation(len(x))
    a, b = speaker_stats(x, speakers), speaker_stats(x[shuffled], speakers[shuffled])
    assert np.allclose(a.means, b.means) and np.allclose(a.offset_scatter, b.offset_scatter)


def test_lda_dimension_is_capped_and_the_cap_is_said(caplog):
    caplog.set_level(logging.INFO)
    x, speakers = embeddings(5, 20, 10)
    assert compute_lda(speaker_stats(x, speakers), 8).shape == (4, 11)
    assert "LDA to 4 dimensions, not 8: 5 speakers" in caplog.text
    assert "PCA" not in caplog.text


@pytest.mark.parametrize("dim", [60, 75, 200])
def test_fewer_utterances_than_dimensions_bring_a_pca_that_is_said(caplog, dim):
    caplog.set_level(logging.INFO)
    x, speakers = embeddings(20, 4, dim)  # 80 utterances show 60 directions within speakers
    lda = compute_lda(speaker_stats(x, speakers), 10)
    assert lda.shape == (10, dim + 1)
    assert (f"PCA from {dim} to 30 dimensions" in caplog.text) == (dim > 60)
    if dim > 60:
        y = transform_vectors(x, lda)
        within = y - np.stack([y[speakers == s].mean(axis=0) for s in range(20)])[speakers]
        assert np.allclose(within.T @ within / len(x), np.eye(10))


def test_pca_helps_new_speakers_where_utterances_are_few():
    x, speakers = embeddings(30, 6, 160, within=1.5)
    new, whose = embeddings(30, 6, 160, seed=5, within=1.5)
    stats = speaker_stats(x, speakers)

    def separation(pca_dim):
        y = length_normalize(transform_vectors(new, compute_lda(stats, 29, pca_dim=pca_dim)), scaleup=False)
        same, pairs = whose[:, None] == whose, ~np.eye(len(new), dtype=bool)
        target, other = (y @ y.T)[same & pairs], (y @ y.T)[~same]
        return (target.mean() - other.mean()) / np.sqrt(target.var() + other.var())

    assert separation(None) > 1.1 * max(separation(150), separation(179))


def test_dimensions_that_carry_nothing_change_nothing(caplog):
    caplog.set_level(logging.INFO)
    x, speakers = embeddings(10, 30, 6)
    padded = np.column_stack([x, x[:, :2] + x[:, 2:4], np.zeros(len(x))])
    plain = transform_vectors(x, compute_lda(speaker_stats(x, speakers), 4))
    y = transform_vectors(padded, compute_lda(speaker_stats(padded, speakers), 4))
    assert "PCA from 9 to 6 dimensions" in caplog.text
    assert np.allclose(np.abs(y), np.abs(plain))


@pytest.mark.parametrize(
    "speakers, message",
    [(["a"] * 6, "6 training utterances of 1 speakers"), (list("abcdef"), "no two of the same one")],
)
def test_speakers_that_teach_nothing_are_refused(speakers, message):
    with pytest.raises(InputError, match=message):
        speaker_stats(np.random.default_rng(0).normal(size=(6, 3)), speakers)


def test_lda_refuses_what_it_cannot_do():
    x, speakers = embeddings(5, 4, 3)
    with pytest.raises(InputError, match="all alike"):
        compute_lda(speaker_stats(x[::4][speakers], speakers), 2)
    for dims in ((0, None), (2, 0)):
        with pytest.raises(InputError, match="at least 1"):
            compute_lda(speaker_stats(x, speakers), dims[0], pca_dim=dims[1])


# ------------------------------------------------------------------------------------------------ PLDA


def test_plda_finds_the_covariances_that_made_the_data():
    rng = np.random.default_rng(0)
    within, between, mean = np.diag([1.0, 4, 0.25]), np.array([[4.0, 1, 0], [1, 1, 0], [0, 0, 2]]), np.array([1, 2, 3])
    counts = rng.integers(1, 9, 4000)
    speakers = np.repeat(np.arange(4000), counts)
    y = rng.multivariate_normal(mean, between, 4000)
    model = train_plda(
        speaker_stats(y[speakers] + rng.multivariate_normal(np.zeros(3), within, len(speakers)), speakers)
    )
    back = np.linalg.inv(model.transform)
    assert np.allclose(back @ back.T, within, rtol=0.05, atol=0.05)
    assert np.allclose(back @ np.diag(model.psi) @ back.T, between, atol=0.15)
    assert np.allclose(model.mean, mean, atol=0.1)


def test_objective_rises_to_the_likelihood_and_a_fall_is_said(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    x, speakers = embeddings(30, 5, 8)
    train_plda(speaker_stats(x, speakers), 10)
    values = [float(record.message.split()[2]) for record in caplog.records]
    assert len(values) == 10 and (np.diff(values) >= 0).all() and values[-1] > values[0] + 0.3
    falling = iter([-1.0, -2.0])
    monkeypatch.setattr(plda_module, "_objective", lambda *_: next(falling))
    train_plda(speaker_stats(x, speakers), 1)
    assert "the objective fell from -1 to -2" in caplog.text


def test_tiny_negative_eigenvalue_is_floored_and_said(caplog):
    T, psi = plda_module.diagonalize(np.eye(3), np.diag([2.0, 1, -1e-15]))
    assert psi.tolist() == [2, 1, 0] and "raised to 0" in caplog.text
    assert np.allclose(np.abs(T), np.eye(3))


def test_plda_needs_more_utterances_than_dimensions():
    x, speakers = embeddings(3, 2, 6)
    with pytest.raises(InputError, match="6 dimensions from 6 utterances"):
        train_plda(speaker_stats(x, speakers))


@pytest.mark.parametrize("n, m", [(1, 1), (3, 1), (2, 5)])
def test_llr_is_that_of_the_two_gaussians(n, m):
    rng = np.random.default_rng(3)
    psi = np.array([5.0, 1, 0.1, 0])
    model = Plda(np.zeros(4), np.eye(4), psi)
    u, v = rng.normal(size=(2, 1, 4)) * 2
    cov = np.block([[np.diag(psi + 1 / n), np.diag(psi)], [np.diag(psi), np.diag(psi + 1 / m)]])
    apart = np.diag(np.diag(cov))
    joint = np.concatenate([u[0], v[0]])
    expected = multivariate_normal.logpdf(joint, cov=cov) - multivariate_normal.logpdf(joint, cov=apart)
    zero = np.array([0])
    llr = model.log_likelihood_ratio(u, np.array([n]), v, np.array([m]), zero, zero)
    assert llr[0] == pytest.approx(expected, rel=1e-12)
    swapped = model.log_likelihood_ratio(v, np.array([m]), u, np.array([n]), zero, zero)
    assert swapped[0] == pytest.approx(expected, rel=1e-12)


# ------------------------------------------------------------------------------------------------ commands


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """Tables of training and test embeddings, a back-end trained on the first, models and trials on the second."""
    monkeypatch.chdir(tmp_path)
    for name, seed, count in (("train", 0, 20), ("test", 9, 8)):
        x, speakers = embeddings(count, 6, 12, seed)
        keys = [f"s{s:02d}-u{k % 6}" for k, s in enumerate(speakers)]
        with TableWriter(f"{name}.ark") as table:
            for key, vector in zip(keys, x, strict=True):
                table[key] = vector
        write_map(f"{name}.utt2spk", {key: key[:3] for key in keys})
    write_spk2utt("models", {f"m{s}": [f"s{s:02d}-u{k}" for k in range(1 + s % 4)] for s in range(8)})
    train_backend(["train.scp"], ["train.utt2spk"], "backend", lda_dim=6)
    return tmp_path


def score(backend="plda", trials="trials", out="out", models="models", scps=("test.scp",), folder="backend", **options):
    score_trials(Backend.read(backend, folder), trials, scps, out, models_path=models, **options)
    return open(out).read().splitlines(keepends=True)  # noqa: SIM115, PTH123


def write_trials_of(pairs, path="trials"):
    with open(path, "w") as f:  # noqa: PTH123
        f.writelines(f"{a} {b}\n" for a, b in pairs)


NAMES = [f"m{s}" for s in range(8)] + [f"s{s:02d}-u{k}" for s in range(8) for k in range(6)]


@pytest.mark.parametrize("backend", ["cosine", "lda_cosine", "plda"])
def test_score_of_a_trial_alone_is_its_score_in_a_list_to_the_byte(corpus, backend):
    pairs = [(a, b) for a in NAMES for b in NAMES]  # models and utterances, on both sides
    write_trials_of(pairs)
    lines = score(backend)
    assert [tuple(line.split()[:2]) for line in lines] == pairs
    for k in range(0, len(pairs), 101):
        write_trials_of([pairs[k]], "one")
        assert score(backend, "one", "one.out") == [lines[k]]
    write_trials_of(pairs[::-1], "reversed")
    assert score(backend, "reversed", "reversed.out") == lines[::-1]
    same = np.array([a.lstrip("ms0")[:1] == b.lstrip("ms0")[:1] for a, b in pairs])
    values = np.array([float(line.split()[2]) for line in lines])
    assert values[same].mean() > values[~same].mean() + values[~same].std()


def test_cosine_of_a_model_is_that_of_its_centred_average(corpus):
    write_trials_of([("m2", "s05-u1")])
    table = kaldiio.load_scp("test.scp")
    mean = read_vector("backend/mean.vec")
    u = np.mean([table[f"s02-u{k}"] for k in range(3)], axis=0) - mean
    v = table["s05-u1"] - mean
    assert float(score("cosine")[0].split()[2]) == pytest.approx(u @ v / np.sqrt((u @ u) * (v @ v)), abs=1e-6)


def test_plda_score_of_a_model_knows_its_number_of_utterances(corpus):
    write_trials_of([("m3", "s03-u5"), ("s03-u5", "m2")])
    table, mean, lda = (
        kaldiio.load_scp("test.scp"),
        read_vector("backend/mean.vec"),
        read_matrix("backend/transform.mat"),
    )
    names = [["s03-u0", "s03-u1", "s03-u2", "s03-u3"], ["s03-u5"], ["s02-u0", "s02-u1", "s02-u2"]]
    raw = np.stack([np.mean([table[utt] for utt in utts], axis=0) for utts in names])
    n = np.array([4, 1, 3])
    model = Plda.read("backend/plda")
    processed = length_normalize(transform_vectors(raw - mean.astype(np.float32), lda.astype(np.float32)))
    u = model.transform_embedding(processed, n)
    expected = model.log_likelihood_ratio(u, n, u, n, np.array([0, 1]), np.array([1, 2]))
    assert [float(line.split()[2]) for line in score()] == pytest.approx(expected.tolist(), rel=1e-6)


@pytest.mark.parametrize(
    "pairs, models, message",
    [
        ([("m1", "s00-u0"), ("m1", "nobody")], "models", r"trials:2: 'nobody' is not a model of models or an utt"),
        ([("m1", "s00-u0")], None, r"trials:1: 'm1' is not an utterance"),
        ([("mx", "s00-u0")], "more", r"more:2: 's00-u9' of model 'mx'"),
    ],
)
def test_unknown_names_are_refused_with_their_line(corpus, pairs, models, message):
    write_trials_of(pairs)
    write_spk2utt("more", {"ma": ["s00-u0"], "mx": ["s00-u1", "s00-u9"]})
    with pytest.raises(InputError, match=message):
        score(models=models)
    assert not (corpus / "out").exists()


def test_parts_that_do_not_fit_are_refused(corpus):
    write_trials_of([("m1", "s00-u0")])
    for folder in ("short", "narrow", "small", "without"):
        shutil.copytree("backend", folder)
    write_array("short/mean.vec", np.ones(11))
    write_array("narrow/transform.mat", np.ones((6, 20)))
    write_plda("small/plda", np.zeros(2), np.eye(2), np.ones(2))
    Path("without/plda").unlink()
    for backend, folder, message in [
        ("cosine", "short", "embeddings of 12 dimensions for a back-end of 11"),
        ("lda_cosine", "narrow", "narrow/transform.mat: takes 20 columns; expected the 12"),
        ("plda", "small", "small/plda: 2 dimensions; expected 6"),
        ("plda", "without", "without/plda: no such file"),
        ("pdla", "backend", "back-end 'pdla'; expected one of cosine, lda_cosine, plda"),
    ]:
        with pytest.raises(InputError, match=message):
            score(backend, folder=folder)
    with pytest.raises(InputError, match="'s00-u0' is in test.scp, too"):
        score(scps=["test.scp", "train.scp"])
    with pytest.raises(InputError, match="smoothing -0.1"):
        Backend.read("plda", "backend", smoothing=-0.1)


def test_embedding_of_another_dimension_is_refused_by_place(corpus):
    with TableWriter("odd.ark") as table:
        for key, dim in (("a", 12), ("b", 12), ("c", 13)):
            table[key] = np.ones(dim)
    write_trials_of([("a", "b"), ("a", "c")])
    with pytest.raises(InputError, match=r"odd.ark:\d+: the embedding of c has shape \(13,\); .* 12 .* first one, a"):
        score("cosine", models=None, scps=["odd.scp"])


def test_plda_cut_short_is_refused_before_scoring(corpus):
    whole = Path("backend/plda").read_bytes()
    Path("backend/plda").write_bytes(whole[:-20])
    write_trials_of([("m1", "s00-u0")])
    with pytest.raises(InputError, match="backend/plda: cut short"):
        score()


def test_number_of_scores_is_that_of_the_list(tmp_path):
    with pytest.raises(InputError, match="3 scores for 4 trials"):
        write_scores(tmp_path / "s", Trials.of("abcd", "wxyz", None), np.zeros(3))
    assert not (tmp_path / "s").exists()


def test_scores_are_seven_digits_of_a_float32_and_finite(tmp_path):
    trials = Trials.of("abcd", "wxyz", None)
    write_scores(tmp_path / "s", trials, np.array([-10.17460001, 1e-9 / 3, 123456789.0, 9.2739234]))
    assert (tmp_path / "s").read_text() == "a w -10.1746\nb x 3.333333e-10\nc y 1.234568e+08\nd z 9.273924\n"
    with pytest.raises(InputError, match="trial b x has the score nan"):
        write_scores(tmp_path / "t", trials, np.array([1, np.nan, 2, 3]))
    assert not (tmp_path / "t").exists()


def test_training_again_gives_the_same_bytes(corpus):
    train_backend(["train.scp"], ["train.utt2spk"], "again", lda_dim=6)
    for name in ("mean.vec", "transform.mat", "plda"):
        assert (corpus / "again" / name).read_bytes() == (corpus / "backend" / name).read_bytes()


def test_speakers_of_few_utterances_are_left_out_and_counted(corpus, caplog):
    caplog.set_level(logging.INFO)
    utt2spk = {f"s{s:02d}-u{k}": f"s{s:02d}" for s in range(20) for k in range(6)}
    utt2spk |= {f"s{s:02d}-u{k}": f"s{s:02d}-{k}" for s in range(3) for k in range(2)}
    write_map("few", utt2spk)
    train_backend(["train.scp"], ["few"], "filtered", lda_dim=6, min_utts_per_speaker=4)
    assert "learning from 114 of 120 utterances and 20 of 26 speakers" in caplog.text
    assert "from 114 utterances of 20 speakers" in caplog.text
    with pytest.raises(InputError, match="0 of 26 speakers are left to learn from"):
        train_backend(["train.scp"], ["few"], "none", lda_dim=6, min_utts_per_speaker=7)


def test_training_refuses_before_the_work(corpus):
    write_map("one", {f"s{s:02d}-u{k}": "s" for s in range(20) for k in range(6)})
    write_map("own", {f"s{s:02d}-u{k}": f"s{s:02d}-u{k}" for s in range(20) for k in range(6)})
    write_map("fewer", {f"s{s:02d}-u{k}": f"s{s:02d}" for s in range(20) for k in range(5)})
    for name, message in (("one", "one: 120 .* of 1 speakers"), ("own", "own: .*no two of the same"),
                          ("fewer", "20 entries that fewer does not have, first 's00-u5'")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            train_backend(["train.scp"], [name], "nothing", lda_dim=6)
    assert not (corpus / "nothing").exists()


def test_fewer_embeddings_than_dimensions_train_and_score(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, speakers = embeddings(12, 4, 64)
    with TableWriter("train.ark") as table:
        for k, vector in enumerate(x):
            table[f"s{speakers[k]:02d}-{k % 4}"] = vector
    write_map("utt2spk", {f"s{s:02d}-{k}": f"s{s:02d}" for s in range(12) for k in range(4)})
    train_backend(["train.scp"], ["utt2spk"], "backend", lda_dim=200)
    assert read_matrix("backend/transform.mat").shape == (11, 65)
    write_trials_of([("s00-0", "s00-1"), ("s00-0", "s01-1")])
    same, other = (float(line.split()[2]) for line in score(models=None, scps=["train.scp"]))
    assert same > 0 > other


# ------------------------------------------------------------------------------------------------ options


def test_numbers_of_utterances_come_from_a_file_or_are_ignored(corpus):
    write_trials_of([(f"m{s}", "s00-u0") for s in range(8)])
    main(["mean-xvectors", "models", "test.scp", "means.ark", "num_utts"])
    with TableWriter("alone.ark") as table:
        table["s00-u0"] = read_object(read_map("test.scp")["s00-u0"], "s00-u0")
    averages = {"models": None, "scps": ["means.scp", "alone.scp"]}
    assert score(**averages, num_utts_path="num_utts") == score()
    assert score(**averages) == score(ignore_num_utts=True) != score()
    for wrong in ("0", "-1", "x"):
        write_map("wrong", {"m1": wrong})
        with pytest.raises(InputError, match=f"wrong: m1 has '{wrong}'; expected a number of utterances"):
            score(num_utts_path="wrong")


@pytest.mark.parametrize("backend", ["cosine", "lda_cosine", "plda"])
def test_processed_embeddings_score_as_raw_ones(corpus, backend):
    write_trials_of([(a, b) for a in NAMES[8:] for b in NAMES[8:20]])
    steps = ["--mean", "backend/mean.vec", "--normalize-length", "true"]
    steps += [] if backend == "cosine" else ["--transform", "backend/transform.mat"]
    main(["transform-xvectors", "test.scp", "processed.ark", *steps])
    main(["score", "trials", "out", "--backend", backend, "--backend-dir", "backend", "--xvectors", "processed.scp",
          "--processed"])  # fmt: skip
    lines = Path("out").read_text().splitlines()
    ours, whole = ([float(line.split()[2]) for line in of] for of in (lines, score(backend)))
    assert np.allclose(ours, whole, atol=2e-5)


def test_a_back_end_is_adapted_with_its_mean(corpus):
    scales = ["--within-covar-scale", "0.75", "--between-covar-scale", "0.25"]
    main(["adapt-backend", "backend", "test.scp", "adapted", *scales])
    main(["transform-xvectors", "test.scp", "processed.ark", "--mean", "adapted/mean.vec", "--transform",
          "backend/transform.mat", "--normalize-length", "true"])  # fmt: skip
    main(["adapt-plda", "backend/plda", "processed.scp", "plda", *scales])
    vectors = np.stack(list(TableReader("test.scp").values()))
    assert np.allclose(read_vector("adapted/mean.vec"), vectors.mean(axis=0), atol=1e-5)
    assert Path("adapted/transform.mat").read_bytes() == Path("backend/transform.mat").read_bytes()
    ours, steps = Plda.read("adapted/plda"), Plda.read("plda")
    assert np.allclose(ours.psi, steps.psi, atol=1e-5)
    assert not np.allclose(ours.psi, Plda.read("backend/plda").psi, atol=1e-2)


def test_smoothing_adds_between_to_within(model):
    smooth, back = model.smooth(0.3), np.linalg.inv(model.transform)
    within, between = back @ back.T, back @ np.diag(model.psi) @ back.T
    T = smooth.transform
    assert np.allclose(T @ (within + 0.3 * between) @ T.T, np.eye(5))
    assert np.allclose(T @ between @ T.T, np.diag(smooth.psi))


def test_adaptation_to_the_same_domain_changes_little_and_never_shrinks(model, caplog):
    caplog.set_level(logging.INFO)
    back = np.linalg.inv(model.transform)
    rng = np.random.default_rng(0)

    def draw(scale):
        return model.mean + scale * rng.normal(size=(50000, 5)) * np.sqrt(1 + model.psi) @ back.T

    def total(plda):
        back = np.linalg.inv(plda.transform)
        return back @ np.diag(1 + plda.psi) @ back.T

    assert np.allclose(total(adapt_plda(model, draw(0.5))), total(model))
    assert "0 of 5 dimensions vary more" in caplog.text
    assert np.allclose(total(adapt_plda(model, draw(2), 0.4, 0.6)), 4 * total(model), rtol=0.03, atol=0.1)
    assert np.allclose(adapt_plda(model, draw(1)).psi, model.psi, rtol=0.05, atol=0.05)
    for vectors in (np.ones((9, 4)), np.ones((1, 5))):
        with pytest.raises(InputError, match="to adapt a PLDA model of dimension 5"):
            adapt_plda(model, vectors)


def test_plda_of_dimensions_that_do_not_vary_is_refused():
    with pytest.raises(InputError, match="no speaker varies in some of 3 dimensions"):
        plda_module.diagonalize(np.diag([1.0, 2, 0]), np.eye(3))


# ------------------------------------------------------------------------------------------------ normalisation


def normalised(scores, i, j, cohort_scores, top):
    """Equation by equation."""
    out = []
    for score, a, b in zip(scores, i, j, strict=True):
        sides = [sorted(cohort_scores[side])[-top:] for side in (a, b)]
        out.append(sum((score - np.mean(side)) / np.std(side) for side in sides) / 2)
    return out


@pytest.mark.parametrize("top", [None, 7])
@pytest.mark.parametrize("held", [1, 1_000_000])
def test_score_norm_is_its_definition_whatever_is_held_at_a_time(monkeypatch, top, held):
    monkeypatch.setattr(score_norm, "SCORES", held)
    rng = np.random.default_rng(0)
    table, (i, j), scores = rng.normal(size=(9, 20)), rng.integers(0, 9, (2, 50)), rng.normal(size=50)
    mean, std = score_norm.cohort_statistics("abcdefghi", 20, lambda a, b: table[a, b], top)
    expected = normalised(scores, i, j, table, top or 20)
    assert np.allclose(score_norm.normalize_scores(scores, mean, std, i, j), expected)


@pytest.mark.parametrize("backend", ["cosine", "plda"])
def test_normalised_scores_by_the_command_know_averages_of_the_cohort(corpus, backend):
    pairs = [(a, b) for a in NAMES for b in NAMES[8:]]
    write_trials_of(pairs)
    write_spk2utt("cohort", {f"s{s:02d}": [f"s{s:02d}-u{k}" for k in range(6)] for s in range(20)})
    plain = [float(line.split()[2]) for line in score(backend)]
    main(["score", "trials", "out", "--backend", backend, "--backend-dir", "backend", "--xvectors", "test.scp",
          "--models", "models", "--score-norm", "as-norm", "--cohort", "train.scp", "--cohort-models", "cohort",
          "--top-n", "5"])  # fmt: skip
    lines = Path("out").read_text().splitlines(keepends=True)
    averages = [f"s{s:02d}" for s in range(20)]
    main(["mean-xvectors", "cohort", "train.scp", "averages.ark", "num_utts"])
    write_trials_of([(a, b) for a in NAMES for b in averages], "with_cohort")
    for name, scp in (("test", "test.scp"), ("cohort", "averages.scp")):
        with TableWriter(f"{name}_renamed.ark") as table:
            for key, where in read_map(scp).items():
                table[key] = read_object(where, key)
    against = score(backend, "with_cohort", scps=["test_renamed.scp", "cohort_renamed.scp"], num_utts_path="num_utts")
    table = dict(zip(NAMES, np.array([float(line.split()[2]) for line in against]).reshape(-1, 20), strict=True))
    expected = normalised(plain, *zip(*pairs, strict=True), table, 5)
    assert np.allclose([float(line.split()[2]) for line in lines], expected, rtol=1e-4, atol=1e-4)
    write_trials_of(pairs[77:78], "one")
    cohort = Cohort("as-norm", "train.scp", "cohort", 5)
    assert score(backend, "one", cohort=cohort) == lines[77:78]


def test_cohorts_that_cannot_serve_are_refused(corpus):
    write_trials_of([("m1", "s00-u0")])
    for method, top_n in (("as-norm", None), ("s-norm", 3), ("asnorm", 3)):
        with pytest.raises(InputError, match=f"score normalisation '{method}' with top_n {top_n}"):
            Cohort(method, "train.scp", None, top_n)
    with pytest.raises(InputError, match="top_n 121 of a cohort of 120"):
        score(cohort=Cohort("as-norm", "train.scp", None, 121))
    with pytest.raises(InputError, match="the cohort scores of a are all alike"):
        score_norm.cohort_statistics("ab", 3, lambda i, j: i * j / 2, None)
    write_spk2utt("cohort", {"s00": ["s00-u0"], "s01": ["s01-u9"]})
    with pytest.raises(InputError, match="cohort:2: 's01-u9' of model 's01' has no embedding"):
        score(cohort=Cohort("s-norm", "train.scp", "cohort"))
