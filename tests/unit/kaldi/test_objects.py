import struct

import kaldiio
import numpy as np
import pytest

from spkr.errors import InputError
from spkr.kaldi.objects import encode, read_matrix, read_plda, read_vector, write_array, write_plda
from spkr.kaldi.table import read_ark
from tests.one_entry import read_object

RNG = np.random.default_rng(1)
MATRIX = RNG.normal(size=(40, 5)).astype(np.float32)
VECTOR = RNG.normal(size=7).astype(np.float32)


@pytest.mark.parametrize("value", [MATRIX.astype(np.float64), VECTOR.astype(np.float64)])
def test_double_precision_is_read_as_single(tmp_path, value):
    kaldiio.save_ark(str(tmp_path / "x.ark"), {"utt": value})
    read = read_object(f"{tmp_path}/x.ark:4")
    assert read.dtype == np.float32
    assert np.array_equal(read, value.astype(np.float32))


@pytest.mark.parametrize(
    "content",
    [
        b"\0BFM \4" + struct.pack("<ibi", 2, 8, 2) + bytes(100),
        b"\0BFM \4" + struct.pack("<ibi", 0, 4, 5),
        b"\0BFM \4" + struct.pack("<ibi", 2, 4, -2) + bytes(100),
        b"\0BFM\4" + struct.pack("<ibi", 1, 4, 1) + bytes(4),
        b"\0BFP \4" + struct.pack("<i", -3) + bytes(100),
        b"\0BFP \4" + struct.pack("<i", 2**31 - 1) + bytes(100),
        b"\0B\4" + struct.pack("<i", 2**31 - 1) + bytes(100),
        b"\0B\4" + struct.pack("<ibi", 1, 8, 1),
        b"\0B\4" + struct.pack("<i", -1),
        b"\0B\4" + struct.pack("<i", 0),
        b"\0B",
        b"\0BFP \4" + struct.pack("<i", 20) + bytes(100),
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
        b" [ 1 2 3\n",
        b" [ ]\n",
        b" [\n  1 2 \n  3 ]\n",
        b" [ 1 nan ]\n",
        b" [ 1_0 2 ]\n",
        " [ ٣ ]\n".encode(),
        b"1_0\n",
        b"1 2.5\n",
        b"99999999999\n",
        b"1 2",
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_damaged_object_is_refused(tmp_path, content):
    (tmp_path / "x.ark").write_bytes(b"utt " + content)
    with pytest.raises(InputError, match="x.ark:4: entry 'utt'"):
        read_object(f"{tmp_path}/x.ark:4", "utt")


def test_symmetric_matrices_are_read_whole(tmp_path):
    for kind, dtype in ((b"FP ", "<f4"), (b"DP ", "<f8")):
        triangle = b"\0B" + kind + b"\4" + struct.pack("<i", 3) + np.arange(6, dtype=dtype).tobytes()
        (tmp_path / "x.ark").write_bytes(b"a " + triangle + b"b " + encode(VECTOR))
        read = dict(read_ark(tmp_path / "x.ark"))
        assert read["a"].tolist() == [[0, 1, 3], [1, 2, 4], [3, 4, 5]]
        assert np.array_equal(read["b"], VECTOR)


def test_plda_file_cut_short_anywhere_is_refused_by_name(tmp_path):
    write_plda(tmp_path / "plda", RNG.normal(size=5), RNG.normal(size=(5, 5)), np.array([8.0, 4, 2, 0.5, 0]))
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
