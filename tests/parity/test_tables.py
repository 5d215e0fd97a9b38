"""Tables that Kaldi's programs (f4007661) wrote, read; and what we compress against what they did.

golden/feats is cut down to two made recordings; in mfcc_nosnip_2utts.txt are the first ten frames of those.
"""

from pathlib import Path

import kaldiio
import numpy as np
import pytest

from spkr.kaldi.objects import encode
from spkr.kaldi.table import read_ark
from tests.one_entry import read_object

GOLDEN = Path(__file__).parent / "golden"
UTT = "spk0-utt0"


def feats(name):
    return dict(read_ark(GOLDEN / f"feats/mfcc_nosnip{name}.ark"))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/*.ark")), ids=lambda path: path.name)
def test_every_binary_ark_is_read_as_kaldiio_reads_it(path):
    expected = dict(kaldiio.load_ark(str(path)))
    found = dict(read_ark(path))
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert found[key].dtype == np.float32
        assert np.allclose(found[key], value, rtol=1e-6, atol=5e-3 if ".cm" in path.name else 0)


@pytest.mark.parametrize("method", [1, 3, 4, 5, 6, 7])  # 2 is what 1 chooses for more than eight rows
def test_what_kaldi_compressed_is_decoded_as_kaldi_does(method):
    decoded = feats(f".cm{method}.decoded")[UTT]
    value = read_object(f"{GOLDEN}/feats/mfcc_nosnip.cm{method}.ark:{len(UTT) + 1}", UTT)
    assert value.shape == decoded.shape
    assert np.abs(value - decoded).max() < 1e-4


@pytest.mark.parametrize("method", range(1, 8))
def test_what_we_compress_is_kaldis_within_a_quantisation_step(method):
    raw = feats("")
    path = GOLDEN / f"feats/mfcc_nosnip.cm{1 if method == 2 else method}.ark"
    ours = b"".join(f"{utt} ".encode() + encode(raw[utt], method) for utt in dict(read_ark(path)))
    kaldis = path.read_bytes()
    assert len(ours) == len(kaldis)
    dtype = "<u2" if method in (3, 4) else "u1"  # of codes; a wrong byte before them is a wrong header
    ours, kaldis = (np.frombuffer(data[len(data) % 2 :], dtype).astype(int) for data in (ours, kaldis))
    assert np.abs(ours - kaldis).max() <= 1
    assert (ours != kaldis).sum() <= 5  # one in CM where these lines were written, none in the others


def test_text_arks():
    for utt, head in read_ark(GOLDEN / "tables/mfcc_nosnip_2utts.txt"):
        assert head.shape == (10, 30)
        assert np.allclose(head, feats("")[utt][:10], rtol=1e-6, atol=0)  # seven digits
    for key, value in read_ark(GOLDEN / "feats/vad.txt"):
        assert value.shape == (len(feats("")[key]),)
        assert set(value) == {0, 1}
    ((key, dense),) = read_ark(GOLDEN / "tables/dense.txt")
    assert (key, dense.shape, dense[0, 0]) == ("reco", (40, 40), np.float32(14.93408))
    assert np.allclose(dense, dense.T, atol=1e-4)
    num_utts = dict(read_ark(GOLDEN / "backend/num_utts.txt"))
    assert num_utts["ev002"].dtype == np.int32 and num_utts["ev002"].tolist() == [6]


def test_text_entries_are_read_by_their_places():
    path = GOLDEN / "tables/mfcc_nosnip_2utts.txt"
    place = path.read_bytes().index(b"spk0-utt1 ") + len("spk0-utt1 ")
    assert np.array_equal(read_object(f"{path}:{place}", "spk0-utt1"), dict(read_ark(path))["spk0-utt1"])
