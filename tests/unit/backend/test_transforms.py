import numpy as np
import pytest

from spkr.backend.transforms import average_models, length_normalize, transform_vectors, trial_dots


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
