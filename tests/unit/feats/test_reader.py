import numpy as np
import pytest

from spkr.errors import InputError
from spkr.feats import Fbank
from spkr.feats.reader import FeatureReader
from spkr.kaldi.maps import write_map
from spkr.kaldi.table import TableWriter


def write_feats(path, feats, vad):
    for name, tables in (("feats", feats), ("vad", vad)):
        with TableWriter(path / f"{name}.ark") as table:
            for utt, value in tables.items():
                table[utt] = value
    return path


def test_reader_selects_after_normalising(tmp_path):
    raw, vad = np.random.default_rng(0).normal(5, 1, (50, 80)).astype(np.float32), np.arange(50) % 3 > 0
    write_feats(tmp_path, {"a": raw}, {"a": vad.astype(np.float32)})
    centred = raw - raw.mean(0)
    assert np.allclose(FeatureReader([tmp_path], Fbank())["a"], centred[vad], atol=1e-5)
    assert np.allclose(FeatureReader([tmp_path], Fbank(select_voiced=False))["a"], centred, atol=1e-5)


def test_reader_refuses_sets_that_do_not_fit(tmp_path):
    raw, vad = np.ones((5, 80)), np.ones(5)
    one = write_feats(tmp_path / "1", {"a": raw, "b": raw}, {"a": vad, "b": vad[:4]})
    two = write_feats(tmp_path / "2", {"b": raw}, {"b": vad})
    bad = write_feats(tmp_path / "3", {"c": raw, "d": raw}, {"c": vad})
    reader = FeatureReader([one], Fbank())
    assert reader["a"].shape == (5, 80)
    with pytest.raises(InputError, match="vad.ark:.*: b has 4 decisions for 5 frames"):
        reader["b"]
    with pytest.raises(InputError, match=r"feats.ark:2: a has shape \(5, 80\); expected 40 columns"):
        FeatureReader([one], Fbank(num_mel_bins=40))["a"]
    with pytest.raises(InputError, match="2/feats.scp: 'b' is in .*1/feats.scp, too"):
        FeatureReader([one, two], Fbank())
    with pytest.raises(InputError, match="vad.scp: 1 of 2 entries of .*feats.scp missing, first 'd'"):
        FeatureReader([bad], Fbank())


def test_reader_refuses_a_feature_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="feats.scp: no such file"):
        FeatureReader([tmp_path], Fbank())
    write_map(tmp_path / "feats.scp", {"a": f"{tmp_path}/gone.ark:2"})
    write_map(tmp_path / "vad.scp", {"a": f"{tmp_path}/gone.ark:2"})
    with pytest.raises(InputError, match=r"gone.ark:2: no such file \(entry 'a'\)"):
        FeatureReader([tmp_path], Fbank())["a"]
