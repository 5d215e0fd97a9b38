import math

import numpy as np
import pytest
from scipy.signal import welch

from spkr.audio.augment import AugmentOptions, augment_data_dir, augmented
from spkr.audio.effects import (
    TAIL_DELAY,
    add_room_and_noise,
    change_speed,
    coloured_noise,
    parse_spec,
    random_for,
    room_response,
)
from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir, write_data_dir

RATE = 16000
UTT2SPK = {f"s{s}-u{u}": f"s{s}" for s in range(6) for u in range(5)}
DATA = {
    "wav.scp": {utt: f"{utt}.wav" for utt in UTT2SPK},
    "utt2spk": UTT2SPK,
    "utt2dur": dict.fromkeys(UTT2SPK, "2.2"),
}
ALL = AugmentOptions(speeds=(0.9, 1.0, 1.1), copies=2)


def speech(n=2 * RATE, seed=0):
    """Noise with a syllable's rhythm, on the scale of 16 bits."""
    rhythm = 1 + np.sin(2 * np.pi * 4 * np.arange(n) / RATE)
    return (500 * rhythm * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def specs(options=ALL, data=DATA, seed=1):
    return {utt: parse_spec(text, utt) for utt, text in augmented(data, options, seed)["utt2aug"].items()}


def decibels(ratio):
    return 10 * math.log10(ratio)


def energy(x):
    return float(np.sum(np.square(x, dtype=np.float64)))


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
    options = AugmentOptions(
        copies=40, rt60=(0.2, 0.3), drr=(1, 2), snr=(3, 4), slope=(-1, -0.5), babble_talkers=(2, 3)
    )
    drawn = [spec for spec in specs(options).values() if len(spec) > 1]
    for name in ("rt60", "drr", "snr", "slope"):
        values = [spec[name] for spec in drawn if name in spec]
        low, high = getattr(options, name)
        assert low <= min(values) < low + 0.1 * (high - low)
        assert high >= max(values) > high - 0.1 * (high - low)
    assert {len(spec["babble"]) for spec in drawn if "babble" in spec} == {2, 3}
    noisy = [spec for spec in drawn if "snr" in spec]
    assert np.mean(["rt60" in spec for spec in drawn]) == pytest.approx(0.5, abs=0.05)
    assert len(noisy) / len(drawn) == pytest.approx(0.75 + 0.25 * 0.5, abs=0.05)  # a copy without a room has noise
    assert np.mean(["babble" in spec for spec in noisy]) == pytest.approx(0.3, abs=0.05)


def test_nobody_babbles_over_himself():
    for name, spec in specs(AugmentOptions(speeds=(0.9, 1.0), copies=20, babble_probability=1.0)).items():
        talkers = spec.get("babble", [])
        assert len(set(talkers)) == len(talkers)
        for talker in talkers:
            assert UTT2SPK[talker] not in name


def test_babble_of_everybody_else_where_they_are_few():
    data = {name: {utt: x for utt, x in table.items() if utt in ("s0-u0", "s1-u0")} for name, table in DATA.items()}
    options = AugmentOptions(copies=20, babble_probability=1.0)
    assert {
        tuple(spec["babble"]) for utt, spec in specs(options, data).items() if "babble" in spec and utt[1] == "0"
    } == {("s1-u0",)}
    alone = {name: {"s0-u0": table["s0-u0"]} for name, table in data.items()}
    with pytest.raises(InputError, match="utt2spk: 's0' is the only speaker"):
        augmented(alone, options, 1)


def test_copies_depend_on_seed_and_name_alone():
    options = AugmentOptions(speeds=(0.9, 1.0), copies=3, babble_probability=0.0)
    whole = augmented(DATA, options, 1)["utt2aug"]
    part = {name: {utt: table[utt] for utt in reversed(table) if utt < "s3"} for name, table in DATA.items()}
    fewer = augmented(part, AugmentOptions(copies=2, babble_probability=0.0), 1)["utt2aug"]
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
        augment_data_dir(tmp_path / "data", tmp_path / "out", AugmentOptions(copies=1), 1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"speed": 1}, "augment: no such option 'speed'; the options are"),
        ({"speeds": 1.0}, "augment.speeds"),
        ({"speeds": []}, "augment.speeds"),
        ({"speeds": [1.0, 0]}, "augment.speeds"),
        ({"speeds": [0.9, 1.1]}, "augment.speeds: .* expected hundredths, and 1 among them"),
        ({"speeds": [1.0, 0.905]}, "augment.speeds: .* expected hundredths"),
        ({"copies": -1}, "augment.copies: -1; expected a number from 0"),
        ({"copies": 1.5}, "augment.copies"),
        ({"noise_probability": 1.5}, "augment.noise_probability: 1.5; expected a number from 0 to 1"),
        ({"room_probability": "often"}, "augment.room_probability: often"),
        ({"rt60": [0.6, 0.1]}, r"augment.rt60: \(0.6, 0.1\); expected \[low, high\]"),
        ({"rt60": [0, 0.5]}, "augment.rt60"),
        ({"snr": [5]}, "augment.snr"),
        ({"snr": 5}, "augment.snr"),
        ({"slope": [-1, "pink"]}, "augment.slope"),
        ({"babble_talkers": [0, 3]}, "augment.babble_talkers"),
        ({"babble_talkers": [3, 4.5]}, "augment.babble_talkers"),
    ],
)
def test_wrong_option_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        AugmentOptions.from_dict(settings)


def test_spec_is_read():
    text = "speed=0.9 rt60=0.41 drr=6.2 babble=a-1,b-2 snr=-3"
    assert parse_spec(text, "x") == {"speed": 0.9, "rt60": 0.41, "drr": 6.2, "babble": ["a-1", "b-2"], "snr": -3.0}


@pytest.mark.parametrize(
    "text, message",
    [
        ("fast", "expected some of"),
        ("speed", "expected some of"),
        ("speed=1  snr=3", "expected some of"),
        ("pitch=1.1", "expected some of"),
        ("speed=1 speed=1", "expected some of"),
        ("rt60=0.3", "expected some of"),
        ("drr=3", "expected some of"),
        ("snr=3", "expected some of"),
        ("slope=-1", "expected some of"),
        ("slope=-1 babble=a", "expected some of"),
        ("slope=-1 babble=a snr=3", "expected some of"),
        ("speed=0", "speed=0; expected a number of hundredths from 0.1 to 10"),
        ("speed=0.905", "speed=0.905; expected a number of hundredths"),
        ("speed=-1", "speed=-1"),
        ("speed=nan", "speed=nan"),
        ("slope=-1 snr=abc", "snr=abc; expected a number from -100 to 100"),
        ("slope=-1 snr=inf", "snr=inf"),
        ("rt60=0 drr=3", "rt60=0"),
        ("rt60=1e9 drr=3", "rt60=1e9"),
    ],
)
def test_wrong_spec_is_refused_with_its_place(text, message):
    with pytest.raises(InputError, match=f"^data/utt2aug: utt: .*{message}"):
        parse_spec(text, "data/utt2aug: utt")


@pytest.mark.parametrize("speed", [0.9, 1.1, 1.37])
def test_speed_changes_tempo_and_pitch(speed):
    n = 30000
    fast = change_speed(np.sin(2 * np.pi * 1000 / RATE * np.arange(n)).astype(np.float32), speed)
    assert len(fast) == math.ceil(n / speed)
    pitch = np.argmax(np.abs(np.fft.rfft(fast))) * RATE / len(fast)
    assert pitch == pytest.approx(1000 * speed, abs=RATE / len(fast))


def test_speed_of_one_changes_nothing():
    assert np.array_equal(change_speed(speech(), 1.0), speech())


@pytest.mark.parametrize("rt60", [0.15, 0.5])
@pytest.mark.parametrize("drr", [0.0, 9.5])
def test_room_decays_and_reverberates_as_it_says(rt60, drr):
    response = room_response(rt60, drr, RATE, random_for(1, "room"))
    tail = response[1:]
    assert response[0] == 1
    assert np.flatnonzero(tail)[0] + 1 == round(TAIL_DELAY * RATE)
    assert decibels(1 / energy(tail)) == pytest.approx(drr, abs=1e-6)
    decay = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / energy(tail))  # Schroeder's backward integral
    t = np.arange(len(tail)) / RATE
    part = (decay < -5) & (decay > -35)
    assert -60 / np.polyfit(t[part], decay[part], 1)[0] == pytest.approx(rt60, rel=0.1)


def test_direct_sound_keeps_its_place_and_length():
    out = add_room_and_noise(speech(), {"rt60": 0.3, "drr": 20.0}, RATE, random_for(1, "x"), None)
    assert out.shape == speech().shape
    assert out.dtype == np.float32
    assert np.corrcoef(out, speech())[0, 1] > 0.98


@pytest.mark.parametrize("slope", [0.0, -1.0, -2.0])
@pytest.mark.parametrize("n", [32000, 30011])  # 30011 is prime
def test_noise_has_its_slope(slope, n):
    noise = coloured_noise(n, slope, random_for(3, "noise"))
    assert noise.shape == (n,)
    f, power = welch(noise, RATE, nperseg=1024)
    part = (f > 200) & (f < 7500)
    assert np.polyfit(np.log(f[part]), np.log(power[part]), 1)[0] == pytest.approx(slope, abs=0.1)


@pytest.mark.parametrize("noise", [{"slope": -1.0}, {"babble": ["a", "b"]}])
@pytest.mark.parametrize("room", [{}, {"rt60": 0.4, "drr": 3.0}])
@pytest.mark.parametrize("snr", [-3.0, 15.0])
def test_noise_has_its_level(noise, room, snr):
    voices = {"a": speech(RATE, 1), "b": 20 * speech(3 * RATE, 2)}
    quiet = add_room_and_noise(speech(), room, RATE, random_for(1, "x"), voices.get)
    noisy = add_room_and_noise(speech(), {**room, **noise, "snr": snr}, RATE, random_for(1, "x"), voices.get)
    assert noisy.dtype == np.float32
    assert decibels(energy(quiet) / energy(noisy - quiet)) == pytest.approx(snr, abs=0.01)


def test_babble_is_its_talkers_each_as_loud():
    n = 4 * RATE
    tones = {
        k: (100 * k * np.sin(2 * np.pi * 500 * k / RATE * np.arange(RATE * k))).astype(np.float32) for k in (1, 2, 3)
    }
    spec = {"babble": ["1", "3"], "snr": 0.0}
    noisy = add_room_and_noise(speech(n), spec, RATE, random_for(1, "x"), lambda utt: tones[int(utt)])
    spectrum = np.abs(np.fft.rfft(noisy - speech(n))) ** 2 / n
    levels = [spectrum[round(500 * k * n / RATE) - 40 : round(500 * k * n / RATE) + 41].sum() for k in (1, 2, 3)]
    assert levels[1] < 0.01 * levels[0]
    assert levels[0] == pytest.approx(levels[2], rel=0.02)


@pytest.mark.parametrize("spec", [{"slope": -1.0, "snr": 5.0}, {"babble": ["a"], "snr": 5.0}])
def test_silence_stays_finite(spec):
    silence = np.zeros(RATE, np.float32)
    for heard, voice in ((silence, speech()), (speech(), silence), (silence, silence)):
        out = add_room_and_noise(heard, spec, RATE, random_for(1, "x"), {"a": voice}.get)
        assert np.isfinite(out).all()
        assert out.any() == heard.any()


def test_numbers_depend_on_seed_and_name():
    def draw(seed, name):
        return random_for(seed, name).random(4).tolist()

    assert draw(1, "a") == draw(1, "a")
    assert draw(1, "a") != draw(1, "b")
    assert draw(1, "a") != draw(2, "a")
