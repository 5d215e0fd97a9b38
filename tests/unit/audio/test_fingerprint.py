import shutil

import numpy as np
import pytest
import soundfile

from spkr.audio.augmented_copies import augment_data_dir
from spkr.audio.fingerprint import BLOCK, check_fingerprint, fingerprint, fingerprints, fingerprints_of, shared_audio
from spkr.config.augment_options import Augmentation
from spkr.errors import InputError
from spkr.feats import Fbank
from spkr.feats.extract import extract_shard
from spkr.kaldi.combine import combine_data_dirs
from spkr.kaldi.datadir import check_data_dir, write_data_dir
from spkr.kaldi.maps import read_map
from spkr.kaldi.subset import first, split_data_dir, subset_data_dir


@pytest.fixture
def data(tmp_path):
    """A data directory of four recordings of 16,000 samples that begin with silence, and their sums."""
    rng, wav = np.random.default_rng(1), {}
    for utt in ("a-1", "a-2", "b-1", "b-2"):
        wav[utt] = str(tmp_path / f"{utt}.wav")
        samples = (3000 * rng.standard_normal(16000)).astype(np.int16)
        samples[:4000] = 0
        soundfile.write(wav[utt], samples, 16000)
    files = {"wav.scp": wav, "reco2sum": fingerprints(wav), "utt2spk": {utt: utt[0] for utt in wav}}
    write_data_dir(tmp_path / "data", files | {"utt2dur": dict.fromkeys(wav, "1.0")})
    return tmp_path / "data"


def extract(data):
    extract_shard(data, data.parent / "feats", Fbank(shards=1), 1)


def test_recordings_of_one_length_and_beginning_have_sums_of_their_own(data):
    assert len(set(read_map(data / "reco2sum").values())) == 4


def test_the_sum_is_bytes_and_crc32_of_two_blocks(tmp_path):
    content = bytes(range(256)) * 100
    (tmp_path / "x").write_bytes(content)
    assert fingerprint(tmp_path / "x").split()[0] == "25600"
    for place, seen in ((0, True), (BLOCK - 1, True), (12800, True), (12800 + BLOCK, False)):
        changed = bytearray(content)
        changed[place] ^= 1
        (tmp_path / "y").write_bytes(changed)
        assert (fingerprint(tmp_path / "y") != fingerprint(tmp_path / "x")) == seen


def test_a_pipe_has_no_sum():
    assert fingerprint("sox x.wav -t wav - |") == "-"
    check_fingerprint("sox x.wav -t wav - |", "-")


def test_unchanged_recordings_pass(data):
    extract(data)
    assert (data.parent / "feats/feats.1.ark").exists()


def test_a_replaced_recording_is_named_before_anything_is_decoded(data):
    soundfile.write(data.parent / "b-1.wav", np.ones(16000, np.int16), 16000)
    with pytest.raises(InputError, match=r"^b-1: .*b-1.wav: not the recording that the data were .*snakemake -R data"):
        extract(data)
    assert not (data.parent / "feats").exists()


def test_a_deleted_recording_is_named_before_anything_is_decoded(data):
    (data.parent / "b-1.wav").unlink()
    with pytest.raises(InputError, match=r"^b-1: .*b-1.wav: no such audio file; it existed when the data were"):
        extract(data)
    assert not (data.parent / "feats").exists()


def test_without_sums_nothing_is_compared(data):
    (data / "reco2sum").unlink()
    soundfile.write(data.parent / "b-1.wav", np.ones(16000, np.int16), 16000)
    extract(data)


def test_data_directories_made_of_this_one_have_sums(data, tmp_path):
    sums = read_map(data / "reco2sum")
    subset_data_dir(data, tmp_path / "subset", first(2))
    assert read_map(tmp_path / "subset/reco2sum") == {utt: sums[utt] for utt in ("a-1", "a-2")}
    parts = split_data_dir(data, 2)
    combine_data_dirs(tmp_path / "both", parts)
    assert read_map(tmp_path / "both/reco2sum") == sums
    augment_data_dir(data, tmp_path / "copies", Augmentation(speeds=(0.9, 1.0)), 1)
    copied = check_data_dir(tmp_path / "copies")["reco2sum"]
    assert copied == {f"{prefix}{utt}": sums[utt] for prefix in ("", "sp0.9-") for utt in sums}


def test_copies_of_segments_keep_the_sums_of_recordings(data, tmp_path):
    files = check_data_dir(data)
    segments = {"a-1-x": "a-1 0 0.5", "a-1-y": "a-1 0.5 1"}
    some = {name: {"a-1": files[name]["a-1"]} for name in ("wav.scp", "reco2sum")}
    utts = {"utt2spk": dict.fromkeys(segments, "a"), "utt2dur": dict.fromkeys(segments, "0.5")}
    write_data_dir(tmp_path / "cut", some | utts | {"segments": segments})
    augment_data_dir(tmp_path / "cut", tmp_path / "copies", Augmentation(speeds=(0.9, 1.0)), 1)
    assert check_data_dir(tmp_path / "copies")["reco2sum"] == some["reco2sum"]
    extract(tmp_path / "copies")


def test_audio_of_two_speakers_is_named_with_both(data):
    files, wav = check_data_dir(data), read_map(data / "wav.scp")
    assert list(shared_audio(files, fingerprints_of(files))) == []
    shutil.copy(wav["a-2"], wav["b-1"])
    for table in (files | {"wav.scp": wav | {"b-1": wav["a-2"]}}, files | {"reco2sum": fingerprints(wav)}):
        (message,) = shared_audio(table, fingerprints_of(table))
        assert "a-2.wav: a-2 of speaker a and b-1 of speaker b have this audio" in message or (
            "b-1.wav: a-2 of speaker a and b-1 of speaker b have this audio" in message
            and "a-2.wav has the same bytes" in message
        )


def test_parts_of_a_recording_may_be_of_several_speakers(data):
    files = check_data_dir(data)
    segments = {"a-1": "b-1 0 0.5", "a-2": "b-1 0.5 1", "b-1": "b-1 0.25 0.75", "b-2": "b-2 0 0.5"}
    assert list(shared_audio(files | {"segments": segments}, fingerprints_of(files))) == []
    (message,) = shared_audio(files | {"segments": segments | {"b-1": "b-1 0.5 1"}}, fingerprints_of(files))
    assert "a-2 of speaker a and b-1 of speaker b" in message


@pytest.mark.parametrize("line", ["12", "12 abc", "x 01234567", "12 0123456g"])
def test_a_malformed_sum_is_named(data, line):
    sums = read_map(data / "reco2sum") | {"a-1": line}
    (data / "reco2sum").write_text("".join(f"{k} {v}\n" for k, v in sums.items()))
    with pytest.raises(InputError, match=r"reco2sum:1: a-1 has '.*'; expected '<bytes> <crc32>'"):
        check_data_dir(data)
