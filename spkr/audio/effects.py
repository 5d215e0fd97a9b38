"""The changes that a line of utt2aug makes to a recording: speed, room, noise, effects, in this order.

    sp0.9-fash-an251-b-aug1  speed=0.9 rt60=0.410 drr=6.20 slope=-1.30 snr=12.80
    fash-an251-b-music       speed=1 music=corpora/musan/music/fma/music-fma-0003.wav@61.25 snr=8

    speed   tempo, pitch and formants, in hundredths
    formants  formants alone, in hundredths
    rt60    reverberation time of a simulated room in seconds, with
    drr     its direct to reverberant energy ratio in dB; or
    rir     a file with the impulse response of a room
    snr     signal to noise ratio in dB, with one of these:
      slope   coloured noise of this spectral slope (0 white, -1 pink, -2 brown; power ~ f^slope)
      babble  utterances, comma-separated, as they were recorded, all at once
      music   files, comma-separated, all at once: FILE@SECONDS begins at that time; a short file is repeated
      speech  the same
      noise   files, as FILE@SECONDS, one after the other with a second between them
    codec   of a telephone: mulaw, alaw, gsm; likewise every effect of spkr.audio.EFFECTS

Every word is optional. `snr` may list a value for each file or utterance, comma-separated. A single value is the ratio
of all of them together over the recording, and for `noise`, of each file while it lasts.
"""

import hashlib
import math
from collections.abc import Callable
from pkgutil import resolve_name

import numpy as np
import scipy  # which imports scipy.signal at its first use: half a second

from spkr.audio import EFFECTS
from spkr.audio.acoustics import coloured_noise, in_loop, power, reverberate, room_response
from spkr.audio.formants import shift_formants
from spkr.audio.resampling import resample, resampled_length
from spkr.config.augment_options import LIMITS, is_hundredth
from spkr.errors import InputError
from spkr.kaldi.fields import decimal

EFFECT_OF = {effect.word: effect for effect in EFFECTS.values()}
START_LIMITS = (0, 1e6)  # seconds
PARTS = ("noise", "music", "speech")  # words that list FILE@SECONDS
VOICES = {"speed", "formants"}  # words that make another voice, and with it another speaker
NOISES = {"slope", "babble", *PARTS}
GAP = 1.0  # seconds between two files of `noise` (Kaldi's voxceleb recipe: --fg-interval 1)

Part = tuple[str, float]  # a file, and the time in seconds where it begins
Spec = dict[str, float | str | list[float] | list[str] | list[Part]]
Noise = tuple[int, np.ndarray]  # the position of its first sample in the speech, and its samples
ReadUtterance = Callable[[str], np.ndarray]
ReadFile = Callable[[str, float, int | None], np.ndarray]  # file, start in seconds, maximum of samples (None: all)


def random_for(seed: int, name: str) -> np.random.Generator:
    """A random generator that depends only on the seed and the name."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(digest[:8], "little")))


def parse_spec(text: str, where: str) -> Spec:
    """Parse a line of utt2aug. Raises InputError, which names `where`, if it is malformed."""
    items = [item.split("=", 1) for item in text.split(" ")]
    names = [name for name, *_ in items]
    noises = NOISES.intersection(names)
    if (
        not all(len(item) == 2 for item in items)
        or len(set(names)) < len(names)
        or set(names) - {*LIMITS, *NOISES, "rir", *EFFECT_OF}
        or ("rt60" in names) != ("drr" in names)
        or {"rt60", "rir"} <= set(names)
        or ("snr" in names) != len(noises)
    ):
        raise InputError(
            f"{where}: expected some of 'speed=S', 'rt60=T drr=D' or 'rir=FILE', one of 'slope=B', 'babble=U,V' and "
            f"'{'|'.join(PARTS)}=FILE@SECONDS,...' with 'snr=N' or 'snr=N,M', and of "
            f"{', '.join(f'{word}=...' for word in EFFECT_OF)}; found {text!r}"
        )
    spec = {name: _value(name, value, where) for name, value in items}
    for name in noises:
        count = 1 if name == "slope" else len(spec[name])
        if len(spec["snr"]) not in (1, count):
            raise InputError(f"{where}: {len(spec['snr'])} values of snr for {count} of {name}; expected 1 or {count}")
    return spec


def _value(name: str, text: str, where: str) -> float | str | list:
    if name in EFFECT_OF:
        return _effect_value(name, text, where)
    if name == "rir":
        return text
    if name == "babble":
        return text.split(",")
    if name == "snr":
        return [_number("snr=", value, LIMITS["snr"], where) for value in text.split(",")]
    if name in PARTS:
        parts = [part.rpartition("@") for part in text.split(",")]
        return [(file, _number(f"{name}={file}@", start, START_LIMITS, where)) for file, _, start in parts]
    return _number(f"{name}=", text, LIMITS[name], where)


def _effect_value(word: str, text: str, where: str) -> float | str:
    values = EFFECT_OF[word].values
    if not isinstance(values[0], str):
        return _number(f"{word}=", text, values, where)
    if text not in values:
        raise InputError(f"{where}: {word}={text}; expected one of {', '.join(values)}")
    return text


def _number(word: str, text: str, limits: tuple[float, float], where: str) -> float:
    low, high = limits
    try:
        value = decimal(text)
    except ValueError:
        value = math.nan
    of_voice = word.rstrip("=") in VOICES
    if not low <= value <= high or (of_voice and not is_hundredth(value)):
        kind = "a number of hundredths" if of_voice else "a number"
        raise InputError(f"{where}: {word}{text}; expected {kind} from {low:g} to {high:g}")
    return value


def parts_of(spec: Spec) -> list[Part]:
    """The files that a spec names, and where each begins."""
    rooms = [(spec["rir"], 0.0)] if "rir" in spec else []
    return rooms + [part for name in PARTS for part in spec.get(name, ())]


def change_voice(samples: np.ndarray, spec: Spec, rate: int) -> np.ndarray:
    """Play (samples,) at the speed and with the formants that `spec` names."""
    return shift_formants(change_speed(samples, spec.get("speed", 1.0)), spec.get("formants", 1.0), rate)


def change_speed(samples: np.ndarray, speed: float) -> np.ndarray:
    """Play (samples,) at `speed` times the speed: tempo and pitch change together (sox speed)."""
    rates = _rates_of(speed)
    return samples if rates == (1, 1) else resample(samples, *rates)


def speed_length(n: int, speed: float) -> int:
    """The number of samples that `change_speed` returns for n."""
    return resampled_length(n, *_rates_of(speed))


def _rates_of(speed: float) -> tuple[int, int]:
    percent = round(speed * 100)
    divisor = math.gcd(percent, 100)
    return percent // divisor, 100 // divisor


def distort(
    samples: np.ndarray,
    spec: Spec,
    rate: int,
    rng: np.random.Generator,
    read_utterance: ReadUtterance,
    read_file: ReadFile,
) -> np.ndarray:
    """Reverberate (samples,), add noise and apply effects, as `spec` says. The readers read what it names.

    Raises InputError if the impulse response is silence, and as the readers do.
    """
    out, response = samples, room_of(spec, rate, rng, read_file)
    if "rt60" in spec:
        out = scipy.signal.fftconvolve(out, response)[: len(samples)]
    elif "rir" in spec:
        out = reverberate(out, response)
    if "snr" in spec:
        noises = noises_of(spec, len(out), rate, rng, read_utterance, read_file)
        out = mixed(out, noises, spec["snr"], power(out))
    for word, effect in EFFECT_OF.items():
        if word in spec:
            out = resolve_name(effect.function)(out, rate, spec[word])
    return out.astype(np.float32, copy=False)


def room_of(spec: Spec, rate: int, rng: np.random.Generator, read_file: ReadFile) -> np.ndarray | None:
    """The impulse response of the room in `spec`, or None. Raises InputError if it is silence."""
    if "rt60" in spec:
        return room_response(spec["rt60"], spec["drr"], rate, rng)
    if "rir" not in spec:
        return None
    response = read_file(spec["rir"], 0, None)
    if not response.any():
        raise InputError(f"{spec['rir']}: silence; expected the impulse response of a room")
    return response


def noises_of(
    spec: Spec, n: int, rate: int, rng: np.random.Generator, read_utterance: ReadUtterance, read_file: ReadFile
) -> list[Noise]:
    """The noises for n samples of speech: several if each has a ratio of its own, otherwise their sum."""
    if "noise" in spec:
        return _one_after_another(spec["noise"], n, rate, read_file)
    noises = _at_once(spec, n, rng, read_utterance, read_file)
    return [(0, noise) for noise in (noises if len(spec["snr"]) > 1 else [sum(noises)])]


def _at_once(
    spec: Spec, n: int, rng: np.random.Generator, read_utterance: ReadUtterance, read_file: ReadFile
) -> list[np.ndarray]:
    """Noises that last for all n samples; all have the same power."""
    if "slope" in spec:
        return [coloured_noise(n, spec["slope"], rng)]
    if "babble" in spec:
        talkers = map(read_utterance, spec["babble"])
        return [in_loop(talker, n, int(rng.integers(len(talker)))) for talker in talkers]
    return [in_loop(read_file(*part, n), n) for part in spec.get("music") or spec["speech"]]


def _one_after_another(parts: list[Part], n: int, rate: int, read_file: ReadFile) -> list[Noise]:
    noises, begin = [], 0
    for part in parts:
        if begin < n:
            noises.append((begin, read_file(*part, n - begin)))
            begin += len(noises[-1][1]) + round(GAP * rate)
    return noises


def mixed(samples: np.ndarray, noises: list[Noise], snrs: list[float], speech_power: float) -> np.ndarray:
    """Add noises to (samples,), each at its signal to noise ratio in dB, or all at the same one."""
    out = samples.copy()
    for i, (begin, noise) in enumerate(noises):
        if noise_power := power(noise):
            gain = math.sqrt(speech_power / noise_power / 10 ** (snrs[i % len(snrs)] / 10))
            out[begin : begin + len(noise)] += noise * gain
    return out
