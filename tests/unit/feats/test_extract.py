import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch

from spkr.audio.augmented_copies import augment_data_dir
from spkr.cli import main
from spkr.config.augment_options import Augmentation
from spkr.config.front_end_options import CmvnOptions
from spkr.errors import InputError
from spkr.feats import Fbank, LogMel, Mfcc
from spkr.feats.extract import extract_shard
from spkr.feats.fbank import fbank
from spkr.feats.reader import FeatureReader
from spkr.files import recording
from spkr.integrity import check_tree
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import read_map
from spkr.kaldi.shards import merge_shards
from spkr.kaldi.table import TableReader
from tests.unit.feats.extraction import RATE, SEED, speech

UTTS = [f"s{s}-u{u}" for s in range(3) for u in range(4)]
OUTPUTS = ("feats.{}.ark", "feats.{}.scp", "vad.{}.ark", "vad.{}.scp", "utt2num_frames.{}", "utt2num_voiced.{}")


def write_corpus(path, wav, **files):
    utt2spk = {utt: utt.split("-")[0] for utt in wav}
    write_data_dir(path, {"wav.scp": wav, "utt2spk": utt2spk, "utt2dur": dict.fromkeys(wav, 1), **files})
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A data directory of twelve short recordings."""
    folder = tmp_path_factory.mktemp("corpus")
    for k, utt in enumerate(UTTS):
        soundfile.write(folder / f"{utt}.wav", speech(RATE // 2 + 977 * k, k).astype(np.int16), RATE)
    return write_corpus(folder / "data", {utt: folder / f"{utt}.wav" for utt in UTTS})


@pytest.fixture(scope="module")
def copies(corpus):
    """Its augmented copies."""
    options = Augmentation(speeds=(0.9, 1.0), copies=2, babble_probability=0.5, babble_talkers=(2, 3))
    augment_data_dir(corpus, corpus.parent / "copies", options, 1)
    return corpus.parent / "copies"


def extract(data, out, front_end=None, shards=1, seed=1):
    front_end = (front_end or Fbank()).replace(shards=shards)
    for shard in range(1, shards + 1):
        extract_shard(data, out, front_end, shard, seed)
    merge_shards(out, data, shards)
    return {name: dict(TableReader(Path(out) / f"{name}.scp")) for name in ("feats", "vad")}


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name].keys() == theirs[name].keys()
        assert all(np.array_equal(ours[name][utt], theirs[name][utt]) for utt in ours[name])


@pytest.mark.parametrize("front_end", [Fbank(), Mfcc(high_freq=7600), SEED, Fbank(dither=1.0)])
def test_features_do_not_depend_on_shards(copies, tmp_path, front_end):
    one = extract(copies, tmp_path / "1", front_end)
    assert_same(one, extract(copies, tmp_path / "5", front_end, shards=5))
    assert one["feats"].keys() == read_map(copies / "utt2spk").keys()
    again = extract(copies, tmp_path / "again", front_end)
    assert_same(one, again)
    for name in OUTPUTS:
        if not name.endswith("scp"):
            assert (tmp_path / "1" / name.format(1)).read_bytes() == (tmp_path / "again" / name.format(1)).read_bytes()


def test_features_do_not_depend_on_other_utterances(copies, tmp_path):
    files = {name: read_map(copies / name) for name in ("wav.scp", "utt2spk", "utt2dur", "utt2aug")}
    kept = [utt for utt in files["utt2spk"] if "babble" not in files["utt2aug"][utt]][::3]
    write_data_dir(tmp_path / "few", {name: {utt: table[utt] for utt in kept} for name, table in files.items()})
    whole = extract(copies, tmp_path / "whole")
    assert_same(
        extract(tmp_path / "few", tmp_path / "feats"),
        {name: {utt: table[utt] for utt in kept} for name, table in whole.items()},
    )


def test_copies_are_changed_and_keep_the_clean_vad(copies, tmp_path):
    tables = extract(copies, tmp_path, Fbank(dither=1.0))
    for utt in tables["feats"]:
        clean = utt.split("-aug")[0]
        assert np.array_equal(tables["vad"][utt], tables["vad"][clean])
        assert tables["feats"][utt].shape == tables["feats"][clean].shape
        if utt != clean:
            assert np.abs(tables["feats"][utt] - tables["feats"][clean]).mean() > 0.05
    assert {0, 1} == set(np.concatenate(list(tables["vad"].values())))


def test_vad_hears_no_dither(corpus, tmp_path):
    clean, dithered = (extract(corpus, tmp_path / str(d), Fbank(dither=d)) for d in (0.0, 300.0))
    assert_same({"vad": dithered["vad"]}, {"vad": clean["vad"]})
    assert all(np.abs(dithered["feats"][utt] - clean["feats"][utt]).mean() > 1 for utt in UTTS)


def test_copies_of_one_recording_hear_different_noise(corpus, tmp_path):
    utts = ("s0-u0-aug1", "s0-u0-aug2")
    wav = dict.fromkeys(utts, corpus.parent / "s0-u0.wav")
    data = write_corpus(tmp_path / "data", wav, utt2aug=dict.fromkeys(utts, "speed=1 slope=0 snr=0"))
    one, two = extract(data, tmp_path / "feats")["feats"].values()
    assert np.abs(one - two).mean() > 0.5


def test_noise_differs_by_seed(copies, tmp_path):
    one, other = (extract(copies, tmp_path / str(seed), seed=seed)["feats"] for seed in (1, 2))
    for utt, spec in read_map(copies / "utt2aug").items():
        assert np.array_equal(one[utt], other[utt]) == (spec in ("speed=1", "speed=0.9"))


def test_counts_are_of_the_frames_and_the_voiced_ones(corpus, tmp_path):
    tables = extract(corpus, tmp_path, shards=2)
    for utt, n in read_map(tmp_path / "utt2num_frames").items():
        assert int(n) == len(tables["feats"][utt]) == len(tables["vad"][utt])
    for utt, n in read_map(tmp_path / "utt2num_voiced").items():
        assert int(n) == tables["vad"][utt].sum()
        assert 0 < int(n) < len(tables["vad"][utt])


def test_normalisation_over_a_speaker_is_over_all_of_its_utterances(corpus, tmp_path):
    raw = extract(corpus, tmp_path)["feats"]
    front_end = Fbank(cmvn=CmvnOptions(type="speaker", norm_vars=True), select_voiced=False)
    reader, utt2spk = FeatureReader([tmp_path], front_end), read_map(corpus / "utt2spk")
    for utt, spk in utt2spk.items():
        frames = np.concatenate([raw[u].astype(float) for u in utt2spk if utt2spk[u] == spk])
        assert np.allclose(reader[utt], (raw[utt] - frames.mean(0)) / frames.std(0), atol=1e-3)


def test_compression_is_the_front_ends(corpus, tmp_path):
    small, exact = (extract(corpus, tmp_path / str(c), Fbank(compress=c))["feats"] for c in (True, False))
    for utt in UTTS:
        samples = torch.from_numpy(soundfile.read(corpus.parent / f"{utt}.wav", dtype="float32")[0] * 32768)
        assert np.array_equal(exact[utt], fbank(samples, Fbank())[0].numpy())
        assert 0 < np.abs(small[utt] - exact[utt]).max() < 0.3
    sizes = [(tmp_path / f"{c}/feats.1.ark").stat().st_size for c in (True, False)]
    assert sizes[0] < 0.4 * sizes[1]


def test_recordings_of_a_higher_rate_are_brought_down(corpus, tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, scipy.signal.resample_poly(speech(RATE), 3, 1) / 32768, 3 * RATE, subtype="FLOAT")
    data = write_corpus(tmp_path / "data", {"s0-u0": path})
    with pytest.raises(InputError, match="x.wav: sampled at 48000 Hz"):
        extract(data, tmp_path / "feats")
    feats = extract(data, tmp_path / "feats", Fbank(resample="down"))["feats"]["s0-u0"]
    direct = fbank(torch.from_numpy(speech(RATE)), Fbank())[0].numpy()
    assert feats.shape == direct.shape
    assert np.abs(feats - direct)[:, :60].mean() < 0.3


def test_recordings_of_a_lower_rate_are_brought_up_where_that_is_allowed_and_said(tmp_path, caplog):
    low = scipy.signal.resample_poly(speech(RATE), 1, 2) / 32768
    for k in range(2):
        soundfile.write(tmp_path / f"{k}.wav", low, RATE // 2, subtype="FLOAT")
    data = write_corpus(tmp_path / "data", {f"s0-u{k}": tmp_path / f"{k}.wav" for k in range(2)})
    with pytest.raises(InputError, match="0.wav: sampled at 8000 Hz; .* set feats.resample to any"):
        extract(data, tmp_path / "feats", Fbank(resample="down"))
    with recording() as written:
        feats = extract(data, tmp_path / "feats", Fbank(resample="any"))["feats"]["s0-u0"]
    direct = fbank(torch.from_numpy(speech(RATE)), Fbank())[0].numpy()
    assert feats.shape == direct.shape
    assert np.abs(feats - direct)[:, :40].mean() < 0.4  # below 2.6 kHz
    assert (feats - direct)[:, 70:].mean() < -3  # above 6 kHz
    assert "upsampled to 16000 Hz: 2 recordings of 8000 Hz" in caplog.text
    assert written[tmp_path / "feats/feats.1.ark"]["upsampled"] == "2 recordings of 8000 Hz"


@pytest.mark.parametrize(
    "front_end, least",
    [
        (Fbank(), 400),
        (Fbank(frame_shift=60), 480),
        (Fbank(frame_shift=60, snip_edges=True), 400),
        (LogMel(frame_length=20, frame_shift=60), 320),
        (Fbank(frame_shift=60, engine="torchaudio"), 480),
        (Mfcc(sample_frequency=16001, frame_shift=49.95), 400),
    ],
)
def test_shortest_recording_has_a_frame_and_a_shorter_one_is_named_at_the_door(tmp_path, front_end, least):
    rate = front_end.sample_frequency
    assert front_end.min_samples == least
    for n in (least - 1, least):
        soundfile.write(tmp_path / f"{n}.wav", speech(n) / 32768, rate)
    data = write_corpus(tmp_path / "data", {"s0-u0": tmp_path / f"{least}.wav"})
    assert len(extract(data, tmp_path / "feats", front_end)["feats"]["s0-u0"]) > 0
    data = write_corpus(tmp_path / "data", {"s0-u0": tmp_path / f"{least - 1}.wav"})
    with pytest.raises(InputError, match=f"{least - 1} samples, less than a frame; expected at least {least}"):
        extract(data, tmp_path / "none", front_end)
    assert not (tmp_path / "none").exists()


def test_short_segment_is_named_at_the_door(tmp_path):
    soundfile.write(tmp_path / "x.wav", speech(RATE).astype(np.int16), RATE)
    files = {"wav.scp": {"x": tmp_path / "x.wav"}, "utt2spk": {"s0-u0": "s0"}}
    for end, ok in (("0.5251", True), ("0.5249", False)):
        write_data_dir(tmp_path / "data", {**files, "segments": {"s0-u0": f"x 0.5 {end}"}})
        if ok:
            assert len(extract(tmp_path / "data", tmp_path / "feats")["feats"]["s0-u0"]) == 3
    with pytest.raises(InputError, match="s0-u0: .*x.wav: 398 samples, less than a frame"):
        extract(tmp_path / "data", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_recording_without_speech_is_kept_whole_and_said(tmp_path, caplog):
    soundfile.write(tmp_path / "x.wav", np.zeros(RATE, np.int16), RATE)
    data = write_corpus(tmp_path / "data", {"s0-u0": tmp_path / "x.wav"})
    extract(data, tmp_path / "feats")
    assert "no frame of s0-u0 is voiced" in caplog.text
    assert FeatureReader([tmp_path / "feats"], Fbank())["s0-u0"].shape == (100, 80)


def spoil(path, kind):
    path.unlink()
    if kind == "unreadable":
        path.write_bytes(b"RIFF of nothing")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "no samples":
        soundfile.write(path, np.zeros(0), RATE)
    elif kind == "other rate":
        soundfile.write(path, speech(8000) / 32768, 8000)
    elif kind == "two channels":
        soundfile.write(path, np.zeros((RATE, 2)), RATE)
    elif kind == "short":
        soundfile.write(path, np.zeros(399), RATE)
    elif kind == "cut short":
        soundfile.write(path, speech(RATE) / 32768, RATE, format="FLAC")
        path.write_bytes(path.read_bytes()[:9000])
    elif kind == "not finite":
        soundfile.write(path, np.full(RATE, np.nan), RATE, subtype="FLOAT")


@pytest.mark.parametrize(
    "kind, message",
    [
        ("missing", "no such audio file"),
        ("unreadable", "not readable as audio"),
        ("empty", "not readable as audio"),
        ("no samples", "no samples"),
        ("other rate", "sampled at 8000 Hz; expected 16000 Hz"),
        ("two channels", "2 channels; expected one"),
        ("short", "399 samples, less than a frame; expected at least 400"),
        ("cut short", "not readable as audio"),
        ("not finite", "not finite"),
    ],
)
def test_bad_recording_is_named_and_nothing_left(corpus, tmp_path, kind, message):
    for utt in UTTS:
        shutil.copy(corpus.parent / f"{utt}.wav", tmp_path)
    spoil(tmp_path / "s2-u3.wav", kind)
    data = write_corpus(tmp_path / "data", {utt: tmp_path / f"{utt}.wav" for utt in UTTS})
    with pytest.raises(InputError, match=f"s2-u3.wav: .*{message}"):
        extract_shard(data, tmp_path / "feats", Fbank(shards=1), 1)
    assert (tmp_path / "feats").exists() == (kind in ("cut short", "not finite"))  # unseen in the header
    assert not list((tmp_path / "feats").glob("*"))


@pytest.mark.parametrize(
    "spec, message",
    [
        ("speed=0", "utt2aug: s2-u3: speed=0"),
        ("slope=-1 snr=abc", "utt2aug: s2-u3: snr=abc"),
        ("rt60=0.3", "utt2aug: s2-u3: expected"),
        ("loud", "utt2aug: s2-u3: expected"),
        ("babble=s0-u9 snr=3", "utt2aug: s2-u3: babble of 's0-u9', which is not in utt2spk"),
        ("speed=10", "s2-u3.wav: .* samples at speed 10, less than a frame"),
    ],
)
def test_bad_utt2aug_is_named(corpus, tmp_path, spec, message):
    wav = read_map(corpus / "wav.scp")
    if spec == "speed=10":
        wav["s2-u3"] = tmp_path / "s2-u3.wav"
        soundfile.write(tmp_path / "s2-u3.wav", np.zeros(3000), RATE)
    data = write_corpus(tmp_path / "data", wav, utt2aug={**dict.fromkeys(UTTS, "speed=1"), "s2-u3": spec})
    with pytest.raises(InputError, match=message):
        extract_shard(data, tmp_path / "feats", Fbank(shards=1), 1)
    assert not (tmp_path / "feats").exists()


def test_more_shards_than_utterances_are_refused(corpus, tmp_path):
    with pytest.raises(InputError, match="12 utterances are too few for 13 shards"):
        extract_shard(corpus, tmp_path, Fbank(shards=13), 1)


def test_features_of_the_whole_need_no_merging(corpus, tmp_path):
    merged, whole = extract(corpus, tmp_path / "merged", shards=2), tmp_path / "whole"
    main(["feats", str(corpus), str(whole), "--options", "{}"])
    assert_same({name: dict(TableReader(whole / f"{name}.scp")) for name in ("feats", "vad")}, merged)
    assert (whole / "utt2spk").read_bytes() == (corpus / "utt2spk").read_bytes()
    assert not check_tree(whole).findings


def test_shards_that_do_not_make_the_whole_are_refused(corpus, tmp_path):
    for shard in (1, 2):
        extract_shard(corpus, tmp_path, Fbank(shards=3), shard)
    again = "run `spkr feats {} {} --shard {}` with the other"
    with pytest.raises(InputError, match="utt2num_frames.3: no such file; " + again.format(corpus, tmp_path, "3/3")):
        merge_shards(tmp_path, corpus, 3)
    with pytest.raises(InputError, match="utt2num_frames.1: 2 of 6 entries of shard 1/2 of .*utt2spk missing, .*; run"):
        merge_shards(tmp_path, corpus, 2)
    shutil.copy(tmp_path / "utt2num_frames.2", tmp_path / "utt2num_frames.3")
    with pytest.raises(InputError, match="utt2num_frames.3: 4 of 4 entries of shard 3/3 of .* --shard 3/3` with"):
        merge_shards(tmp_path, corpus, 3)
    assert not (tmp_path / "utt2num_frames").exists()
