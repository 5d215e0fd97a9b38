import numpy as np
import pytest

from spkr.errors import InputError
from spkr.feats import Fbank
from spkr.feats.provenance import write_front_end
from spkr.feats.reader import FeatureReader
from spkr.kaldi.copy_data_dir import copy_data_dir
from spkr.kaldi.datadir import check_data_dir, write_data_dir
from spkr.kaldi.maps import write_map
from spkr.kaldi.table import TableReader, TableWriter
from tests.unit.kaldi.data_dirs import FILES, SEGMENTED, UTT2SPK, command

FRONT_END = Fbank(num_mel_bins=4, high_freq=0.0, select_voiced=False, cmvn={"type": "none"})


def test_every_name_gets_the_prefix_and_nothing_else_changes(data, tmp_path):
    (data / "trials_pairs").write_text("a-0 a-1 target\n")
    copy_data_dir(data, tmp_path / "out", "x-")
    files = check_data_dir(tmp_path / "out")
    assert sorted(files) == sorted([*FILES, "spk2utt"])
    assert files["utt2spk"] == {f"x-{utt}": f"x-{spk}" for utt, spk in UTT2SPK.items()}
    assert files["spk2utt"]["x-a"] == "x-a-0 x-a-1 x-a-2"
    assert files["spk2gender"]["x-b"] == "m" and files["utt2mic"]["x-b-0"] == "near"
    assert files["wav.scp"] == {f"x-{utt}": path for utt, path in FILES["wav.scp"].items()}


def test_recordings_of_segments_originals_and_talkers_of_babble_are_names_too(segmented, tmp_path):
    aug = {utt: "speed=0.9 babble=a-0,b-1 snr=6.91" if utt == "d-0" else "speed=1" for utt in UTT2SPK}
    write_data_dir(segmented, SEGMENTED | {"utt2aug": aug, "utt2uniq": {utt: utt for utt in UTT2SPK}})
    copy_data_dir(segmented, tmp_path / "out", "x-")
    files = check_data_dir(tmp_path / "out")
    assert files["segments"]["x-a-1"] == "x-ra 1 2" and files["wav.scp"]["x-ra"] == "a.wav"
    assert files["reco2dur"]["x-ra"] == "100" and files["utt2uniq"]["x-a-1"] == "x-a-1"
    assert files["utt2aug"]["x-d-0"] == "speed=0.9 babble=x-a-0,x-b-1 snr=6.91"


def test_copied_features_are_read_from_the_same_arks(tmp_path, caplog):
    feats, rng = tmp_path / "feats", np.random.default_rng(0)
    made = {utt: rng.normal(size=(3, 4)).astype(np.float32) for utt in UTT2SPK}
    with TableWriter(feats / "feats.ark") as arks, TableWriter(feats / "vad.ark") as vad:
        for utt, matrix in made.items():
            arks[utt], vad[utt] = matrix, np.ones(3, np.float32)
    for name, value in (("utt2spk", None), ("utt2num_frames", 3), ("utt2num_voiced", 3)):
        write_map(feats / name, {utt: value or spk for utt, spk in UTT2SPK.items()})
    write_front_end(feats / "front_end.json", FRONT_END)
    for source, out, prefix in ((feats, "one", "x-"), (tmp_path / "one", "two", "y-")):
        assert command(caplog, "copy", source, tmp_path / out, "--prefix", prefix)[0] == 0
    for folder, prefix in (("one", "x-"), ("two", "y-x-")):
        reader = FeatureReader([feats, tmp_path / folder], FRONT_END)
        assert len(reader.feats) == 2 * len(UTT2SPK)
        assert all(np.array_equal(reader[prefix + utt], made[utt]) for utt in UTT2SPK)
        assert reader.num_frames(f"{prefix}a-0") == 3
    with pytest.raises(InputError, match="entry 'x-a-0' cannot be read .* in place of its key"):
        TableReader(tmp_path / "one/feats.scp")["x-a-0"]


def test_a_damaged_directory_and_itself_are_refused(data, tmp_path, caplog):
    with pytest.raises(InputError, match="is the data directory itself"):
        copy_data_dir(data, data, "x-")
    (data / "utt2spk").write_text("a-0\n")
    status, log = command(caplog, "copy", data, tmp_path / "out", "--prefix", "x-")
    assert status == 1 and "data/utt2spk:1: expected '<utterance> <speaker>'" in log
    assert not (tmp_path / "out").exists()
