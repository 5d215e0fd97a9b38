import math

import numpy as np
import pytest
from scipy.signal import sosfilt, welch

from spkr.audio.acoustics import TAIL_DELAY, TELEPHONE_BAND, coloured_noise, reverberate, room_response, telephone
from spkr.audio.augment import augment_data_dir, augmented
from spkr.audio.augment_options import AugmentOptions
from spkr.audio.effects import change_speed, distort, parse_spec, random_for
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


def heard(spec, samples=None, utterances=None, files=None, rate=RATE):
    """What `distort` makes of speech, where utterances and files have these samples."""

    def read_file(file, start, count):
        samples = files[file][round(start * rate) :]
        return samples if count is None else samples[:count]

    return distort(
        speech() if samples is None else samples, spec, rate, random_for(1, "x"), lambda utt: utterances[utt], read_file
    )


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
        (
            {"copies": "reverb"},
            "augment.copies: reverb; expected a number from 0 to 1000, or a list of some of reverb,",
        ),
        ({"copies": ["reverb", "echo"]}, "augment.copies: .*'echo'.*; expected a list of some of reverb, noise"),
        ({"copies": ["noise", "noise"]}, "augment.copies: .*each once"),
        ({"keep": 2}, "augment.keep: 2; expected a number from 0 to 1"),
        ({"noise_snrs": []}, r"augment.noise_snrs: \(\); expected a list of numbers from -100 to 100"),
        ({"music_snrs": 5}, "augment.music_snrs: 5; expected a list of numbers"),
        ({"music_probability": 0.8}, "augment.music_probability: more than 1 with babble_probability"),
        ({"codecs": ["mp3"]}, "augment.codecs: .*'mp3'.*; expected a list of some of mulaw, alaw, gsm"),
        ({"codecs": []}, "augment.codecs: none"),
        ({"noise_folders": "musan/noise"}, "augment.noise_folders: musan/noise; expected a list of folders"),
        ({"fallback": "yes"}, "augment.fallback: yes; expected true or false"),
        ({"babble_talkers": [3, 4.5]}, "augment.babble_talkers"),
    ],
)
def test_wrong_option_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        AugmentOptions.from_dict(settings)


def test_copies_of_one_kind_are_named_by_it():
    options = AugmentOptions(speeds=(0.9, 1.0), copies=("reverb", "noise", "music", "babble", "telephone"))
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
    whole = augmented(DATA, AugmentOptions(copies=10), 1)["utt2aug"]
    some = augmented(DATA, AugmentOptions(copies=10, keep=0.3), 1)["utt2aug"]
    assert some.items() < whole.items()
    assert UTT2SPK.keys() <= some.keys()
    assert (len(some) - len(UTT2SPK)) / (len(whole) - len(UTT2SPK)) == pytest.approx(0.3, abs=0.08)


def test_mixtures_may_have_music_and_telephones():
    options = AugmentOptions(
        copies=40, babble_probability=0.2, music_probability=0.5, codec_probability=0.4, codecs=("alaw",)
    )
    drawn = augmented(DATA, options, 1)["utt2aug"]
    copies = [text.split() for utt, text in drawn.items() if "-aug" in utt]
    assert np.mean([text[-1] == "codec=alaw" for text in copies]) == pytest.approx(0.4, abs=0.05)
    before = augmented(DATA, AugmentOptions(copies=40, babble_probability=0.2), 1)["utt2aug"]
    assert {utt: text.removesuffix(" codec=alaw") for utt, text in drawn.items()} == before  # without music's files


def test_spec_is_read():
    text = "speed=0.9 rt60=0.41 drr=6.2 babble=a-1,b-2 snr=-3"
    assert parse_spec(text, "x") == {"speed": 0.9, "rt60": 0.41, "drr": 6.2, "babble": ["a-1", "b-2"], "snr": [-3.0]}


def test_spec_of_files_is_read():
    text = "rir=r/a=1.wav noise=n/1@2.wav@0,n/3.wav@12.50 snr=3,-4 codec=mulaw"
    assert parse_spec(text, "x") == {
        "rir": "r/a=1.wav", "noise": [("n/1@2.wav", 0.0), ("n/3.wav", 12.5)], "snr": [3.0, -4.0], "codec": "mulaw"
    }  # fmt: skip


@pytest.mark.parametrize(
    "text, message",
    [
        ("rir=x rt60=0.3 drr=3", "expected some of"),
        ("noise=x@0", "expected some of"),
        ("noise=x@0 music=y@0 snr=3", "expected some of"),
        ("noise=x snr=3", "noise=@x; expected a number from 0 to 1e\\+06"),
        ("music=x@-1 snr=3", "music=x@-1; expected a number from 0"),
        ("speech=x@0,y@0,z@0 snr=3,4", "2 values of snr for 3 of speech; expected 1 or 3"),
        ("slope=-1 snr=3,4", "2 values of snr for 1 of slope"),
        ("speech=x@0,y@0 snr=3,loud", "snr=loud; expected a number from -100"),
        ("codec=mp3", "codec=mp3; expected one of mulaw, alaw, gsm"),
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
    out = heard({"rt60": 0.3, "drr": 20.0})
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
    quiet = heard(room, utterances=voices)
    noisy = heard({**room, **noise, "snr": [snr]}, utterances=voices)
    assert noisy.dtype == np.float32
    assert decibels(energy(quiet) / energy(noisy - quiet)) == pytest.approx(snr, abs=0.01)


def test_babble_is_its_talkers_each_as_loud():
    n = 4 * RATE
    tones = {
        k: (100 * k * np.sin(2 * np.pi * 500 * k / RATE * np.arange(RATE * k))).astype(np.float32) for k in (1, 2, 3)
    }
    noisy = heard({"babble": [1, 3], "snr": [0.0]}, speech(n), tones)
    spectrum = np.abs(np.fft.rfft(noisy - speech(n))) ** 2 / n
    levels = [spectrum[round(500 * k * n / RATE) - 40 : round(500 * k * n / RATE) + 41].sum() for k in (1, 2, 3)]
    assert levels[1] < 0.01 * levels[0]
    assert levels[0] == pytest.approx(levels[2], rel=0.02)


@pytest.mark.parametrize(
    "spec", [{"slope": -1.0, "snr": [5.0]}, {"babble": ["a"], "snr": [5.0]}, {"rir": "a"}, {"codec": "gsm"}]
)
def test_silence_stays_finite(spec):
    silence = np.zeros(RATE, np.float32)
    for said, voice in ((silence, speech()), (speech(), silence), (silence, silence)):
        if "rir" in spec and not voice.any():
            with pytest.raises(InputError, match="a: silence; expected the impulse response"):
                heard(spec, said, files={"a": voice})
            continue
        out = heard(spec, said, {"a": voice}, {"a": voice})
        assert np.isfinite(out).all()
        assert (out.std() > 3) == said.any()  # A-law has no zero, and GSM a little noise


def test_measured_room_keeps_place_length_and_power():
    response = np.zeros(4000)
    response[[700, 900, 3000]] = [-0.01, 0.008, 0.004]  # a late and quiet one, its direct sound inverted
    out = reverberate(speech(), response)
    expected = -speech().astype(float)
    expected[200:] += 0.8 * speech()[:-200]
    expected[2300:] += 0.4 * speech()[:-2300]
    assert np.allclose(out, expected * math.sqrt(energy(speech()) / energy(expected)), atol=0.1)
    assert np.array_equal(heard({"rir": "r"}, files={"r": response}), out.astype(np.float32))


def test_each_of_several_noises_has_its_level():
    voices = {"a": speech(RATE, 1), "b": 20 * speech(3 * RATE, 2)}
    noise = {
        kind: heard({"babble": [kind], "snr": [snr]}, utterances=voices) for kind, snr in (("a", 3.0), ("b", -6.0))
    }
    both = heard({"babble": ["a", "b"], "snr": [3.0, -6.0]}, utterances=voices)
    assert decibels(energy(speech()) / energy(noise["a"] - speech())) == pytest.approx(3, abs=0.01)
    assert decibels(energy(both - speech()) / energy(speech())) == pytest.approx(decibels(10**-0.3 + 10**0.6), abs=0.1)


@pytest.mark.parametrize("kind", ["music", "speech"])
def test_files_are_heard_from_their_second_on_over_the_whole(kind):
    files = {"long": speech(5 * RATE, 1), "short": speech(RATE // 2, 2)}
    long = heard({kind: [("long", 1.5)], "snr": [7.0]}, files=files) - speech()
    assert np.corrcoef(long, files["long"][24000:56000])[0, 1] > 0.9999
    short = heard({kind: [("short", 0.0)], "snr": [7.0]}, files=files) - speech()
    assert np.corrcoef(short, np.tile(files["short"], 4))[0, 1] > 0.9999
    both = heard({kind: [("long", 1.5), ("short", 0.0)], "snr": [7.0]}, files=files) - speech()
    for noise in (long, short, both):
        assert decibels(energy(speech()) / energy(noise)) == pytest.approx(7, abs=0.01)
    assert np.allclose(both, (long + short) * math.sqrt(energy(long) / energy(long + short)), atol=1)


@pytest.mark.parametrize("snrs", [[4.0], [9.0, 2.0, 30.0]])
def test_noise_files_follow_each_other_with_a_second_between(snrs):
    files = {"a": 5 * speech(RATE // 2, 1), "b": speech(5 * RATE, 2), "never": speech(RATE, 3)}
    spec = {"noise": [("a", 0.0), ("b", 2.0), ("never", 0.0)], "snr": snrs}
    noise = heard(spec, speech(3 * RATE), files=files) - speech(3 * RATE)
    assert not noise[RATE // 2 : RATE // 2 + RATE].any()
    for begin, end, file, start, snr in (
        (0, 8000, "a", 0, snrs[0]),
        (24000, 48000, "b", 2 * RATE, snrs[1 % len(snrs)]),
    ):
        part = noise[begin:end]
        assert np.corrcoef(part, files[file][start : start + end - begin])[0, 1] > 0.9999
        assert decibels(energy(speech(3 * RATE)) / 48000 / np.mean(part**2)) == pytest.approx(snr, abs=0.01)


def g711_mulaw(samples):
    """ITU-T G.711, mu-law, its 255 values written out: the nearest one by the decision levels."""
    steps = [[(2 * m + 33) * 2**s - 33 for m in range(16)] for s in range(8)]
    levels = np.array(sum(steps, [])) * 4.0  # of 14 bits, on the scale of 16
    edges = (levels[1:] + levels[:-1]) / 2
    return np.sign(samples) * levels[np.searchsorted(edges, np.abs(samples), side="right")]


def test_mulaw_is_g711s():
    samples = np.clip(6 * speech(2 * 8000), -30000, 30000)
    out = telephone(samples, 8000, "mulaw")
    values = np.unique(np.abs(g711_mulaw(np.arange(-32768, 32768))))
    assert len(values) == 128
    assert np.isin(np.abs(out), values).all()
    exact = g711_mulaw(np.rint(sosfilt(TELEPHONE_BAND, samples)))
    assert np.mean(out == exact) > 0.98  # samples on a decision level may go either way
    noise = {codec: energy(telephone(samples, 8000, codec) - out) for codec in ("alaw", "gsm")}
    assert decibels(energy(out) / noise["alaw"]) == pytest.approx(35, abs=3)
    assert decibels(energy(out) / noise["gsm"]) < 20


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("codec", ["mulaw", "alaw", "gsm"])
def test_telephone_passes_its_band_alone(rate, codec):
    n = 2 * rate + 77
    white = (3000 * np.random.default_rng(1).standard_normal(n)).astype(np.float32)
    out = telephone(white, rate, codec)
    assert out.shape == (n,)
    f, power = welch(out, rate, nperseg=rate // 10)
    _, before = welch(white, rate, nperseg=rate // 10)
    inside, outside = (f > 500) & (f < 3000), (f < 100) | (f > 4300)
    assert decibels(power[inside].mean() / before[inside].mean()) == pytest.approx(0, abs=2.5)
    assert decibels(power[outside].mean() / before[outside].mean()) < (-13 if codec == "gsm" else -20)
    assert np.array_equal(out, telephone(white, rate, codec))


def test_overloaded_telephone_clips():
    loud = 100 * speech(8000)
    out = telephone(loud, 8000, "mulaw")
    assert 32000 < np.abs(out).max() < 32768
    far = np.abs(sent := sosfilt(TELEPHONE_BAND, loud)) > 40000
    assert far.any()
    assert np.array_equal(np.sign(out[far]), np.sign(sent[far]))


def test_telephone_comes_after_room_and_noise():
    spec = {"rt60": 0.3, "drr": 3.0, "slope": -1.0, "snr": [5.0]}
    assert np.array_equal(heard(spec | {"codec": "alaw"}), telephone(heard(spec), RATE, "alaw"))


def test_numbers_depend_on_seed_and_name():
    def draw(seed, name):
        return random_for(seed, name).random(4).tolist()

    assert draw(1, "a") == draw(1, "a")
    assert draw(1, "a") != draw(1, "b")
    assert draw(1, "a") != draw(2, "a")
