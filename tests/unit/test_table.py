import pickle
import struct

import kaldiio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from spkr.errors import InputError
from spkr.kaldi.datadir import read_map
from spkr.kaldi.table import TableWriter, read_object, read_table, read_vectors

RNG = np.random.default_rng(1)
MATRIX = RNG.normal(size=(40, 5)).astype(np.float32)
VECTOR = RNG.normal(size=7).astype(np.float32)

# The same examples in every run, and no limit of time on each.
repeatable = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
coefficients = st.integers(-(2**20), 2**20).map(lambda k: k / 2**10)
shapes = arrays.array_shapes(min_dims=1, max_dims=2, max_side=30)
matrix_shapes = arrays.array_shapes(min_dims=2, max_dims=2, max_side=30)


def write(ark, values, compress=False):
    with TableWriter(ark, compress) as table:
        for key, value in values.items():
            table[key] = value
    return read_map(ark.with_suffix(".scp"))


@repeatable
@given(values=st.lists(arrays.arrays(np.float32, shapes, elements=floats), min_size=1, max_size=4))
def test_what_is_written_is_read_back_and_by_kaldiio(tmp_path_factory, values):
    ark = tmp_path_factory.mktemp("table") / "x.ark"
    written = {f"utt{k}é": value for k, value in enumerate(values)}
    places = write(ark, written)
    for read in (dict(read_table(ark.with_suffix(".scp"))), dict(kaldiio.load_ark(str(ark)))):
        assert list(read) == list(written)
        for key, value in written.items():
            assert read[key].dtype == np.float32
            assert np.array_equal(read[key], value)
    assert np.array_equal(kaldiio.load_mat(places["utt0é"]), values[0])


@repeatable
@given(matrix=arrays.arrays(np.float32, matrix_shapes, elements=coefficients))
def test_compression_errs_by_a_step_at_most(tmp_path_factory, matrix):
    ark = tmp_path_factory.mktemp("table") / "x.ark"
    value = read_object(write(ark, {"utt": matrix}, compress=True)["utt"])
    assert value.shape == matrix.shape
    step16 = (np.ptp(matrix) or 1 + abs(matrix[0, 0])) / 65535
    quarters = np.ptp(np.sort(matrix, axis=0)[(0, len(matrix) // 4, 3 * (len(matrix) // 4), -1), :], axis=0)
    step = 2 * step16 + (quarters / 63 if len(matrix) > 8 else 0)
    assert (np.abs(value - matrix) <= step + 1e-6 * np.abs(matrix).max()).all()
    assert np.allclose(value, kaldiio.load_mat(f"{ark}:4"), rtol=1e-5, atol=1e-6 * np.abs(matrix).max())


def test_compressed_table_takes_a_byte_a_value_and_vectors_stay_as_they_are(tmp_path):
    matrix = RNG.normal(size=(500, 40)).astype(np.float32)
    places = write(tmp_path / "x.ark", {"a": matrix, "b": VECTOR}, compress=True)
    assert (tmp_path / "x.ark").stat().st_size < 1.1 * matrix.size
    assert np.array_equal(read_object(places["b"]), VECTOR)


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_constant_column_is_compressed_at_either_end(tmp_path, edge):
    matrix = np.stack([np.linspace(0, 1, 20), np.full(20, edge)], axis=1, dtype=np.float32)
    assert np.abs(read_object(write(tmp_path / "x.ark", {"a": matrix}, compress=True)["a"]) - matrix).max() < 0.01


@pytest.mark.parametrize("method", [None, 1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("rows", [5, 40])
def test_reads_what_kaldiio_writes(tmp_path, method, rows):
    matrix = np.abs(MATRIX[:rows] % 1)
    kaldiio.save_ark(str(tmp_path / "x.ark"), {"utt": matrix}, compression_method=method)
    assert np.allclose(read_object(f"{tmp_path}/x.ark:4"), kaldiio.load_mat(f"{tmp_path}/x.ark:4"), atol=1e-6)


@pytest.mark.parametrize("value", [MATRIX.astype(np.float64), VECTOR.astype(np.float64)])
def test_double_precision_is_read_as_single(tmp_path, value):
    kaldiio.save_ark(str(tmp_path / "x.ark"), {"utt": value})
    read = read_object(f"{tmp_path}/x.ark:4")
    assert read.dtype == np.float32
    assert np.array_equal(read, value.astype(np.float32))


def test_paths_are_relative_to_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with TableWriter("sub/x.ark") as table:
        table["a"] = VECTOR
        table["b"] = MATRIX
    lines = (tmp_path / "sub/x.scp").read_text().splitlines()
    assert lines[0] == "a sub/x.ark:2"
    assert [key for key, _ in read_table("sub/x.scp")] == ["a", "b"]
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    with pytest.raises(InputError, match=r"sub/x.ark:2: no such file \(entry 'a'\)"):
        list(read_table("../sub/x.scp"))


@pytest.mark.parametrize(
    "second, value, message",
    [
        ("a", VECTOR, "key 'a' after 'b'; keys must be sorted and unique"),
        ("b", VECTOR, "key 'b' after 'b'"),
        ("c", np.array([1, np.nan]), "c has a value that is not a number or not finite"),
        ("c", np.array([1e300]), "c has a value"),
        ("c", np.zeros((0, 5)), "c is empty"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_faulty_entry_leaves_no_table(tmp_path, second, value, message):
    with pytest.raises(InputError, match=message), TableWriter(tmp_path / "x.ark") as table:
        table["b"] = VECTOR
        table[second] = value
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("first, last", [(MATRIX, MATRIX[:5]), (MATRIX[:5], MATRIX), (VECTOR, VECTOR)])
def test_every_cut_is_seen(tmp_path, first, last, compress):
    places = write(tmp_path / "x.ark", {"a": first, "b": last}, compress)
    whole = (tmp_path / "x.ark").read_bytes()
    begins = {key: int(where.rpartition(":")[2]) for key, where in places.items()}
    for length in range(len(whole)):
        (tmp_path / "x.ark").write_bytes(whole[:length])
        for key, end in (("a", begins["b"] - 2), ("b", len(whole))):
            if length < end:
                with pytest.raises(InputError, match=rf"x.ark:{begins[key]}: entry '{key}' cannot be read"):
                    read_object(places[key], key)
            else:
                read_object(places[key], key)


def test_ark_that_was_overwritten_is_seen(tmp_path):
    places = write(tmp_path / "x.ark", {"a": MATRIX, "b": MATRIX})
    write(tmp_path / "x.ark", {"a": MATRIX[:-1], "b": MATRIX, "c": MATRIX})
    with pytest.raises(InputError, match="entry 'b' cannot be read .*begins no matrix or vector"):
        read_object(places["b"], "b")


@pytest.mark.parametrize("offset", ["1", "100", "99999", "9" * 30, "-4", "4[0:1]", "x", ""])
def test_wrong_place_is_refused(tmp_path, offset):
    write(tmp_path / "x.ark", {"utt": VECTOR})
    with pytest.raises(InputError, match="entry 'utt'"):
        read_object(f"{tmp_path}/x.ark:{offset}", "utt")


@pytest.mark.parametrize(
    "content",
    [
        b"\0BFM \4" + struct.pack("<ibi", 2**31 - 1, 4, 2**31 - 1),
        b"\0BFM \4" + struct.pack("<ibi", -1, 4, -1) + bytes(100),
        b"\0BFV \4" + struct.pack("<i", -5) + bytes(100),
        b"\0BFV \4" + struct.pack("<i", 0),
        b"\0BCM " + struct.pack("<ffii", 0, 1, 2**31 - 1, 2**31 - 1) + bytes(100),
        b"\0BCM2 " + struct.pack("<ffii", 0, 1, -3, 2) + bytes(100),
        b"\0BCM " + struct.pack("<ffii", 0, np.inf, 1, 1) + bytes(9),
        b"\0BFV \4" + struct.pack("<if", 1, np.nan),
        b"\0B<Plda> ",
        b"\0B\4" + struct.pack("<i", 1) + bytes(10),
        b" [ 1 2 3 ]\n",
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_damaged_object_is_refused(tmp_path, content):
    (tmp_path / "x.ark").write_bytes(b"utt " + content)
    with pytest.raises(InputError, match="x.ark:4: entry 'utt'"):
        read_object(f"{tmp_path}/x.ark:4", "utt")


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_nothing_in_a_table_is_run(tmp_path):
    touched = tmp_path / "touched"
    (tmp_path / "x.ark").write_bytes(b"utt PKL" + pickle.dumps(Touch(touched)))
    for where in (f"{tmp_path}/x.ark:4", f"touch {touched} |", f"| touch {touched}", f"touch {touched} |:0", "-:0"):
        with pytest.raises(InputError, match="entry 'utt'"):
            read_object(where, "utt")
    assert not touched.exists()


def test_vectors_are_read_into_one_array(tmp_path):
    write(tmp_path / "x.ark", {"a": VECTOR, "b": 2 * VECTOR})
    keys, read = read_vectors(tmp_path / "x.scp")
    assert keys == ["a", "b"]
    assert read.dtype == np.float32
    assert np.array_equal(read, [VECTOR, 2 * VECTOR])


@pytest.mark.parametrize(
    "value, message",
    [(VECTOR[:-1], r"b has shape \(6,\); expected a vector of dimension 7"), (MATRIX, r"b has shape \(40, 5\)")],
)
def test_vectors_of_two_dimensions_are_refused(tmp_path, value, message):
    write(tmp_path / "x.ark", {"a": VECTOR, "b": value})
    with pytest.raises(InputError, match=rf"x.scp: {message}"):
        read_vectors(tmp_path / "x.scp")
