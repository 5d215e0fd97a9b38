import math

import numpy as np
import pytest

from spkr.audio.acoustics import reverberate, telephone
from spkr.audio.effects import change_speed, parse_spec, random_for
from spkr.errors import InputError
from tests.unit.audio.speech import RATE, decibels, energy, heard, speech


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
        ("formants=0.905", "formants=0.905; expected a number of hundredths from 0.5 to 2"),
        ("speed=-1", "speed=-1"),
        ("speed=nan", "speed=nan"),
        ("speed=1_0", "speed=1_0"),
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


def test_telephone_comes_after_room_and_noise():
    spec = {"rt60": 0.3, "drr": 3.0, "slope": -1.0, "snr": [5.0]}
    assert np.array_equal(heard(spec | {"codec": "alaw"}), telephone(heard(spec), RATE, "alaw"))


def test_numbers_depend_on_seed_and_name():
    def draw(seed, name):
        return random_for(seed, name).random(4).tolist()

    assert draw(1, "a") == draw(1, "a")
    assert draw(1, "a") != draw(1, "b")
    assert draw(1, "a") != draw(2, "a")
