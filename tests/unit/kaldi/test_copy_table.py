"""`spkr copy-table`: every form of a table into every other."""

from pathlib import Path

import kaldiio
import numpy as np
import pytest

from spkr.cli import main
from spkr.errors import InputError
from spkr.kaldi.copy_table import copy_table
from spkr.kaldi.table import TableReader, TableWriter, read_ark
from spkr.manifest import artefacts

RNG = np.random.default_rng(1)
VALUES = {
    "a": RNG.normal(size=(40, 5)).astype(np.float32),
    "b": RNG.normal(size=7).astype(np.float32),
    "c": np.array([3, -1, 2**31 - 1], np.int32),
}


@pytest.fixture
def table(tmp_path, monkeypatch):
    """The scp of VALUES, in the working directory."""
    monkeypatch.chdir(tmp_path)
    with TableWriter("x.ark") as table:
        for key, value in VALUES.items():
            table[key] = value
    return "x.scp"


def same(read, written):
    assert list(read) == list(written)
    for key, value in written.items():
        assert read[key].dtype == value.dtype
        assert np.array_equal(read[key], value)


@pytest.mark.parametrize("first", ["y.ark", "ark:y", "ark,t:y.txt", "ark,scp:1,2", "ark,t,scp:y.txt,y.scp"])
@pytest.mark.parametrize("source", ["x.scp", "scp:x.scp", "x.ark", "ark:x.ark"])
def test_every_form_is_copied_there_and_back(table, source, first):
    assert copy_table(source, first) == 3
    ark = "ark:" + first.rpartition(":")[2].partition(",")[0]
    same(dict(TableReader(ark)), VALUES)
    copy_table(ark, "z.ark")
    same(dict(TableReader("z.scp")), VALUES)
    same(dict(kaldiio.load_ark("z.ark")), VALUES)


def test_text_is_kaldis(table):
    with TableWriter("y.ark") as copy:
        copy["i"], copy["m"], copy["v"] = np.array([1, 2]), np.array([[1, 2.5], [3, 4]]), np.array([0.5])
    main(["copy-table", "y.scp", "ark,t:y.txt"])
    assert Path("y.txt").read_text() == "i 1 2 \nm  [\n  1.0 2.5 \n  3.0 4.0 ]\nv  [ 0.5 ]\n"


@pytest.mark.parametrize("out", ["-", "/dev/stdout"])
def test_standard_output_is_written_to(table, capfdbinary, out):
    main(["copy-table", table, f"ark,t:{out}"])
    copy_table(table, "ark,t:y.txt")
    assert capfdbinary.readouterr().out == Path("y.txt").read_bytes()


@pytest.mark.parametrize("method", range(1, 8))
def test_matrices_are_compressed_by_the_method_asked_for(table, method):
    main(["copy-table", table, "y.ark", "--compression-method", str(method)])
    kind = {1: b"CM ", 2: b"CM ", 3: b"CM2", 4: b"CM2", 5: b"CM3", 6: b"CM3", 7: b"CM3"}[method]
    assert Path("y.ark").read_bytes().startswith(b"a \0B" + kind)
    copied = dict(TableReader("y.scp"))
    same({key: copied[key] for key in "bc"}, {key: VALUES[key] for key in "bc"})


def test_several_arks_become_one(table):
    with TableWriter("more.ark") as more:
        more["d"] = VALUES["b"]
    Path("all.scp").write_text(Path("x.scp").read_text() + Path("more.scp").read_text())
    assert copy_table("all.scp", "y.ark") == 4
    same(dict(read_ark("y.ark")), VALUES | {"d": VALUES["b"]})


def test_entries_are_sorted(table):
    with Path("unsorted").open("wb") as f:
        for key in "cab":
            kaldiio.save_ark(f, {key: VALUES[key]})
    copy_table("ark:unsorted", "y.ark")
    same(dict(TableReader("y.scp")), VALUES)


@pytest.mark.parametrize(
    "source, target",
    [("x.scp", "x.ark"), ("ark:x.ark", "x.ark"), ("x.scp", "ark,t:x.ark"), ("x.ark", "ark,scp:y.ark,./x.ark"),
     ("x.scp", "ark:x.scp"), ("x.scp", "ark:link.ark")],
)  # fmt: skip
def test_an_output_that_is_an_input_is_refused(table, tmp_path, capsys, source, target):
    (tmp_path / "link.ark").symlink_to("x.ark")
    before = {name: (tmp_path / name).read_bytes() for name in ("x.ark", "x.scp")}
    with pytest.raises(SystemExit) as e:
        main(["copy-table", source, target])
    assert e.value.code == 1
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_a_damaged_entry_leaves_no_copy(table, tmp_path):
    (tmp_path / "x.ark").write_bytes((tmp_path / "x.ark").read_bytes()[:-12])
    for source in ("x.scp", "x.ark"):
        with pytest.raises(InputError, match=r"x.ark:\d+: entry 'c' cannot be read"):
            copy_table(source, "y.ark")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.ark", "x.scp"]


def test_a_table_that_differs_from_its_manifest_is_refused(table, tmp_path, caplog):
    with artefacts("test", {}, "manifest.json"), TableWriter("x.ark") as copy:
        copy["a"] = VALUES["b"]
    (tmp_path / "x.ark").write_bytes((tmp_path / "x.ark").read_bytes() + b"x")
    for source in ("x.scp", "scp:x.scp", "ark:x.ark"):
        with pytest.raises(SystemExit):
            main(["copy-table", source, "y.ark"])
        assert "x.ark: " in caplog.text and "bytes" in caplog.text
        caplog.clear()
