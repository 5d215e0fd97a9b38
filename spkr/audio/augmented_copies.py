"""Augmented copies of a data directory, as Kaldi's recipes make them.

A copy is a line of `utt2aug`, which says how the recording is changed when its features are computed
(spkr.audio.effects). No audio is written. A copy at another speed is another speaker:

    fash-an251-b              fash          speed=1
    fash-an251-b-aug1         fash          speed=1 slope=-1.37 snr=14.14
    fash-an251-b-reverb       fash          speed=1 rir=corpora/RIRS_NOISES/simulated_rirs/smallroom/Room1/3.wav
    sp0.9-fash-an251-b        sp0.9-fash    speed=0.9
    sp0.9-fash-an251-b-aug1   sp0.9-fash    speed=0.9 rt60=0.515 drr=1.82 babble=mblw-an4-b,mdcs-cen2-b snr=6.91

Rooms, noise, music and speech are drawn from folders of recordings (spkr.audio.augment_sounds) if the options name
some. Otherwise rooms and noise are synthesised, and babble is made from the utterances themselves. Each copy has a
random generator of its own, seeded with the seed and the copy's name, so that no copy depends on another. Babble also
depends on the list of utterances, and recordings on the lists of files.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, product
from pathlib import Path

import numpy as np

from spkr.audio import EFFECTS
from spkr.audio.augment_sounds import Sounds, find_sounds
from spkr.audio.effects import GAP, random_for
from spkr.config.augment_options import Augmentation
from spkr.errors import InputError
from spkr.kaldi.datadir import check_data_dir, write_data_dir
from spkr.kaldi.rules import invert


def augment_data_dir(
    data_dir: str | Path,
    out_dir: str | Path,
    options: Augmentation,
    seed: int,
    corpora: str | Path | None = None,
    unpacked: str | Path = "exp/corpora",
) -> None:
    """Write a data directory of `data_dir`'s augmented copies, including the clean ones.

    `spkr.audio.augment_sounds.find_folder` finds the folders of recordings that the options name.
    """
    files = check_data_dir(data_dir)
    if "utt2dur" not in files:
        raise InputError(f"{data_dir}/utt2dur: no such file; augmentation needs the durations")
    if "utt2aug" in files:
        raise InputError(f"{data_dir}/utt2aug: these are augmented copies already; name what they were made of")
    sounds = find_sounds(options.folders(), options.fallback, corpora, unpacked)
    write_data_dir(out_dir, augmented(files, options, seed, sounds, f"{data_dir}/utt2spk"))


def augmented(
    data: Mapping[str, Mapping[str, str]],
    options: Augmentation,
    seed: int,
    sounds: Mapping[str, Sounds] | None = None,
    where: str = "utt2spk",
) -> dict[str, dict[str, str]]:
    """The files of a data directory of augmented copies, including the clean ones.

    These are wav.scp, utt2spk, utt2dur and utt2aug, and segments, reco2sum and reco2channel if `data` has them.

    Args:
        data: content of the clean directory's wav.scp, utt2spk and utt2dur, and of segments, reco2sum and reco2channel
            if present.
        options: which copies to make.
        seed: seed of the random generators.
        sounds: recordings by kind (rir, noise, music, speech); kinds without recordings are synthesised.
        where: the file that error messages name.

    Raises InputError if a copy would get the name of another utterance, if babble has no other speakers, or if the
    header of a recording cannot be read.
    """
    recordings = [name for name in ("wav.scp", "reco2sum", "reco2channel") if name in data]
    audio = ["segments"] if "segments" in data else recordings  # the files with a line for each copy
    out: dict[str, dict[str, str]] = {name: {} for name in (*audio, "utt2spk", "utt2dur", "utt2aug")}
    sampler = EffectSampler(options, OtherSpeakers(data["utt2spk"], where), sounds or {})
    for utt, spk in data["utt2spk"].items():
        for speed, formants, prefix, copy, name in _copies(utt, options, seed):
            if name in out["utt2spk"]:
                raise InputError(f"{where}: a copy of {utt!r} and another utterance are both {name!r}; rename one")
            seconds = float(data["utt2dur"][utt]) / speed
            spec = {"speed": f"{speed:g}"} | ({} if formants == 1 else {"formants": f"{formants:g}"})
            if copy:
                spec |= sampler.copy(copy, random_for(seed, name), spk, seconds)
            for file in audio:
                if utt in data[file]:  # reco2channel need not have all
                    out[file][name] = data[file][utt]
            out["utt2spk"][name] = prefix + spk
            out["utt2dur"][name] = f"{seconds:.3f}"
            out["utt2aug"][name] = " ".join(f"{k}={v}" for k, v in spec.items())
    return {file: dict(data[file]) for file in recordings} | out


def _copies(utt: str, options: Augmentation, seed: int) -> Iterator[tuple[float, float, str, str, str]]:
    """The copies of an utterance: speed, formants, prefix of the names, kind ("" of a clean one), and name."""
    for speed, formants in product(options.speeds, options.formants):
        prefix = ("" if speed == 1 else f"sp{speed:g}-") + ("" if formants == 1 else f"fm{formants:g}-")
        for copy in ("", *options.copy_names()):
            name = f"{prefix}{utt}" + (f"-{copy}" if copy else "")
            if not copy or options.keep >= 1 or random_for(seed, f"keep {name}").random() < options.keep:
                yield speed, formants, prefix, copy, name


class OtherSpeakers:
    """The utterances of all speakers but one, to draw babble from."""

    def __init__(self, utt2spk: Mapping[str, str], where: str):
        self.where, spk2utt = where, invert(utt2spk)
        self.utts = list(chain.from_iterable(spk2utt.values()))
        self.own: dict[str, tuple[int, int]] = {}  # where a speaker's utterances begin and end
        start = 0
        for spk, utts in spk2utt.items():
            self.own[spk] = (start, start := start + len(utts))

    def draw(self, rng: np.random.Generator, spk: str, count: int) -> list[str]:
        """Draw `count` utterances of speakers other than `spk`, or all if there are fewer."""
        start, end = self.own[spk]
        n = len(self.utts) - (end - start)
        if not n:
            raise InputError(f"{self.where}: {spk!r} is the only speaker; babble needs others")
        drawn = rng.choice(n, size=min(n, count), replace=False)
        return [self.utts[i if i < start else i + end - start] for i in drawn.tolist()]


class EffectSampler:
    """Draws the effects of copies, as words of a line of utt2aug."""

    def __init__(self, options: Augmentation, others: OtherSpeakers, sounds: Mapping[str, Sounds]):
        self.options, self.others, self.sounds = options, others, sounds

    def copy(self, name: str, rng: np.random.Generator, spk: str, seconds: float) -> dict[str, str]:
        """Draw the copy `name` of an utterance of `spk`. `seconds` is its duration at the copy's speed."""
        if name == "reverb":
            return self._room(rng)
        if name in EFFECTS:
            return self._effect(name, rng)
        if name.startswith("aug"):
            return self._mixture(rng, spk, seconds)
        noise = self._noise(name, rng, spk, seconds)
        (listed,) = noise.values()
        snrs = rng.choice(getattr(self.options, f"{name}_snrs"), size=listed.count(",") + 1)
        return noise | {"snr": ",".join(f"{snr:g}" for snr in snrs)}

    def _mixture(self, rng: np.random.Generator, spk: str, seconds: float) -> dict[str, str]:
        o, spec = self.options, {}
        if rng.random() < o.room_probability:
            spec |= self._room(rng)
        if rng.random() < o.noise_probability or not spec:
            u = rng.random()
            is_music = u < o.babble_probability + o.music_probability
            kind = "babble" if u < o.babble_probability else "music" if is_music else "noise"
            spec |= self._noise(kind, rng, spk, seconds) | {"snr": f"{rng.uniform(*o.snr):.2f}"}
        if rng.random() < o.codec_probability:
            spec |= self._effect("telephone", rng)
        return spec

    def _room(self, rng: np.random.Generator) -> dict[str, str]:
        if "rir" in self.sounds:
            return {"rir": str(self.sounds["rir"].draw(rng))}
        return {"rt60": f"{rng.uniform(*self.options.rt60):.3f}", "drr": f"{rng.uniform(*self.options.drr):.2f}"}

    def _effect(self, name: str, rng: np.random.Generator) -> dict[str, str]:
        word, _, values = EFFECTS[name]
        if name == "telephone":
            values = self.options.codecs
        if isinstance(values[0], str):
            return {word: str(rng.choice(values))}
        return {word: f"{rng.uniform(*values):.4g}"}

    def _noise(self, kind: str, rng: np.random.Generator, spk: str, seconds: float) -> dict[str, str]:
        """Draw noise of kind `noise`, `music` or `babble`, without its level."""
        if kind == "babble":
            low, high = self.options.babble_talkers
            count = int(rng.integers(low, high + 1))
            if "speech" in self.sounds:
                return {"speech": ",".join(self.sounds["speech"].draw_part(rng, seconds)[0] for _ in range(count))}
            return {"babble": ",".join(self.others.draw(rng, spk, count))}
        if kind not in self.sounds:
            return {"slope": f"{rng.uniform(*self.options.slope):.2f}"}
        if kind == "music":
            return {"music": self.sounds["music"].draw_part(rng, seconds)[0]}
        parts, begin = [], 0.0
        while begin < seconds:
            part, length = self.sounds["noise"].draw_part(rng, seconds - begin)
            parts.append(part)
            begin += length + GAP
        return {"noise": ",".join(parts)}
