import multiprocessing
import pickle
import re

import kaldiio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from spkr.errors import InputError
from spkr.kaldi import table as tables
from spkr.kaldi.maps import read_map
from spkr.kaldi.table import TableReader, TableWriter, read_ark, read_vectors
from tests.one_entry import read_object

RNG = np.random.default_rng(1)
MATRIX = RNG.normal(size=(40, 5)).astype(np.float32)
VECTOR = RNG.normal(size=7).astype(np.float32)
INTEGERS = np.array([3, -1, 2**31 - 1], np.int32)

# The same examples in every run, and no limit of time on each.
repeatable = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
vectors = arrays.arrays(np.float32, st.integers(1, 30), elements=floats)
matrices = arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=30), elements=floats)
integers = arrays.arrays(np.int32, st.integers(1, 30), elements=st.integers(-(2**31), 2**31 - 1))


def write(ark, values, compress=0, text=False):
    with TableWriter(f"ark,t,scp:{ark},{ark.with_suffix('.scp')}" if text else ark, compress) as table:
        for key, value in values.items():
            table[key] = value
    return read_map(ark.with_suffix(".scp"))


def same(read, written):
    assert list(read) == list(written)
    for key, value in written.items():
        assert read[key].dtype == value.dtype
        assert np.array_equal(read[key], value)


@pytest.mark.parametrize("text", [False, True])
@repeatable
@given(values=st.lists(st.one_of(vectors, matrices, integers), min_size=1, max_size=4))
def test_what_is_written_is_read_back_and_by_kaldiio(tmp_path_factory, values, text):
    ark = tmp_path_factory.mktemp("table") / "x.ark"
    written = {f"utt{k}é": value for k, value in enumerate(values)}
    write(ark, written, text=text)
    same(dict(read_ark(ark)), written)
    same(dict(TableReader(ark.with_suffix(".scp"))), written)
    if not text:
        same(dict(kaldiio.load_ark(str(ark))), written)
        same(dict(kaldiio.load_scp(str(ark.with_suffix(".scp")))), written)


def test_kaldiio_reads_text(tmp_path):
    write(tmp_path / "x.ark", {"a": VECTOR, "b": MATRIX, "c": INTEGERS}, text=True)
    same(dict(kaldiio.load_ark(str(tmp_path / "x.ark"))), {"a": VECTOR, "b": MATRIX, "c": INTEGERS})
    same(dict(kaldiio.load_scp(str(tmp_path / "x.scp"))), {"a": VECTOR, "b": MATRIX, "c": INTEGERS})


@pytest.mark.parametrize("form, compress", [("", 8), ("ark:", -1), ("ark,t:", 1)])
def test_unknown_compression_is_refused(tmp_path, form, compress):
    with pytest.raises(InputError, match="x.ark: compression"):
        TableWriter(f"{form}{tmp_path}/x.ark", compress)


def test_paths_are_relative_to_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with TableWriter("sub/x.ark") as table:
        table["a"] = VECTOR
        table["b"] = MATRIX
    lines = (tmp_path / "sub/x.scp").read_text().splitlines()
    assert lines[0] == "a sub/x.ark:2"
    same(dict(TableReader("sub/x.scp")), {"a": VECTOR, "b": MATRIX})
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    with pytest.raises(InputError, match=r"sub/x.ark:2: no such file \(entry 'a'\)"):
        dict(TableReader("../sub/x.scp"))


@pytest.mark.parametrize(
    "second, value, message",
    [
        ("a", VECTOR, "key 'a' after 'b'; keys must be sorted and unique"),
        ("b", VECTOR, "key 'b' after 'b'"),
        ("c", np.array([1, np.nan]), "x.ark: c: a value is not a number, or not finite"),
        ("c", np.array([1e300]), "c: a value is not"),
        ("c", np.zeros((0, 5)), r"c: shape \(0, 5\); expected"),
        ("c", np.float32(1), r"c: shape \(\); expected"),
        ("c", np.array([2**31]), "c: an integer of more than 32 bits"),
        ("c", np.array([[3e38], [-3e38]]), "c: values from -3e.38 to 3e.38 are too far apart"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_faulty_entry_leaves_no_table(tmp_path, second, value, message):
    with pytest.raises(InputError, match=message), TableWriter(tmp_path / "x.ark", 1) as table:
        table["b"] = VECTOR
        table[second] = value
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", [{}, {"compress": 1}, {"text": True}])
@pytest.mark.parametrize(
    "first, last", [(MATRIX[:9], MATRIX[:4]), (MATRIX[:4], MATRIX[:9]), (VECTOR, INTEGERS), (INTEGERS, VECTOR)]
)
def test_every_cut_is_seen(tmp_path, first, last, form):
    places = write(tmp_path / "x.ark", {"a": first, "b": last}, **form)
    whole = (tmp_path / "x.ark").read_bytes()
    begins = {key: int(where.rpartition(":")[2]) for key, where in places.items()}
    ends = {"a": begins["b"] - 2, "b": len(whole)}
    if "text" in form:  # what ends with a bracket is whole without its line end
        ends = {key: end - (read_object(places[key], key).dtype == np.float32) for key, end in ends.items()}
    for length in range(len(whole)):
        (tmp_path / "x.ark").write_bytes(whole[:length])
        for key, end in ends.items():
            if length < end:
                with pytest.raises(InputError, match=rf"x.ark:{begins[key]}: entry '{key}' cannot be read"):
                    read_object(places[key], key)
            else:
                read_object(places[key], key)
        if length not in (ends["a"], begins["b"] - 2, ends["b"]):
            with pytest.raises(InputError, match=r"x.ark:\d+: entry '[ab]?' cannot be read"):
                dict(read_ark(tmp_path / "x.ark"))


def test_ark_that_was_overwritten_is_seen(tmp_path):
    write(tmp_path / "x.ark", {"a": MATRIX, "b": MATRIX})
    old = read_map(tmp_path / "x.scp")
    write(tmp_path / "x.ark", {"a": MATRIX[:-1], "b": MATRIX, "c": MATRIX})
    with pytest.raises(InputError, match="entry 'b' cannot be read .found .* in place of its key"):
        read_object(old["b"], "b")
    write(tmp_path / "x.ark", {"a": MATRIX, "c": MATRIX})  # an object begins there, but another one's
    with pytest.raises(InputError, match="entry 'b' cannot be read .found b'c ' in place of its key"):
        read_object(old["b"], "b")


def test_ark_that_is_cut_while_it_is_open_is_seen(tmp_path):
    write(tmp_path / "x.ark", {"a": MATRIX, "b": MATRIX})
    table = TableReader(tmp_path / "x.scp")
    same(dict(table), {"a": MATRIX, "b": MATRIX})
    with (tmp_path / "x.ark").open("rb+") as f:
        f.truncate(100)
    with pytest.raises(InputError, match="entry 'b' cannot be read .the file was cut short"):
        table["b"]


def test_key_that_stands_there_twice_is_refused(tmp_path):
    write(tmp_path / "x.ark", {"a": VECTOR})
    entry = (tmp_path / "x.ark").read_bytes()
    (tmp_path / "x.ark").write_bytes(2 * entry)
    with pytest.raises(InputError, match=rf"x.ark:{len(entry) + 2}: entry 'a' .*is in this ark twice"):
        dict(read_ark(tmp_path / "x.ark"))
    (tmp_path / "x.scp").write_text(2 * f"a {tmp_path}/x.ark:2\n")
    with pytest.raises(InputError, match="x.scp:2: 'a' occurs twice"):
        TableReader(tmp_path / "x.scp")


@pytest.mark.parametrize("content", [b"", b" ", b"a", b"\n", b"a  [ 1 ]\n\n", b"a\nb 1\n", b"\xff 1\n", b"a 1.5\n"])
def test_what_is_no_ark_is_refused(tmp_path, content):
    (tmp_path / "x.ark").write_bytes(content)
    for ark in (tmp_path / "x.ark", tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=f"{ark}:"):
            list(read_ark(ark))


@pytest.mark.parametrize("offset", ["1", "2", "100", "99999", "9" * 30, "-4", "4[0:1]", "x", ""])
def test_wrong_place_is_refused(tmp_path, offset):
    write(tmp_path / "x.ark", {"utt": VECTOR})
    with pytest.raises(InputError, match="entry 'utt'"):
        read_object(f"{tmp_path}/x.ark:{offset}", "utt")


def test_ark_that_cannot_be_read_is_named_with_the_reason(tmp_path):
    (tmp_path / "a.ark").mkdir()
    (tmp_path / "a.scp").write_text(f"u {tmp_path}/a.ark:2\n")
    with pytest.raises(InputError, match=r"a.ark:2: cannot be read \(Is a directory\)$"):
        TableReader(tmp_path / "a.scp")["u"]


@pytest.mark.parametrize(
    "where, message",
    [
        ("copy-feats x.scp ark:- |", "commands are not supported; copy the table first, with Kaldi's `copy-feats"),
        ("| cat x.ark", "commands are not supported"),
        ("x.ark:4[0:10]", "ranges are not supported; copy the table first"),
        ("x.mat", "expected <path>:<offset>, this is not supported"),
        ("[ 1 2 ]", "this is a text ark, not an scp; name it as ark:FILE"),
    ],
)
def test_what_an_scp_may_not_say_is_refused_by_line_with_a_remedy(tmp_path, where, message):
    write(tmp_path / "x.ark", {"a": VECTOR})
    with (tmp_path / "x.scp").open("a") as f:
        f.write(f"b {where}\n")
    with pytest.raises(InputError, match=re.escape(f"x.scp:2: entry 'b' is {where!r}: ") + f".*{message}"):
        TableReader(tmp_path / "x.scp")


# ------------------------------------------------------------------------------------------------- arks without an scp


@pytest.mark.parametrize("form", ["{}/x.ark", "ark:{}/x.ark", "ark,s,cs:{}/x.ark", "{}/x.scp", "scp:{}/x.scp"])
@pytest.mark.parametrize("text", [False, True])
def test_tables_are_read_by_scp_and_by_ark(tmp_path, form, text):
    values = {"a": VECTOR, "b": MATRIX, "c": INTEGERS}
    write(tmp_path / "x.ark", values, text=text)
    table = TableReader(form.format(tmp_path))
    same(dict(table), values)
    assert table.places == TableReader(tmp_path / "x.scp").places


def test_ark_of_another_name_and_order_is_read_as_one(tmp_path):
    (tmp_path / "x.txt").write_text("b  [ 1 2 ]\na  [ 3 ]\n")
    same(dict(TableReader(f"ark:{tmp_path}/x.txt")), {"b": np.float32([1, 2]), "a": np.float32([3])})


def test_ark_without_scp_is_checked_when_it_is_opened(tmp_path):
    write(tmp_path / "x.ark", {"a": VECTOR, "b": VECTOR})
    whole = (tmp_path / "x.ark").read_bytes()
    (tmp_path / "x.ark").write_bytes(whole[:-12])
    with pytest.raises(InputError, match=r"x.ark:42: entry 'b' cannot be read .cut short"):
        TableReader(tmp_path / "x.ark")


def test_key_in_two_tables_is_refused(tmp_path):
    write(tmp_path / "x.ark", {"a": VECTOR})
    write(tmp_path / "y.ark", {"a": VECTOR})
    with pytest.raises(InputError, match="y.scp: 'a' is in .*x.ark, too"):
        TableReader(tmp_path / "x.ark", tmp_path / "y.scp")


@pytest.mark.parametrize(
    "name", ["ark:cat x.ark |", "scp:| cat x.scp", "ark:-", "scp:", "ark,scp:x.ark,x.scp", "scp,p:x.scp", "ark,x:x.ark"]
)
def test_names_that_cannot_be_read_are_refused(name):
    with pytest.raises(InputError, match=re.escape(f"{name}: ")):
        TableReader(name)


# ------------------------------------------------------------------------------------------------- names to write to


def test_written_files_are_those_that_the_name_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, files in {
        "a/x.ark": ["x.ark", "x.scp"],
        "ark:b/x": ["x"],
        "ark,t:c/x.txt": ["x.txt"],
        "ark,scp:d/1,d/2": ["1", "2"],
        "scp,t,ark:e/2,e/1": ["1", "2"],
    }.items():
        with TableWriter(name) as table:
            table["a"] = VECTOR
        folder = tmp_path / name.partition("/")[0][-1]
        assert sorted(path.name for path in folder.iterdir()) == files
        ark = folder / files[0]
        assert b"\0B" in ark.read_bytes() or ",t" in name
        same(dict(read_ark(ark)), {"a": VECTOR})


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "x.txt",
        "x",
        "scp:x.scp",
        "ark,scp:-,x.scp",
        "ark:| gzip > x",
        "ark,scp:x.ark",
        "ark,scp:x,x",
        "ark,ark:x,y",
        "ark,z:x",
    ],
)
def test_names_that_cannot_be_written_are_refused(name):
    with pytest.raises(InputError, match=re.escape(f"{name}: ".replace("ark,scp:-,x.scp", "/dev/stdout"))):
        TableWriter(name)


def keys_and_sum(table):
    return list(table), sum(value.sum() for value in table.values())


def test_reader_serves_other_processes_and_keeps_few_arks_open(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "OPEN_ARKS", 2)
    for k in range(4):
        write(tmp_path / f"{k}.ark", {f"utt{k}": MATRIX + k})
    table = TableReader(*(tmp_path / f"{k}.scp" for k in range(4)))
    expected = keys_and_sum(table)
    assert len(table) == 4 and "utt3" in table and "utt4" not in table
    assert list(table._arks) == [f"{tmp_path}/2.ark", f"{tmp_path}/3.ark"]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(keys_and_sum, [table] * 3) == [expected] * 3
        pool.close()
        pool.join()  # the end of the block would send SIGTERM, for which the command line may have set a handler
    assert keys_and_sum(pickle.loads(pickle.dumps(table))) == expected


def test_what_is_read_can_be_written_to(tmp_path):
    write(tmp_path / "x.ark", {"a": VECTOR, "b": MATRIX, "c": INTEGERS})
    table = TableReader(tmp_path / "x.scp")
    for key in table:
        table[key][:] = 0
    same(dict(table), {"a": VECTOR, "b": MATRIX, "c": INTEGERS})


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_nothing_in_a_table_is_run(tmp_path):
    touched = tmp_path / "touched"
    pickled = pickle.dumps(Touch(touched))
    for begin in (b"PKL", b"\0BPKL ", b"NPY", b"AUDIO", b"RIFF", b"fLaC"):
        (tmp_path / "x.ark").write_bytes(b"utt " + begin + pickled)
        with pytest.raises(InputError, match="x.ark:4: entry 'utt' cannot be read"):
            dict(read_ark(tmp_path / "x.ark"))
        with pytest.raises(InputError, match="x.ark:4: entry 'utt' cannot be read"):
            read_object(f"{tmp_path}/x.ark:4", "utt")
    for where in (f"touch {touched} |", f"| touch {touched}", f"touch {touched} |:0", "-:0"):
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
    with pytest.raises(InputError, match=rf"x.ark:\d+: {message}"):
        read_vectors(tmp_path / "x.scp")
