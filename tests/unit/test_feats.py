import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spkr.audio.augment import augment_data_dir
from spkr.audio.augment_options import AugmentOptions
from spkr.errors import InputError
from spkr.feats.cmvn import normalize
from spkr.feats.extract import COMPUTE, extract_shard
from spkr.feats.fbank import fbank, log_energy, mel_banks, mfcc, num_frames
from spkr.feats.logmel import logmel
from spkr.feats.options import CmvnOptions, FrontEnd, VadOptions
from spkr.feats.reader import FeatureReader
from spkr.feats.vad import energy_vad
from spkr.kaldi.datadir import read_map, write_data_dir, write_map
from spkr.kaldi.shards import merge_shards
from spkr.kaldi.table import TableReader, TableWriter

RATE = 16000
# The same examples in every run, and no limit of time on each.
repeatable = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
UTTS = [f"s{s}-u{u}" for s in range(3) for u in range(4)]
SEED = FrontEnd(
    type="logmel", frame_length=20, window_type="hanning", num_mel_bins=64, low_freq=0, high_freq=8000,
    select_voiced=False, cmvn=CmvnOptions("utterance", norm_vars=True),
)  # fmt: skip
OUTPUTS = ("feats.{}.ark", "feats.{}.scp", "vad.{}.ark", "vad.{}.scp", "utt2num_frames.{}", "utt2num_voiced.{}")


def speech(n, seed=0):
    """Noise with a syllable's rhythm and a pause, on the scale of 16 bits."""
    rhythm = 1 + np.sin(2 * np.pi * 4 * np.arange(n) / RATE)
    rhythm[n // 3 : n // 2] = 1e-4
    return (500 * rhythm * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


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
    options = AugmentOptions(speeds=(0.9, 1.0), copies=2, babble_probability=0.5, babble_talkers=(2, 3))
    augment_data_dir(corpus, corpus.parent / "copies", options, 1)
    return corpus.parent / "copies"


def extract(data, out, front_end=None, shards=1, seed=1):
    front_end = FrontEnd(**{**vars(front_end or FrontEnd()), "shards": shards})
    for shard in range(1, shards + 1):
        extract_shard(data, out, front_end, shard, seed)
    merge_shards(out, data, shards)
    return {name: dict(TableReader(Path(out) / f"{name}.scp")) for name in ("feats", "vad")}


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name].keys() == theirs[name].keys()
        assert all(np.array_equal(ours[name][utt], theirs[name][utt]) for utt in ours[name])


# The seed tutorial's front end


def slaney_mel(hz):
    """Linear below 1 kHz (200/3 Hz a mel), then logarithmic (27 mel for a factor of 6.4)."""
    hz = np.asarray(hz, float)
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))


def slaney_hz(mel):
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def independent_logmel(samples):
    x = scipy.signal.lfilter([1, -0.97], 1, samples.astype(float) / 32768)
    x = np.pad(x, 256, mode="reflect" if len(x) > 256 else "constant")
    window = np.pad(scipy.signal.get_window("hann", 320, fftbins=False), 96)
    frames = [x[start : start + 512] * window for start in range(0, len(samples), 160)]
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = slaney_hz(np.linspace(slaney_mel(0), slaney_mel(8000), 66))
    f = np.linspace(0, 8000, 257)[:, None]
    rising = (f - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - f) / (edges[2:] - edges[1:-1])
    banks = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    return np.log(power @ banks + 2.0**-24)


@pytest.mark.parametrize(
    "n, frames", [(16000, 100), (16001, 101), (15999, 100), (320, 2), (257, 2), (256, 2), (100, 1)]
)
def test_logmel_is_the_seeds(n, frames):
    samples = speech(n)
    ours = logmel(torch.from_numpy(samples), SEED)[0].numpy()
    assert ours.shape == (frames, 64)
    assert np.abs(ours - independent_logmel(samples)).max() < 2e-3


def test_logmel_is_normalised_over_the_utterance():
    feats = independent_logmel(speech(16000))
    ours = normalize(logmel(torch.from_numpy(speech(16000)), SEED)[0].numpy(), SEED.cmvn)
    assert ours.dtype == np.float32
    assert np.abs(ours - (feats - feats.mean(0)) / (feats.std(0, ddof=1) + 1e-5)).max() < 2e-3
    assert np.array_equal(normalize(feats[:1].astype(np.float32), SEED.cmvn), np.zeros((1, 64)))


# Frames


@pytest.mark.parametrize(
    "settings",
    [{}, {"snip_edges": True}, {"type": "mfcc"}, {"use_energy": True}, vars(SEED), {"frame_length": 25.03}],
)
@pytest.mark.parametrize("n", [400, 401, 560, 1600, 12345])
def test_energies_are_of_the_same_frames(settings, n):
    front_end = FrontEnd(**settings)
    samples = torch.from_numpy(speech(n))
    feats, log_energies = COMPUTE[front_end.engine, front_end.type](samples, front_end)
    assert feats.shape == (len(log_energies), front_end.dim)
    if front_end.type != "logmel":
        assert len(feats) == num_frames(n, front_end)
    assert torch.isfinite(feats).all()


@pytest.mark.parametrize("n", [400, 401, 479, 480, 5000])
def test_frames_are_reflected_at_both_ends(n):
    samples = speech(n)
    mirrored = np.pad(samples, 400, mode="symmetric")
    frames = np.stack(
        [mirrored[start : start + 400] for start in range(400 - 120, 400 - 120 + 160 * ((n + 80) // 160), 160)]
    )
    frames = frames - frames.mean(axis=1, keepdims=True)
    expected = np.log(np.maximum(np.sum(frames**2, axis=1), np.finfo(np.float32).eps))
    assert np.allclose(log_energy(torch.from_numpy(samples), FrontEnd()), expected, atol=1e-4)


def test_c0_is_the_energy_if_asked_for():
    samples = torch.from_numpy(speech(8000))
    energy = log_energy(samples, FrontEnd())
    with_energy, without = (mfcc(samples, FrontEnd(type="mfcc", use_energy=use))[0] for use in (True, False))
    assert torch.equal(with_energy[:, 0], energy)
    assert torch.equal(with_energy[:, 1:], without[:, 1:])
    assert (without[:, 0] - energy).abs().max() > 1


@pytest.mark.parametrize("floor", [0.0, 1e6])
def test_energy_is_a_column_more_of_fbank_and_floored(floor):
    samples = torch.from_numpy(np.concatenate([speech(8000), np.zeros(8000, np.float32)]))
    feats, energy = fbank(samples, FrontEnd(use_energy=True, energy_floor=floor))
    assert torch.equal(feats[:, 0], energy)
    assert torch.equal(feats[:, 1:], fbank(samples, FrontEnd())[0])
    assert energy.min().item() == pytest.approx(math.log(floor or np.finfo(np.float32).eps))


@pytest.mark.parametrize("settings", [{}, {"type": "mfcc", "use_energy": True}, {"use_log_fbank": False}])
def test_torchaudio_gives_the_same(settings):
    samples = torch.from_numpy(speech(12345))
    ours, theirs = (COMPUTE[e, settings.get("type", "fbank")] for e in ("spkr", "torchaudio"))
    front_end = FrontEnd(**settings)
    for a, b in zip(ours(samples, front_end), theirs(samples, front_end), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-4, atol=1e-2)


def test_features_do_not_depend_on_the_number_of_threads():
    samples = torch.from_numpy(speech(10 * RATE))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = fbank(samples, FrontEnd())[0]
        torch.set_num_threads(2)
        assert torch.equal(fbank(samples, FrontEnd())[0], one)
    finally:
        torch.set_num_threads(threads)


def test_band_without_a_bin_is_refused():
    narrow = FrontEnd(sample_frequency=8000, num_mel_bins=120)
    with pytest.raises(InputError, match=r"feats.num_mel_bins: 120 bands, of which \d+ hold no bin of the FFT"):
        mel_banks(narrow, torch.device("cpu"))


# Voice activity and normalisation


@repeatable
@given(
    energies=st.lists(st.floats(-16, 30, width=32), min_size=1, max_size=40),
    context=st.integers(0, 5),
    proportion=st.sampled_from([0.12, 0.2, 0.25, 0.5, 0.6, 1.0]),
)
def test_vad_counts_the_frames_around(energies, context, proportion):
    options = VadOptions(frames_context=context, proportion_threshold=proportion)
    threshold = 5.5 + 0.5 * np.mean(energies)
    voiced = energy_vad(np.array(energies, np.float32), options)
    for t, decision in enumerate(voiced):
        around = energies[max(0, t - context) : t + context + 1]
        assert decision == (sum(e > threshold for e in around) >= proportion * len(around))


@repeatable
@given(n=st.integers(1, 40), window=st.integers(1, 50), norm_vars=st.booleans())
def test_sliding_window_is_shifted_at_the_ends(n, window, norm_vars):
    feats = np.random.default_rng(n).normal(3, 2, (n, 3)).astype(np.float32)
    ours = normalize(feats, CmvnOptions("sliding", norm_vars, window))
    for t in range(n):
        start = max(0, min(t - window // 2, n - window))
        part = feats[start : start + window].astype(float)
        expected = feats[t] - part.mean(0)
        if norm_vars:
            expected = expected / np.sqrt(np.maximum(part.var(0), 1e-10)) if n > 1 else 0 * expected
        assert np.allclose(ours[t], expected, atol=1e-4)


def test_no_normalisation_changes_nothing():
    feats = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert np.array_equal(normalize(feats, CmvnOptions("none")), feats)


# Options


def test_settings_survive_the_model_file():
    for front_end in (FrontEnd(), SEED):
        assert FrontEnd.from_dict(front_end.to_dict()) == front_end
    assert FrontEnd.from_dict({"frame_length": 20}).frame_length == 20.0


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"num_mel_bin": 80}, "feats: no such option 'num_mel_bin'"),
        ({"vad": {"context": 2}}, "feats.vad: no such option 'context'"),
        ({"cmvn": "none"}, "feats.cmvn: 'none'; expected a dictionary"),
        ({"num_mel_bins": "80"}, "feats.num_mel_bins: '80'; expected int"),
        ({"num_mel_bins": True}, "feats.num_mel_bins: True; expected int"),
        ({"num_mel_bins": 0}, "feats.num_mel_bins: 0; expected at least 1"),
        ({"type": "plp"}, "feats.type: 'plp'; expected one of fbank, mfcc, logmel"),
        ({"window_type": "kaiser"}, "feats.window_type: 'kaiser'"),
        ({"cmvn": {"type": "slide"}}, "feats.cmvn.type: 'slide'"),
        ({"cmvn": {"window": 0}}, "feats.cmvn.window: 0"),
        ({"vad": {"frames_context": -1}}, "feats.vad.frames_context: -1"),
        ({"high_freq": 9000}, "feats: low_freq 20.0 and high_freq 9000.0 leave no band below 8000.0 Hz"),
        ({"low_freq": 8000}, "leave no band"),
        ({"frame_shift": 0}, "feats.frame_shift: 0 samples; expected at least 1 samples"),
        ({"frame_length": -25}, "feats.frame_length: -400 samples"),
        ({"sample_frequency": 0}, "feats.sample_frequency: 0"),
        ({"dither": -1}, "feats.dither: -1"),
        ({"shards": 0}, "feats.shards: 0"),
        ({"type": "mfcc", "num_mel_bins": 20}, "feats.num_mel_bins: 20; expected at least 30"),
        ({"type": "logmel", "dither": 1.0}, "feats: logmel knows no dither, snip_edges"),
    ],
)
def test_wrong_setting_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        FrontEnd.from_dict(settings)


# The feature stage


@pytest.mark.parametrize("front_end", [FrontEnd(), FrontEnd(type="mfcc", high_freq=7600), SEED, FrontEnd(dither=1.0)])
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
    tables = extract(copies, tmp_path, FrontEnd(dither=1.0))
    for utt in tables["feats"]:
        clean = utt.split("-aug")[0]
        assert np.array_equal(tables["vad"][utt], tables["vad"][clean])
        assert tables["feats"][utt].shape == tables["feats"][clean].shape
        if utt != clean:
            assert np.abs(tables["feats"][utt] - tables["feats"][clean]).mean() > 0.05
    assert {0, 1} == set(np.concatenate(list(tables["vad"].values())))


def test_vad_hears_no_dither(corpus, tmp_path):
    clean, dithered = (extract(corpus, tmp_path / str(d), FrontEnd(dither=d)) for d in (0.0, 300.0))
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
    front_end = FrontEnd(cmvn=CmvnOptions("speaker", norm_vars=True), select_voiced=False)
    reader, utt2spk = FeatureReader([tmp_path], front_end), read_map(corpus / "utt2spk")
    for utt, spk in utt2spk.items():
        frames = np.concatenate([raw[u].astype(float) for u in utt2spk if utt2spk[u] == spk])
        assert np.allclose(reader[utt], (raw[utt] - frames.mean(0)) / frames.std(0), atol=1e-3)


def test_compression_is_the_front_ends(corpus, tmp_path):
    small, exact = (extract(corpus, tmp_path / str(c), FrontEnd(compress=c))["feats"] for c in (True, False))
    for utt in UTTS:
        samples = torch.from_numpy(soundfile.read(corpus.parent / f"{utt}.wav", dtype="float32")[0] * 32768)
        assert np.array_equal(exact[utt], fbank(samples, FrontEnd())[0].numpy())
        assert 0 < np.abs(small[utt] - exact[utt]).max() < 0.3
    sizes = [(tmp_path / f"{c}/feats.1.ark").stat().st_size for c in (True, False)]
    assert sizes[0] < 0.4 * sizes[1]


def test_recordings_of_a_higher_rate_are_brought_down(corpus, tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, scipy.signal.resample_poly(speech(RATE), 3, 1) / 32768, 3 * RATE, subtype="FLOAT")
    data = write_corpus(tmp_path / "data", {"s0-u0": path})
    with pytest.raises(InputError, match="x.wav: sampled at 48000 Hz"):
        extract(data, tmp_path / "feats")
    feats = extract(data, tmp_path / "feats", FrontEnd(allow_downsample=True))["feats"]["s0-u0"]
    direct = fbank(torch.from_numpy(speech(RATE)), FrontEnd())[0].numpy()
    assert feats.shape == direct.shape
    assert np.abs(feats - direct)[:, :60].mean() < 0.3


def test_recording_without_speech_is_kept_whole_and_said(tmp_path, caplog):
    soundfile.write(tmp_path / "x.wav", np.zeros(RATE, np.int16), RATE)
    data = write_corpus(tmp_path / "data", {"s0-u0": tmp_path / "x.wav"})
    extract(data, tmp_path / "feats")
    assert "no frame of s0-u0 is voiced" in caplog.text
    assert FeatureReader([tmp_path / "feats"], FrontEnd())["s0-u0"].shape == (100, 80)


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
        ("short", "399 samples at speed 1, less than a frame"),
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
        extract_shard(data, tmp_path / "feats", FrontEnd(shards=1), 1)
    assert (tmp_path / "feats").exists() == (kind in ("short", "cut short", "not finite"))  # unseen in the header
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
        extract_shard(data, tmp_path / "feats", FrontEnd(shards=1), 1)
    assert (tmp_path / "feats").exists() == (spec == "speed=10")
    assert not list((tmp_path / "feats").glob("*"))


def test_more_shards_than_utterances_are_refused(corpus, tmp_path):
    with pytest.raises(InputError, match="12 utterances do not fill 13 shards"):
        extract_shard(corpus, tmp_path, FrontEnd(shards=13), 1)


def test_shards_that_do_not_make_the_whole_are_refused(corpus, tmp_path):
    for shard in (1, 2):
        extract_shard(corpus, tmp_path, FrontEnd(shards=3), shard)
    with pytest.raises(InputError, match="utt2num_frames.3: no such file"):
        merge_shards(tmp_path, corpus, 3)
    with pytest.raises(InputError, match="utt2num_frames: 4 of 12 entries of .*utt2spk missing"):
        merge_shards(tmp_path, corpus, 2)
    shutil.copy(tmp_path / "utt2num_frames.2", tmp_path / "utt2num_frames.3")
    with pytest.raises(InputError, match=r"utt2num_frames.3: 's1-u0' is in .*utt2num_frames.2, too"):
        merge_shards(tmp_path, corpus, 3)
    assert not (tmp_path / "utt2num_frames").exists()


# The reader


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
    assert np.allclose(FeatureReader([tmp_path], FrontEnd())["a"], centred[vad], atol=1e-5)
    assert np.allclose(FeatureReader([tmp_path], FrontEnd(select_voiced=False))["a"], centred, atol=1e-5)


def test_reader_refuses_sets_that_do_not_fit(tmp_path):
    raw, vad = np.ones((5, 80)), np.ones(5)
    one = write_feats(tmp_path / "1", {"a": raw, "b": raw}, {"a": vad, "b": vad[:4]})
    two = write_feats(tmp_path / "2", {"b": raw}, {"b": vad})
    bad = write_feats(tmp_path / "3", {"c": raw, "d": raw}, {"c": vad})
    reader = FeatureReader([one], FrontEnd())
    assert reader["a"].shape == (5, 80)
    with pytest.raises(InputError, match="vad.ark:.*: b has 4 decisions for 5 frames"):
        reader["b"]
    with pytest.raises(InputError, match=r"feats.ark:2: a has shape \(5, 80\); expected 40 columns"):
        FeatureReader([one], FrontEnd(num_mel_bins=40))["a"]
    with pytest.raises(InputError, match="2/feats.scp: 'b' is in .*1/feats.scp, too"):
        FeatureReader([one, two], FrontEnd())
    with pytest.raises(InputError, match="vad.scp: 1 of 2 entries of .*feats.scp missing, first 'd'"):
        FeatureReader([bad], FrontEnd())


def test_reader_refuses_a_feature_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="feats.scp: no such file"):
        FeatureReader([tmp_path], FrontEnd())
    write_map(tmp_path / "feats.scp", {"a": f"{tmp_path}/gone.ark:2"})
    write_map(tmp_path / "vad.scp", {"a": f"{tmp_path}/gone.ark:2"})
    with pytest.raises(InputError, match=r"gone.ark:2: no such file \(entry 'a'\)"):
        FeatureReader([tmp_path], FrontEnd())["a"]
