import struct

import kaldiio
import numpy as np
import pytest

from spkr.errors import InputError
from spkr.kaldi.objects import encode
from spkr.kaldi.table import read_ark, read_object

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
        b"\0BFP \4" + struct.pack("<i", -3) + bytes(100),
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
