import io

import kaldiio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from kaldiio.matio import read_kaldi

from spkr.kaldi.cursor import Cursor
from spkr.kaldi.objects import encode, read_array
from spkr.kaldi.table import TableWriter
from tests.one_entry import read_object

RNG = np.random.default_rng(1)
MATRIX = RNG.normal(size=(40, 5)).astype(np.float32)
RANGES = {4: (-32768, 32767), 6: (0, 255), 7: (0, 1)}  # of the methods that do not take the matrix'

repeatable = settings(deadline=None, derandomize=True)  # the same examples in every run, and no limit of time on each
coefficients = st.integers(-(2**20), 2**20).map(lambda k: k / 2**10)
matrices = arrays.arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 5)), elements=coefficients)


def step(x, method):
    """The quantisation step of a matrix' values: (rows, cols), or a number."""
    span = np.ptp(x) or 1 + abs(x[0, 0])
    if method == 3 or (method == 1 and len(x) <= 8):
        return span / 65535
    if method > 2:
        return {4: 1, 5: span / 255, 6: 1, 7: 1 / 255}[method]
    rows, quarter = len(x), len(x) // 4
    ranks = (0, quarter, 3 * quarter, rows - 1) if rows > 4 else range(rows)
    quantiles = np.sort(x, axis=0)[ranks, :]
    widths = np.diff(quantiles, axis=0)
    at = np.sum(x[None] >= quantiles[1:-1, None], axis=0)  # the piece of each value
    sizes = widths[at, np.arange(x.shape[1])] if len(widths) else 0
    return 4 * span / 65535 + sizes / np.array((64, 128, 63))[at]


@pytest.mark.parametrize("method", range(1, 8))
@repeatable
@given(x=matrices)
def test_compression_errs_by_a_step_at_most_and_kaldiio_agrees(method, x):
    data = encode(x, method)
    value = read_array(at := Cursor(data))
    assert at.position == len(data)
    assert value.shape == x.shape and value.dtype == np.float32
    rounding = 1e-6 * np.abs(x).max() + 0.004 * (method == 4)  # of float32, at 32768
    assert (np.abs(value - np.clip(x, *RANGES.get(method, (None, None)))) <= step(x, method) + rounding).all()
    assert np.allclose(value, read_kaldi(io.BytesIO(data)), rtol=1e-5, atol=rounding)


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_constant_column_is_compressed_at_either_end(edge):
    x = np.stack([np.linspace(0, 1, 20), np.full(20, edge)], axis=1, dtype=np.float32)
    assert np.abs(read_array(Cursor(encode(x, 2))) - x).max() < 0.01


@pytest.mark.filterwarnings("error")
def test_small_differences_of_large_values_are_compressed_without_a_warning():
    x = np.float32(1e6) + RNG.random((20, 3), np.float32)
    assert np.abs(read_array(Cursor(encode(x, 2))) - x).max() < 0.2  # float32 has steps of 0.06 there


def test_compressed_table_takes_a_byte_a_value_and_vectors_stay_as_they_are(tmp_path):
    with TableWriter(tmp_path / "x.ark", compress=True) as table:
        table["a"] = RNG.normal(size=(500, 40))
        table["b"] = MATRIX[0]
    size = (tmp_path / "x.ark").stat().st_size
    assert size < 1.1 * 500 * 40
    assert np.array_equal(read_object(f"{tmp_path}/x.ark:{size - 4 * 5 - 10}", "b"), MATRIX[0])


@pytest.mark.parametrize("method", [None, 1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("rows", [5, 40])
def test_reads_what_kaldiio_writes(tmp_path, method, rows):
    x = np.abs(MATRIX[:rows] % 1)
    kaldiio.save_ark(str(tmp_path / "x.ark"), {"utt": x}, compression_method=method)
    assert np.allclose(read_object(f"{tmp_path}/x.ark:4", "utt"), kaldiio.load_mat(f"{tmp_path}/x.ark:4"), atol=1e-6)
