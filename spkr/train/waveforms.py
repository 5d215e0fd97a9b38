"""Batches of waveforms: crops cut from the recordings, whose augmentation is drawn anew each time.

The loader reads and draws. The device convolves, adds noise and computes features (spkr.train.on_device). The arks say
which frames there are and which are voiced.
"""

import hashlib
from collections.abc import Mapping, Sequence
from math import gcd, lcm
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from spkr.audio import EFFECTS
from spkr.audio.augment_sounds import Sounds
from spkr.audio.augmented_copies import EffectSampler, OtherSpeakers
from spkr.audio.decoding import decode, read_part, sample_range
from spkr.audio.effects import change_speed, mixed, noises_of, parse_spec, room_of
from spkr.audio.fingerprint import check_fingerprint, fingerprints_of
from spkr.audio.opening import open_audio
from spkr.audio.resampling import resample
from spkr.config.augment_options import Augmentation
from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.feats.provenance import channel_read
from spkr.files import sha256
from spkr.kaldi.datadir import check_data_dir, clips
from spkr.kaldi.select import read_maps
from spkr.train.batches import CropBatches
from spkr.train.on_device import Waveforms, features, margin

FILTER = 0.01  # seconds; many times longer than the audio that one resampled sample depends on


class Recordings:
    """Reads stretches of the utterances of data directories, at the speeds that utt2aug gives them.

    Args: channels are feats.channel of each directory's features; by default, the front end's.
    Raises InputError if a directory is malformed, or if utt2aug has other effects than speeds.
    """

    def __init__(
        self, data_dirs: Sequence[str], front_end: FrontEnd, channels: Sequence[str | int | None] | None = None
    ):
        self.front_end, self.rate = front_end, front_end.sample_frequency
        self.clips, self.percent, self.persons, self.sums, self.digests = {}, {}, {}, {}, []
        for data_dir, channel in zip(data_dirs, channels or [front_end.channel] * len(data_dirs), strict=True):
            files = check_data_dir(data_dir)
            self.clips |= clips(files, channel)
            self.sums |= fingerprints_of(files)
            for utt, spk in files["utt2spk"].items():
                text = files.get("utt2aug", {}).get(utt, "speed=1")
                spec = parse_spec(text, f"{data_dir}/utt2aug: {utt}")
                if spec.keys() != {"speed"}:
                    raise InputError(
                        f"{data_dir}/utt2aug: {utt}: {text!r}; train.waveforms takes copies that change the speed "
                        "only, such as train.augment: speed3; set other effects in train.on_the_fly"
                    )
                self.percent[utt] = round(100 * spec["speed"])
                self.persons[utt] = spk.replace(f"sp{spec['speed']:g}-", "", 1)  # a recipe's name may stand before it
            named = (Path(data_dir) / name for name in ("wav.scp", "segments", "reco2channel", "utt2aug", "reco2sum"))
            self.digests += [sha256(path) for path in named if path.exists()]

    def stretch(self, utt: str, first: int, last: int) -> np.ndarray:
        """Samples `first` to `last` of an utterance at its speed, (last - first,) float32 on the 16-bit scale.

        Beyond its ends the utterance is reflected, as for frames (Kaldi's ExtractWindow). Raises InputError as
        `read_audio` does, if a recording has changed, and if it ends before the stretch begins.
        """
        clip, percent = self.clips[utt], self.percent[utt]
        if clip.source in self.sums:
            check_fingerprint(clip.source, self.sums[clip.source])
        reach = round(FILTER * self.rate)
        with open_audio(clip.source, self.front_end.allow_pipes, clip.channel) as f:
            begin, end = sample_range(clip.source, f, clip.start, clip.end)
            own, step = steps(f.samplerate, self.rate, percent)
            before = max(0, first - reach) // step
            begin = min(begin + before * own, end)
            end = min(end, begin + (-(-(last + reach) // step) - before) * own)
            blocks = list(decode(clip.source, f, begin, end, clip.channel))
            samples = np.concatenate(blocks) if blocks else np.empty(0, np.float32)
            if len(samples) and f.samplerate != self.rate:
                samples = resample(samples, f.samplerate, self.rate)
        samples = change_speed(samples, percent / 100) if len(samples) else samples
        found = samples[max(0, first) - before * step : last - before * step]
        if not len(found):
            raise InputError(f"{clip.source}: {utt} is shorter than its features say; make them again")
        return np.pad(found, (max(0, -first), last - max(0, first) - len(found)), mode="symmetric")


def steps(rate: int, new_rate: int, percent: int) -> tuple[int, int]:
    """The fewest samples at `rate` that give a whole number at `new_rate` and `percent` of the speed, and that number.

    Resampling from a multiple of these samples gives the same as resampling from the beginning.
    """
    in_rate, out_rate = rate // gcd(rate, new_rate), new_rate // gcd(rate, new_rate)
    in_speed, out_speed = percent // gcd(percent, 100), 100 // gcd(percent, 100)
    between = lcm(out_rate, in_speed)
    return between // out_rate * in_rate, between // in_speed * out_speed


def check_copies(copies: Augmentation) -> None:
    """Raise InputError if `train.on_the_fly` asks for what the device does not compute."""
    effects = ["telephone"] if copies.codec_probability else [name for name in EFFECTS if name in copies.copy_names()]
    if effects:
        raise InputError(
            f"train.on_the_fly: {effects[0]}; expected rooms and noise only; train on arks for this effect"
        )


class WaveBatches(CropBatches):
    """Batches of the same crops as from arks, with `Waveforms` in place of features.

    A crop is used clean or as one of the copies that `copies` names, each as likely as if all copies had been made.

    Args:
        data_dirs, feats_dirs: of the sets that are trained on.
        copies: the config's `train.on_the_fly`.
        sounds: recordings by kind (rir, noise, music, speech); kinds without recordings are synthesised.
        reader, others: the arguments of CropBatches.

    Raises InputError if these settings, or the front end, do not work with waveforms.
    """

    def __init__(
        self,
        data_dirs: Sequence[str],
        feats_dirs: Sequence[str],
        copies: Augmentation,
        sounds: Mapping[str, Sounds],
        reader,
        *others,
    ):
        super().__init__(reader, *others)
        check_copies(copies)
        self.front_end, self.copies = reader.front_end, copies
        if self.options.shuffle_buffer:
            raise InputError("train.batches.shuffle_buffer: expected 0 with train.waveforms, which reads no arks")
        if self.front_end.cmvn.type == "speaker" or self.front_end.to_dict().get("engine") == "torchaudio":
            raise InputError(
                "train.waveforms: not with feats.cmvn.type speaker, nor with feats.engine torchaudio; change these, or "
                "train on arks"
            )
        channels = [channel_read(feats_dir, self.front_end) for feats_dir in feats_dirs]
        self.recordings = Recordings(data_dirs, self.front_end, channels)
        counts = read_maps([Path(feats_dir) / "utt2num_frames" for feats_dir in feats_dirs])
        self.total = {utt: int(count) for utt, count in counts.items()}
        self.sounds = sounds
        self.sampler = EffectSampler(
            self.copies, OtherSpeakers(self.recordings.persons, f"{data_dirs[0]}/utt2spk"), sounds
        )

    def sources(self) -> list[str]:
        """Digests of what decides which audio is used."""
        names = "\n".join(str(path) for kind in self.sounds.values() for files in kind.files for path in files)
        return [*self.recordings.digests, hashlib.sha256(names.encode()).hexdigest()]

    def features(self, crops: Waveforms) -> torch.Tensor:
        """The network's input from a batch's crops, on their device: (N, T, dim)."""
        return features(crops, self.front_end)

    def cut(
        self, utts: Sequence[str], length: int, rngs: Sequence[np.random.Generator]
    ) -> tuple[Waveforms, torch.Tensor]:
        """A crop of each utterance, of `length` frames (fewer if short ones are padded), and the lengths (N,)."""
        rows = [self._row(utt, length, rng) for utt, rng in zip(utts, rngs, strict=True)]
        speech, rooms, noise, frames, hidden_frames, hidden_bands = zip(*rows, strict=True)
        direct, rooms = _aligned(rooms)
        noisy = any(x is not None for x in noise)
        noises = [np.zeros_like(x) if y is None else y for x, y in zip(speech, noise, strict=True)]
        lengths = torch.tensor([len(x) for x in frames])
        waves = Waveforms(
            speech=padded(speech),
            num_samples=torch.tensor([len(x) for x in speech]),
            rooms=rooms,
            direct=direct,
            noise=padded(noises) if noisy else None,
            frames=padded(frames),
            lengths=lengths,
            hidden_frames=padded(hidden_frames),
            hidden_bands=padded(hidden_bands),
        )
        return waves, lengths

    def _row(self, utt: str, length: int, rng: np.random.Generator) -> tuple:
        """Speech (samples,), room, noise, indices (T,) of the frames used, and masks of these and of the bands."""
        fe, total = self.front_end, self.total[utt]
        seen = np.flatnonzero(self.reader.voiced(utt, total)) if fe.select_voiced else np.arange(total)
        frames = self.stretch(seen, length, rng)
        hidden = self.masks(len(frames), fe.dim, rng)
        first, last = int(frames.min()), int(frames.max()) + 1
        speech = self.recordings.stretch(
            utt, (first - margin(fe)) * fe.window_shift, (last + margin(fe)) * fe.window_shift
        )
        return speech, *self._distortion(utt, len(speech), rng), frames - first, *hidden

    def _distortion(self, utt: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The impulse response of a room, and noise (n,) for speech of unit power; None for what is not drawn."""
        names, rate = self.copies.copy_names(), self.front_end.sample_frequency
        if rng.random() * (1 + self.copies.keep * len(names)) < 1:
            return None, None
        name = names[rng.integers(len(names))]
        words = self.sampler.copy(name, rng, self.recordings.persons[utt], n / rate)
        spec = parse_spec(" ".join(f"{k}={v}" for k, v in words.items()), f"train.on_the_fly: {name}")

        def talker(other: str) -> np.ndarray:
            length = self.total[other] * self.front_end.window_shift
            first = int(rng.integers(max(1, length - n + 1)))
            return self.recordings.stretch(other, first, min(first + n, length))

        def file(path: str, start: float, count: int | None) -> np.ndarray:
            return read_part(path, rate, self.front_end.resample, start, count)

        room = room_of(spec, rate, rng, file)
        if "snr" not in spec:
            return room, None
        return room, mixed(np.zeros(n, np.float32), noises_of(spec, n, rate, rng, talker, file), spec["snr"], 1.0)


def padded(rows: Sequence[np.ndarray]) -> torch.Tensor:
    """Rows of different lengths as one tensor, with zeros after the shorter ones."""
    return pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)


def _aligned(rooms: Sequence[np.ndarray | None]) -> tuple[int, torch.Tensor | None]:
    """The tap of the direct sound, and impulse responses (N, taps) shifted to peak there; None is no room."""
    if all(room is None for room in rooms):
        return 0, None
    responses = [np.ones(1) if room is None else room for room in rooms]
    peaks = [int(np.argmax(np.abs(response))) for response in responses]
    shifted = [
        np.pad(response, (max(peaks) - peak, 0)).astype(np.float32)
        for response, peak in zip(responses, peaks, strict=True)
    ]
    return max(peaks), padded(shifted)
