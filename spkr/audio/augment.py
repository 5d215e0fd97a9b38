"""Augmented copies of a data directory, as Kaldi's recipes make them, from speech alone.

A copy is a line of `utt2aug`, which says what is done to the recording when its features are computed
(spkr.audio.effects); no audio is written. A copy of another speed is another speaker:

    fash-an251-b              fash          speed=1
    fash-an251-b-aug1         fash          speed=1 slope=-1.37 snr=14.14
    sp0.9-fash-an251-b        sp0.9-fash    speed=0.9
    sp0.9-fash-an251-b-aug1   sp0.9-fash    speed=0.9 rt60=0.515 drr=1.82 babble=mblw-an4-b,mdcs-cen2-b snr=6.91

All is drawn from a seed and the copy's name (babble also from the list of utterances), so that no copy depends on
what was drawn for another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path

import numpy as np

from spkr.audio.effects import LIMITS, is_hundredth, random_for
from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir, invert, write_data_dir

OPTION_LIMITS = LIMITS | {
    "speeds": LIMITS["speed"],
    "copies": (0, 1000),
    "room_probability": (0, 1),
    "noise_probability": (0, 1),
    "babble_probability": (0, 1),
    "babble_talkers": (1, 1000),
}


@dataclass(frozen=True)
class AugmentOptions:
    """What copies are made. Each range is [low, high], drawn from uniformly; probabilities are a copy's own."""

    speeds: tuple[float, ...] = (1.0,)
    copies: int = 0  # augmented copies beside each clean one
    room_probability: float = 0.5
    rt60: tuple[float, float] = (0.1, 0.6)
    drr: tuple[float, float] = (0.0, 12.0)
    noise_probability: float = 0.75
    snr: tuple[float, float] = (5.0, 25.0)
    slope: tuple[float, float] = (-2.0, 0.0)
    babble_probability: float = 0.3  # of a noisy copy's noise being babble
    babble_talkers: tuple[int, int] = (3, 7)

    def __post_init__(self):
        for f in fields(self):
            value, (low, high) = getattr(self, f.name), OPTION_LIMITS[f.name]
            whole = f.name in ("copies", "babble_talkers")
            is_list = isinstance(f.default, tuple)
            numbers = value if isinstance(value, tuple) else (value,)
            if (
                isinstance(value, tuple) != is_list
                or not all(isinstance(x, int if whole else int | float) and low <= x <= high for x in numbers)
                or (is_list and f.name != "speeds" and (len(numbers) != 2 or numbers[0] > numbers[1]))
            ):
                form = "[low, high], both" if is_list else "a number"
                raise InputError(f"augment.{f.name}: {value}; expected {form} from {low} to {high}")
        if 1 not in self.speeds or not all(map(is_hundredth, self.speeds)):
            raise InputError(f"augment.speeds: {self.speeds}; expected hundredths, and 1 among them")

    @classmethod
    def from_dict(cls, settings: Mapping) -> "AugmentOptions":
        """Build from a config's `augment` section; a key that is unknown or out of range is an InputError naming it."""
        known = {f.name for f in fields(cls)}
        if unknown := sorted(settings.keys() - known):
            raise InputError(f"augment: no such option {unknown[0]!r}; the options are {', '.join(sorted(known))}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})


def augment_data_dir(data_dir: str | Path, out_dir: str | Path, options: AugmentOptions, seed: int) -> None:
    """Write the data directory of `data_dir`'s augmented copies, clean ones included."""
    files = check_data_dir(data_dir)
    if "utt2dur" not in files:
        raise InputError(f"{data_dir}/utt2dur: no such file; augmentation needs the durations")
    if "utt2aug" in files:
        raise InputError(f"{data_dir}/utt2aug: these are augmented copies already; name what they were made of")
    try:
        copies = augmented(files, options, seed)
    except InputError as e:
        raise InputError(f"{data_dir}/{e}") from None
    write_data_dir(out_dir, copies)


def augmented(data: Mapping[str, Mapping[str, str]], options: AugmentOptions, seed: int) -> dict[str, dict[str, str]]:
    """The files of a data directory's augmented copies, clean ones included: wav.scp, utt2spk, utt2dur, utt2aug.

    Args:
        data: content of the clean directory's wav.scp, utt2spk and utt2dur; segments where it has them.
        options: what copies are made.
        seed: of all that is drawn.

    Raises InputError where a copy would have another utterance's name, or where babble has no other speakers.
    """
    audio = "segments" if "segments" in data else "wav.scp"
    out: dict[str, dict[str, str]] = {name: {} for name in (audio, "utt2spk", "utt2dur", "utt2aug")}
    others = Others(data["utt2spk"])
    for utt, spk in data["utt2spk"].items():
        for speed in options.speeds:
            prefix = "" if speed == 1 else f"sp{speed:g}-"
            for copy in range(options.copies + 1):
                name = f"{prefix}{utt}" + (f"-aug{copy}" if copy else "")
                if name in out["utt2spk"]:
                    raise InputError(f"utt2spk: a copy of {utt!r} and another utterance are both {name!r}; rename one")
                spec = {"speed": f"{speed:g}"}
                if copy:
                    spec |= _draw(random_for(seed, name), spk, others, options)
                out[audio][name] = data[audio][utt]
                out["utt2spk"][name] = prefix + spk
                out["utt2dur"][name] = f"{float(data['utt2dur'][utt]) / speed:.3f}"
                out["utt2aug"][name] = " ".join(f"{k}={v}" for k, v in spec.items())
    return {"wav.scp": dict(data["wav.scp"])} | out


class Others:
    """The utterances of all speakers but one, to draw babble from."""

    def __init__(self, utt2spk: Mapping[str, str]):
        spk2utt = invert(utt2spk)
        self.utts = list(chain.from_iterable(spk2utt.values()))
        self.own: dict[str, tuple[int, int]] = {}  # where a speaker's utterances begin and end
        start = 0
        for spk, utts in spk2utt.items():
            self.own[spk] = (start, start := start + len(utts))

    def draw(self, rng: np.random.Generator, spk: str, count: int) -> list[str]:
        """This many utterances, or all there are, of other speakers than `spk`."""
        start, end = self.own[spk]
        n = len(self.utts) - (end - start)
        if not n:
            raise InputError(f"utt2spk: {spk!r} is the only speaker; for babble there must be others")
        drawn = rng.choice(n, size=min(n, count), replace=False)
        return [self.utts[i if i < start else i + end - start] for i in drawn.tolist()]


def _draw(rng: np.random.Generator, spk: str, others: Others, options: AugmentOptions) -> dict[str, str]:
    spec = {}
    if rng.random() < options.room_probability:
        spec |= {"rt60": f"{rng.uniform(*options.rt60):.3f}", "drr": f"{rng.uniform(*options.drr):.2f}"}
    if rng.random() < options.noise_probability or not spec:
        if rng.random() < options.babble_probability:
            low, high = options.babble_talkers
            spec["babble"] = ",".join(others.draw(rng, spk, int(rng.integers(low, high + 1))))
        else:
            spec["slope"] = f"{rng.uniform(*options.slope):.2f}"
        spec["snr"] = f"{rng.uniform(*options.snr):.2f}"
    return spec
