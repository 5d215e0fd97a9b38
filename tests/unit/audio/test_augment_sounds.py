"""Recordings of rooms and noise: the layouts of MUSAN and RIRS_NOISES, as folders and as archives, up to features."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spkr.audio.augment_sounds import Sounds, find_folder, find_sounds, list_files
from spkr.audio.augmented_copies import augment_data_dir
from spkr.audio.effects import parse_spec, random_for
from spkr.cli import main
from spkr.config.augment_options import AUGMENTATIONS, Augmentation
from spkr.errors import InputError
from spkr.feats import Fbank
from spkr.feats.extract import extract_shard
from spkr.kaldi.datadir import write_data_dir
from spkr.kaldi.maps import read_map
from spkr.kaldi.table import TableReader

RATE = 16000
UTTS = [f"s{s}-u{u}" for s in range(3) for u in range(3)]
KALDI4 = AUGMENTATIONS["kaldi4"]
ROOMS = "RIRS_NOISES/simulated_rirs"


def write_noise(path, seconds, seed=0, rate=RATE, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.05 * np.random.default_rng(seed).standard_normal((round(seconds * rate), channels))
    soundfile.write(path, noise, rate)


def write_room(path, seed=0, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    decay = np.exp(-np.arange(RATE // 10) / 300)[:, None]
    soundfile.write(path, 0.3 * decay * np.random.default_rng(seed).standard_normal((len(decay), channels)), RATE)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """MUSAN and RIRS_NOISES in small."""
    folder = tmp_path_factory.mktemp("corpora")
    for k in range(4):
        write_noise(folder / f"musan/noise/free-sound/noise-free-sound-{k:04d}.wav", 0.2 + 0.5 * k, k)
        write_noise(folder / f"musan/music/fma/music-fma-{k:04d}.wav", 3 + k, 10 + k)
        write_noise(folder / f"musan/speech/librivox/speech-librivox-{k:04d}.wav", 0.5 + k, 20 + k)
        for size in ("smallroom", "mediumroom"):
            write_room(folder / f"{ROOMS}/{size}/Room{k:03d}/Room{k:03d}-00001.wav", k)
    for name in ("noise", "music", "speech"):
        (folder / "musan" / name / "LICENSE").write_text("public domain")
    for size in ("smallroom", "mediumroom"):
        rooms = [f"{ROOMS}/{size}/Room{k:03d}/Room{k:03d}-00001.wav" for k in range(3)]  # one of them not listed
        lines = [f"--rir-id {size}-{k} --room-id {size}-{k} {room}\n" for k, room in enumerate(rooms)]
        (folder / ROOMS / size / "rir_list").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data directory of nine short recordings."""
    folder = tmp_path_factory.mktemp("data")
    for k, utt in enumerate(UTTS):
        write_noise(folder / f"{utt}.wav", 1 + 0.2 * k, 100 + k)
    files = {"wav.scp": {utt: folder / f"{utt}.wav" for utt in UTTS}, "utt2spk": {utt: utt[:2] for utt in UTTS}}
    write_data_dir(folder / "data", files | {"utt2dur": {utt: f"{1 + 0.2 * k:.1f}" for k, utt in enumerate(UTTS)}})
    return folder / "data"


def copies(data, out, corpora, settings=KALDI4, seed=1):
    """The specs of the copies that are made."""
    augment_data_dir(data, out, Augmentation(**settings), seed, corpora, out.parent / "unpacked")
    return {utt: parse_spec(text, utt) for utt, text in read_map(out / "utt2aug").items()}


def features(data, out, front_end=None):
    for shard in range(1, (front_end := front_end or Fbank(shards=1)).shards + 1):
        extract_shard(data, out, front_end, shard)
    return {
        k: v for shard in range(1, front_end.shards + 1) for k, v in TableReader(out / f"feats.{shard}.scp").items()
    }


def test_kaldi4_draws_from_musan_and_rirs_noises(data, corpora, tmp_path):
    specs = copies(data, tmp_path / "copies", corpora)
    assert len(specs) == 5 * len(UTTS)
    heard = {kind: {Path(file) for spec in specs.values() for file, _ in spec.get(kind, ())} for kind in
             ("noise", "music", "speech")}  # fmt: skip
    assert heard == {kind: set((corpora / "musan" / kind).rglob("*.wav")) for kind in heard}
    rooms = {Path(spec["rir"]) for spec in specs.values() if "rir" in spec}
    assert rooms <= {path for path in (corpora / ROOMS).rglob("*.wav") if "Room003" not in path.name}
    assert {path.relative_to(corpora).parts[2] for path in rooms} == {"smallroom", "mediumroom"}
    for name, spec in specs.items():
        kind = name.rpartition("-")[2]
        words = {"reverb": {"rir"}, "babble": {"speech", "snr"}}.get(kind, {kind, "snr"})
        assert spec.keys() - {"speed"} == (words if kind in ("reverb", "noise", "music", "babble") else set())
    assert {len(spec["speech"]) for spec in specs.values() if "speech" in spec} == {3, 4, 5, 6}


def test_noise_follows_noise_until_the_end(data, corpora, tmp_path):
    specs = copies(data, tmp_path / "copies", corpora)
    seconds = {utt: float(x) for utt, x in read_map(data / "utt2dur").items()}
    several = 0
    for utt in UTTS:
        begin, parts = 0.0, specs[f"{utt}-noise"]["noise"]
        for file, start in parts:
            assert begin < seconds[utt]
            length = soundfile.info(file).duration
            assert start == 0 or start <= length - (seconds[utt] - begin) + 0.005
            begin += min(length, seconds[utt] - begin) + 1
        assert begin >= seconds[utt]
        assert len(specs[f"{utt}-noise"]["snr"]) == len(parts)
        several += len(parts) > 1
    assert several


def test_parts_are_drawn_from_all_of_a_file(corpora):
    sounds, rng = Sounds.of_folders([corpora / "musan/music"], "music"), random_for(1, "x")
    starts = {}
    for _ in range(200):
        part, length = sounds.draw_part(rng, 2.0)
        file, _, start = part.rpartition("@")
        assert length == 2.0
        starts.setdefault(file, []).append(float(start) / (soundfile.info(file).duration - 2))
    assert len(starts) == 4
    for drawn in starts.values():
        assert 0 <= min(drawn) < 0.2
        assert 0.8 < max(drawn) <= 1.01


def test_copies_do_not_depend_on_where_the_sounds_lie(data, corpora, tmp_path):
    shutil.copytree(corpora, tmp_path / "z/elsewhere")
    one, other = (
        (copies(data, tmp_path / str(k), where), read_map(tmp_path / str(k) / "utt2aug"))[1]
        for k, where in enumerate((corpora, tmp_path / "z"))
    )
    assert {utt: text.replace(str(corpora), str(tmp_path / "z/elsewhere")) for utt, text in one.items()} == other
    assert one == (copies(data, tmp_path / "2", corpora), read_map(tmp_path / "2/utt2aug"))[1]
    assert one != (copies(data, tmp_path / "3", corpora, seed=2), read_map(tmp_path / "3/utt2aug"))[1]


def test_features_of_such_copies_are_repeatable_and_independent_of_shards(data, corpora, tmp_path):
    settings = KALDI4 | {"copies": [*KALDI4["copies"], "telephone"], "speeds": [0.9, 1.0]}
    specs = copies(data, tmp_path / "copies", corpora, settings)
    one = features(tmp_path / "copies", tmp_path / "1")
    features(tmp_path / "copies", tmp_path / "again")
    assert (tmp_path / "1/feats.1.ark").read_bytes() == (tmp_path / "again/feats.1.ark").read_bytes()
    three = features(tmp_path / "copies", tmp_path / "3", Fbank(shards=3))
    assert one.keys() == three.keys() == specs.keys()
    for utt, feats in one.items():
        assert np.array_equal(feats, three[utt])
        clean = utt if utt in UTTS else utt.rpartition("-")[0]
        assert feats.shape == one[clean].shape if clean in one else True
        if clean in UTTS and utt not in UTTS:
            assert np.abs(feats - one[clean]).mean() > 0.1


def test_without_folders_built_in_sounds_stand_in(data, tmp_path, caplog):
    builtin = {k: v for k, v in KALDI4.items() if not k.endswith("folders")}
    for where in (None, tmp_path):
        specs = copies(data, tmp_path / "copies", where)
        assert specs == copies(data, tmp_path / "builtin", None, builtin)
        for name in ("musan/noise", "musan/music", "musan/speech", f"{ROOMS}/smallroom", f"{ROOMS}/mediumroom"):
            assert f"no such folder {name!r}" in caplog.text
        caplog.clear()
    assert len(features(tmp_path / "copies", tmp_path / "feats")) == 5 * len(UTTS)


def test_what_is_there_is_taken_where_the_rest_is_missing(data, corpora, tmp_path, caplog):
    shutil.copytree(corpora / ROOMS / "smallroom", tmp_path / "some" / ROOMS / "smallroom")
    specs = copies(data, tmp_path / "copies", tmp_path / "some")
    assert f"no such folder '{ROOMS}/mediumroom'" in caplog.text
    assert "smallroom" not in caplog.text
    assert all("smallroom" in specs[f"{utt}-reverb"]["rir"] and "slope" in specs[f"{utt}-noise"] for utt in UTTS)


def test_mixtures_draw_from_folders_too(data, corpora, tmp_path):
    folders = {key: value for key, value in KALDI4.items() if key.endswith("folders")}
    specs = copies(data, tmp_path / "copies", corpora, folders | {"copies": 8, "music_probability": 0.3})
    words = {word for spec in specs.values() for word in spec}
    assert words == {"speed", "rir", "noise", "music", "speech", "snr"}
    assert all(len(spec.get("snr", [0])) == 1 for spec in specs.values())


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_archives_are_unpacked_once(data, corpora, tmp_path, form):
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    if form == "zip":
        with zipfile.ZipFile(shelf / "musan.zip", "w") as z:
            for path in sorted((corpora / "musan").rglob("*.wav")):
                z.write(path, path.relative_to(corpora))
    else:
        shutil.make_archive(shelf / "musan", "gztar", corpora, "musan")
    shutil.make_archive(shelf / "rirs_noises", "zip", corpora, "RIRS_NOISES")
    specs = copies(data, tmp_path / "copies", shelf, KALDI4 | {"fallback": False})
    unpacked = tmp_path / "unpacked"
    assert specs["s0-u0-music"]["music"][0][0].startswith(f"{unpacked}/musan/musan/music/fma/")
    assert specs["s0-u0-reverb"]["rir"].startswith(f"{unpacked}/RIRS_NOISES/{ROOMS}/")
    (unpacked / "musan/unpacked.json").touch()
    for path in shelf.iterdir():
        path.unlink()
    assert copies(data, tmp_path / "again", shelf, KALDI4 | {"fallback": False}) == specs


def test_the_verb_looks_where_the_environment_says(data, corpora, tmp_path, monkeypatch):
    monkeypatch.setenv("SPKR_CORPORA", str(corpora))
    options = '{"copies": ["noise"], "noise_folders": ["musan/noise"]}'
    main(["augment", str(data), str(tmp_path / "copies"), "--options", options, "--unpacked", str(tmp_path)])
    assert f"noise={corpora}/musan/noise/free-sound/" in read_map(tmp_path / "copies/utt2aug")["s0-u0-noise"]


def test_folder_of_that_name_goes_before_its_archive(corpora, tmp_path):
    shutil.make_archive(tmp_path / "musan", "gztar", corpora, "musan")
    shutil.copytree(corpora / "musan", tmp_path / "deep/musan")
    assert find_folder("musan/noise", tmp_path, tmp_path / "unpacked") == tmp_path / "deep/musan/noise"
    assert find_folder(str(corpora / "musan"), None, tmp_path) == corpora / "musan"
    assert find_folder(str(corpora / "nowhere"), None, tmp_path) is None


def test_first_channel_of_several_is_heard(data, corpora, tmp_path):
    write_noise(tmp_path / "many/noise/x.wav", 5, channels=4)
    write_room(tmp_path / "many/rooms/x.wav", channels=8)
    for kind in ("noise", "rooms"):
        samples, rate = soundfile.read(tmp_path / f"many/{kind}/x.wav")
        (tmp_path / f"one/{kind}").mkdir(parents=True)
        soundfile.write(tmp_path / f"one/{kind}/x.wav", samples[:, 0], rate)
    feats = []
    for name in ("many", "one"):
        settings = {"copies": ["reverb", "noise"], "rir_folders": ["rooms"], "noise_folders": ["noise"]}
        copies(data, tmp_path / f"{name}_copies", tmp_path / name, settings)
        feats.append(features(tmp_path / f"{name}_copies", tmp_path / f"{name}_feats"))
    assert all(np.array_equal(feats[0][utt], feats[1][utt]) for utt in feats[0])


def test_sounds_of_a_higher_rate_are_brought_down_where_that_is_allowed(data, tmp_path):
    write_noise(tmp_path / "noise/x.wav", 5, rate=48000)
    copies(data, tmp_path / "copies", tmp_path, {"copies": ["noise"], "noise_folders": ["noise"]})
    with pytest.raises(InputError, match="s0-u0-noise: .*noise/x.wav: sampled at 48000 Hz; expected 16000 Hz"):
        features(tmp_path / "copies", tmp_path / "feats")
    assert not (tmp_path / "feats").exists()
    assert len(features(tmp_path / "copies", tmp_path / "feats", Fbank(shards=1, resample="down"))) == 18


def spoil(folder, kind):
    for path in sorted(folder.rglob("*.wav")):
        if kind == "unreadable":
            path.write_text("RIFF of nothing")
        elif kind == "no samples":
            write_noise(path, 0)
        elif kind == "empty":
            path.unlink()
    if kind == "missing":
        shutil.rmtree(folder)
    elif kind == "a space":
        write_noise(folder / "a b.wav", 1)
    elif kind == "a list of others":
        (folder / "noise_list").write_text("--noise-id 1 x/y.wav\n")


@pytest.mark.parametrize(
    "kind, message",
    [
        ("missing", "^noise_folders: no such folder 'musan/noise', nor an archive of it, under .*/bad; put it"),
        ("empty", "musan/noise: no .flac or .wav files below it"),
        ("unreadable", "^/.*noise-free-sound-000.[.]wav: not readable as audio"),
        ("no samples", "the audio file has no samples"),
        ("a space", "a b.wav: a space or comma in its name"),
        ("a list of others", "noise_list: names y.wav, which is not below"),
    ],
)
def test_bad_sounds_are_refused_at_the_door(data, corpora, tmp_path, kind, message):
    shutil.copytree(corpora, tmp_path / "bad")
    spoil(tmp_path / "bad/musan/noise", kind)
    with pytest.raises(InputError, match=message) as error:
        copies(data, tmp_path / "copies", tmp_path / "bad", KALDI4 | {"fallback": False})
    assert str(data) not in str(error.value)
    assert not (tmp_path / "copies").exists()


@pytest.mark.parametrize("folder", [".", "../musan"])
def test_folder_that_is_no_name_is_refused(corpora, folder):
    with pytest.raises(InputError, match="expected the name of a folder"):
        find_sounds({"noise": [folder]}, True, corpora, "unpacked")


@pytest.mark.parametrize("kind", ["noise", "music", "speech"])
def test_files_are_read_from_their_second_on(data, tmp_path, kind):
    write_noise(tmp_path / "whole.wav", 5)
    samples, _ = soundfile.read(tmp_path / "whole.wav", dtype="int16")
    soundfile.write(tmp_path / "rest.wav", samples[int(1.37 * RATE) :], RATE)
    files = {name: read_map(data / name) for name in ("wav.scp", "utt2spk", "utt2dur")}
    feats = {}
    for part in ("whole.wav@1.37", "rest.wav@0", "whole.wav@0"):
        utt2aug = dict.fromkeys(UTTS, f"{kind}={tmp_path / part} snr=3")
        write_data_dir(tmp_path / "data", files | {"utt2aug": utt2aug})
        feats[part] = features(tmp_path / "data", tmp_path / "feats")["s1-u1"]
    assert np.array_equal(feats["whole.wav@1.37"], feats["rest.wav@0"])
    assert not np.array_equal(feats["whole.wav@1.37"], feats["whole.wav@0"])


@pytest.mark.parametrize(
    "spec, message",
    [
        ("rir=nowhere.wav", "s2-u2: nowhere.wav: no such audio file"),
        ("noise=nowhere.wav@0 snr=3", "s2-u2: nowhere.wav: no such audio file"),
        ("music={}@5 snr=3", "s2-u2: .*x.wav: 1 seconds long; its segment from 5"),
        ("rir={}@0", "s2-u2: .*x.wav@0: no such audio file"),
    ],
)
def test_bad_files_of_utt2aug_are_refused_before_any_work(data, tmp_path, spec, message):
    write_noise(tmp_path / "x.wav", 1)
    files = {name: read_map(data / name) for name in ("wav.scp", "utt2spk", "utt2dur")}
    spec = spec.format(tmp_path / "x.wav")
    write_data_dir(tmp_path / "data", files | {"utt2aug": {**dict.fromkeys(UTTS, "speed=1"), "s2-u2": spec}})
    with pytest.raises(InputError, match=message):
        features(tmp_path / "data", tmp_path / "feats")
    assert not (tmp_path / "feats").exists()


def test_hidden_and_other_files_are_no_sounds(tmp_path):
    for name in ("b/x.WAV", "a/y.flac", ".hidden.wav", "z.mp3", "README"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list_files(tmp_path) == [tmp_path / "a/y.flac", tmp_path / "b/x.WAV"]


def test_draws_know_no_files_by_their_folder(corpora):
    """Each folder is as likely as the others, however many files it has."""
    sounds, rng = (
        Sounds.of_folders([corpora / "musan/music", corpora / ROOMS / "smallroom/Room000"], "music"),
        random_for(1, "x"),
    )
    assert np.mean(["Room" in sounds.draw(rng).name for _ in range(400)]) == pytest.approx(0.5, abs=0.06)
