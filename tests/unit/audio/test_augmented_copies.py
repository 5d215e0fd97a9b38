import re

import numpy as np
import pytest

from spkr.audio.augmented_copies import augment_data_dir, augmented
from spkr.audio.effects import parse_spec
from spkr.config.augment_options import Augmentation
from spkr.config.options import read_options
from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir, write_data_dir

UTT2SPK = {f"s{s}-u{u}": f"s{s}" for s in range(6) for u in range(5)}
DATA = {
    "wav.scp": {utt: f"{utt}.wav" for utt in UTT2SPK},
    "utt2spk": UTT2SPK,
    "utt2dur": dict.fromkeys(UTT2SPK, "2.2"),
}
ALL = Augmentation(speeds=(0.9, 1.0, 1.1), copies=2)


def specs(options=ALL, data=DATA, seed=1):
    return {utt: parse_spec(text, utt) for utt, text in augmented(data, options, seed)["utt2aug"].items()}


def test_copies_are_named_and_other_speeds_are_other_speakers():
    files = augmented(DATA, ALL, 1)
    for name, table in (("utt2spk", UTT2SPK), ("wav.scp", DATA["wav.scp"])):
        assert files[name] == {
            f"{prefix}{utt}{copy}": (prefix if name == "utt2spk" else "") + value
            for utt, value in table.items()
            for prefix in ("", "sp0.9-", "sp1.1-")
            for copy in ("", "-aug1", "-aug2")
        }
    for name, spec in specs().items():
        assert spec["speed"] == {"sp0": 0.9, "sp1": 1.1}.get(name[:3], 1)
        assert (len(spec) > 1) == ("-aug" in name)
    assert files["utt2dur"]["s0-u0"] == "2.200"
    assert files["utt2dur"]["sp1.1-s0-u0-aug1"] == "2.000"


def test_other_formants_are_other_speakers_at_each_speed():
    files = augmented(DATA, Augmentation(speeds=(1.0, 1.1), formants=(0.9, 1.0)), 1)
    assert {spk for spk in files["utt2spk"].values() if spk.endswith("s0")} == {
        "s0",
        "fm0.9-s0",
        "sp1.1-s0",
        "sp1.1-fm0.9-s0",
    }
    assert files["utt2aug"]["sp1.1-fm0.9-s0-u0"] == "speed=1.1 formants=0.9"
    assert files["utt2dur"]["sp1.1-fm0.9-s0-u0"] == files["utt2dur"]["sp1.1-s0-u0"] == "2.000"
    for values in ((0.9, 1.1), (1.0, 0.905)):
        with pytest.raises(InputError, match=r"formants: .*; expected hundredths, and 1 among them"):
            read_options(Augmentation, {"formants": values}, "x")
    with pytest.raises(InputError, match="formants: .*; expected each once"):  # the copies would have one name
        read_options(Augmentation, {"formants": [1, 0.9, 0.9 + 1e-13]}, "x")


def test_data_dir_of_copies_is_a_whole_one(tmp_path):
    write_data_dir(tmp_path / "clean", DATA)
    augment_data_dir(tmp_path / "clean", tmp_path / "copies", ALL, 1)
    files = check_data_dir(tmp_path / "copies")
    assert len(files["utt2aug"]) == 9 * len(UTT2SPK)
    assert len(files["spk2utt"]) == 3 * 6
    with pytest.raises(InputError, match="copies/utt2aug: these are augmented copies already"):
        augment_data_dir(tmp_path / "copies", tmp_path / "again", ALL, 1)
    (tmp_path / "clean/utt2dur").unlink()
    with pytest.raises(InputError, match="clean/utt2dur: no such file"):
        augment_data_dir(tmp_path / "clean", tmp_path / "again", ALL, 1)
    assert not (tmp_path / "again").exists()


def test_draws_follow_the_options():
    options = Augmentation(copies=40, rt60=(0.2, 0.3), drr=(1, 2), snr=(3, 4), slope=(-1, -0.5), babble_talkers=(2, 3))
    drawn = [spec for spec in specs(options).values() if len(spec) > 1]
    for name in ("rt60", "drr", "snr", "slope"):
        values = np.ravel([spec[name] for spec in drawn if name in spec])
        low, high = getattr(options, name)
        assert low <= min(values) < low + 0.1 * (high - low)
        assert high >= max(values) > high - 0.1 * (high - low)
    assert {len(spec["babble"]) for spec in drawn if "babble" in spec} == {2, 3}
    noisy = [spec for spec in drawn if "snr" in spec]
    assert np.mean(["rt60" in spec for spec in drawn]) == pytest.approx(0.5, abs=0.05)
    assert len(noisy) / len(drawn) == pytest.approx(0.75 + 0.25 * 0.5, abs=0.05)  # a copy without a room has noise
    assert np.mean(["babble" in spec for spec in noisy]) == pytest.approx(0.3, abs=0.05)


def test_nobody_babbles_over_himself():
    for name, spec in specs(Augmentation(speeds=(0.9, 1.0), copies=20, babble_probability=1.0)).items():
        talkers = spec.get("babble", [])
        assert len(set(talkers)) == len(talkers)
        for talker in talkers:
            assert UTT2SPK[talker] not in name


def test_babble_of_everybody_else_where_they_are_few():
    data = {name: {utt: x for utt, x in table.items() if utt in ("s0-u0", "s1-u0")} for name, table in DATA.items()}
    options = Augmentation(copies=20, babble_probability=1.0)
    assert {
        tuple(spec["babble"]) for utt, spec in specs(options, data).items() if "babble" in spec and utt[1] == "0"
    } == {("s1-u0",)}
    alone = {name: {"s0-u0": table["s0-u0"]} for name, table in data.items()}
    with pytest.raises(InputError, match="utt2spk: 's0' is the only speaker"):
        augmented(alone, options, 1)


def test_copies_depend_on_seed_and_name_alone():
    options = Augmentation(speeds=(0.9, 1.0), copies=3, babble_probability=0.0)
    whole = augmented(DATA, options, 1)["utt2aug"]
    part = {name: {utt: table[utt] for utt in reversed(table) if utt < "s3"} for name, table in DATA.items()}
    fewer = augmented(part, Augmentation(copies=2, babble_probability=0.0), 1)["utt2aug"]
    assert fewer.items() <= whole.items()
    other = augmented(DATA, options, 2)["utt2aug"]
    assert all((whole[utt] == other[utt]) == ("-aug" not in utt) for utt in whole)
    assert len({whole[utt] for utt in whole if "-aug" in utt}) > 0.99 * sum("-aug" in utt for utt in whole)


def test_copy_that_has_an_utterances_name_is_refused(tmp_path):
    utt2spk = {"s0-u0": "s0", "s0-u0-aug1": "s0", "s1-u0": "s1"}
    write_data_dir(
        tmp_path / "data",
        {"wav.scp": dict.fromkeys(utt2spk, "x"), "utt2spk": utt2spk, "utt2dur": dict.fromkeys(utt2spk, 1)},
    )
    with pytest.raises(InputError, match="data/utt2spk: a copy of 's0-u0-aug1' and another .* both 's0-u0-aug1'"):
        augment_data_dir(tmp_path / "data", tmp_path / "out", Augmentation(copies=1), 1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"speed": 1}, "augment.speed: no such key; did you mean speeds?"),
        ({"speeds": 1.0}, "augment.speeds: 1.0; expected a list"),
        ({"speeds": []}, "augment.speeds: "),
        ({"speeds": [1.0, 0]}, "augment.speeds.1: 0; expected at least 0.1"),
        ({"speeds": [0.9, 1.1]}, "augment.speeds: [0.9, 1.1]; expected hundredths, and 1 among them"),
        ({"speeds": [1.0, 0.905]}, "augment.speeds: [1.0, 0.905]; expected hundredths"),
        ({"copies": -1}, "augment.copies: -1; expected a whole number from 0"),
        ({"copies": 1.5}, "augment.copies: 1.5"),
        ({"noise_probability": 1.5}, "augment.noise_probability: 1.5; expected at most 1"),
        ({"room_probability": "often"}, "augment.room_probability: 'often'; expected a number"),
        ({"rt60": [0.6, 0.1]}, "augment.rt60: [0.6, 0.1]; expected [low, high]"),
        ({"rt60": [0, 0.5]}, "augment.rt60.0: 0; expected at least 0.01"),
        ({"snr": [5]}, "augment.snr.1: missing"),
        ({"snr": 5}, "augment.snr: 5; expected a list"),
        ({"slope": [-1, "pink"]}, "augment.slope.1: 'pink'; expected a number"),
        ({"babble_talkers": [0, 3]}, "augment.babble_talkers.0: 0; expected at least 1"),
        ({"copies": "reverb"}, "augment.copies: 'reverb'; expected a whole number from 0 to 1000, or a list of some"),
        (
            {"copies": ["reverb", "echo"]},
            "augment.copies: ['reverb', 'echo']; expected a list of some of reverb, noise",
        ),
        ({"copies": ["noise", "noise"]}, "augment.copies: ['noise', 'noise']; expected a list of some"),
        ({"keep": 2}, "augment.keep: 2; expected at most 1"),
        ({"noise_snrs": []}, "augment.noise_snrs: "),
        ({"music_snrs": 5}, "augment.music_snrs: 5; expected a list"),
        ({"music_probability": 0.8}, "augment.music_probability: more than 1 with babble_probability"),
        ({"codecs": ["mp3"]}, "augment.codecs.0: 'mp3'; expected mulaw, alaw or gsm"),
        ({"codecs": []}, "augment.codecs: "),
        ({"noise_folders": "musan/noise"}, "augment.noise_folders: 'musan/noise'; expected a list"),
        ({"fallback": "yes"}, "augment.fallback: 'yes'; expected true or false"),
        ({"babble_talkers": [3, 4.5]}, "augment.babble_talkers.1: 4.5; expected a whole number"),
    ],
)
def test_wrong_option_is_named(settings, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read_options(Augmentation, settings, "augment")


def test_copies_of_one_kind_are_named_by_it():
    options = Augmentation(speeds=(0.9, 1.0), copies=("reverb", "noise", "music", "babble", "telephone"))
    drawn = specs(options)
    words = {"reverb": ["rt60", "drr"], "noise": ["slope", "snr"], "music": ["slope", "snr"]}
    words |= {"babble": ["babble", "snr"], "telephone": ["codec"]}
    assert drawn.keys() == {
        f"{prefix}{utt}{copy}"
        for utt in UTT2SPK
        for prefix in ("", "sp0.9-")
        for copy in ("", *(f"-{kind}" for kind in words))
    }
    for name, spec in drawn.items():
        assert list(spec)[1:] == words.get(name.rpartition("-")[2], [])
    for kind, snrs in (("noise", {15, 10, 5, 0}), ("music", {15, 10, 8, 5}), ("babble", {20, 17, 15, 13})):
        assert {snr for name, spec in drawn.items() if name.endswith(kind) for snr in spec["snr"]} == snrs
    babble = [spec for name, spec in drawn.items() if name.endswith("babble")]
    assert all(len(spec["snr"]) == len(spec["babble"]) for spec in babble)
    assert {len(spec["babble"]) for spec in babble} == {3, 4, 5, 6, 7}
    assert {spec["codec"] for spec in drawn.values() if "codec" in spec} == {"mulaw", "alaw", "gsm"}


def test_some_copies_are_kept_and_the_same_as_of_all():
    whole = augmented(DATA, Augmentation(copies=10), 1)["utt2aug"]
    some = augmented(DATA, Augmentation(copies=10, keep=0.3), 1)["utt2aug"]
    assert some.items() < whole.items()
    assert UTT2SPK.keys() <= some.keys()
    assert (len(some) - len(UTT2SPK)) / (len(whole) - len(UTT2SPK)) == pytest.approx(0.3, abs=0.08)


def test_mixtures_may_have_music_and_telephones():
    options = Augmentation(
        copies=40, babble_probability=0.2, music_probability=0.5, codec_probability=0.4, codecs=("alaw",)
    )
    drawn = augmented(DATA, options, 1)["utt2aug"]
    copies = [text.split() for utt, text in drawn.items() if "-aug" in utt]
    assert np.mean([text[-1] == "codec=alaw" for text in copies]) == pytest.approx(0.4, abs=0.05)
    before = augmented(DATA, Augmentation(copies=40, babble_probability=0.2), 1)["utt2aug"]
    assert {utt: text.removesuffix(" codec=alaw") for utt, text in drawn.items()} == before  # without music's files
