"""The feature stage: computes a feature ark, a VAD ark and frame counts of one shard of a data directory."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from spkr.audio.decoding import Extent, check_audio, read_audio, read_part
from spkr.audio.effects import VOICES, Spec, change_voice, distort, parse_spec, parts_of, random_for, speed_length
from spkr.audio.fingerprint import check_fingerprint, fingerprints_of
from spkr.config.front_end_options import FrontEnd
from spkr.errors import InputError
from spkr.feats import compute
from spkr.feats.fbank import EPSILON
from spkr.feats.vad import energy_vad
from spkr.kaldi.datadir import Clip, check_data_dir, clips
from spkr.kaldi.maps import write_map
from spkr.kaldi.shards import utts_of_shard
from spkr.kaldi.table import TableWriter

logger = logging.getLogger(__name__)


def extract_shard(data_dir: str | Path, out_dir: str | Path, front_end: FrontEnd, shard: int, seed: int = 1) -> None:
    """Compute features and VAD of part `shard` (from 1) of `front_end.shards` equal parts of the utterances.

    Writes feats.<shard>.{ark,scp}, vad.<shard>.{ark,scp}, utt2num_frames.<shard> and utt2num_voiced.<shard> to
    `out_dir`. Features are raw: the reader normalises them and selects frames. Raises InputError if the data directory
    or utt2aug is malformed or a recording cannot be used. It does so before any work if the headers show it.
    """
    torch.set_num_threads(1)  # one process per shard; also, sums then do not depend on the number of cores
    files = check_data_dir(data_dir)
    n, shards = len(files["utt2spk"]), front_end.shards
    if n < shards:
        raise InputError(f"{data_dir}: {n} utterances are too few for {shards} shards; set feats.shards to less")
    utts = utts_of_shard(files["utt2spk"], shard, shards)
    out, num_frames, num_voiced = Path(out_dir), {}, {}
    source = Source(data_dir, files, utts, front_end, seed)
    if upsampled := source.upsampled():
        logger.warning("%s: upsampled to %d Hz: %s", data_dir, front_end.sample_frequency, upsampled)
    with (
        TableWriter(out / f"feats.{shard}.ark", compress=front_end.compress) as feats,
        TableWriter(out / f"vad.{shard}.ark") as vad,
    ):
        feats.facts |= {"upsampled": upsampled} if upsampled else {}
        for utt in utts:
            found, voiced = source.features(utt)
            feats[utt] = found if front_end.in_arks else _energies(found)
            vad[utt] = voiced
            num_frames[utt], num_voiced[utt] = len(voiced), int(voiced.sum())
            if not voiced.any():
                logger.warning("%s: no frame of %s is voiced; all of its frames will be used", data_dir, utt)
    write_map(out / f"utt2num_frames.{shard}", num_frames)
    write_map(out / f"utt2num_voiced.{shard}", num_voiced)


class Source:
    """Features of a data directory's utterances: recordings or segments, changed as utt2aug says."""

    def __init__(
        self,
        data_dir: str | Path,
        files: Mapping[str, Mapping[str, str]],
        utts: Iterable[str],
        front_end: FrontEnd,
        seed: int,
    ):
        self.clips, self.front_end, self.seed = clips(files, front_end.channel), front_end, seed
        self.without_dither = front_end.without_dither()
        self.audio_options = front_end.sample_frequency, front_end.resample, front_end.allow_pipes
        self.data_dir, self.files, self.sums = data_dir, files, fingerprints_of(files)
        self.specs: dict[str, dict] = {}
        self.extents: dict[Clip, Extent | None] = {}  # None for a command
        self.check(utts)
        self.kept: tuple = None, None  # the last clip and voice, and what `_clean` returned for it

    def check(self, utts: Iterable[str]) -> None:
        """Read what utt2aug says of utterances, and check their recordings by their headers; InputError if one fails.

        `features` takes utterances that were checked.
        """
        files, data_dir = self.files, self.data_dir
        new, heard, parts = {}, {}, {}
        for utt in utts:
            where = f"{data_dir}/utt2aug: {utt}"
            new[utt] = parse_spec(files["utt2aug"][utt], where) if "utt2aug" in files else {}
            for name in (utt, *new[utt].get("babble", ())):
                if name not in self.clips:
                    raise InputError(f"{where}: babble of {name!r}, which is not in utt2spk")
                heard.setdefault(self.clips[name], name)
            for part in parts_of(new[utt]):
                parts.setdefault(part, utt)
        for clip, utt in heard.items():
            with _naming(utt):
                if clip.source in self.sums:
                    check_fingerprint(clip.source, self.sums[clip.source])
                self.extents[clip] = check_audio(clip.source, *self.audio_options, *clip[1:])
        for utt, spec in new.items():
            if extent := self.extents[self.clips[utt]]:
                with _naming(utt):
                    self._check_length(self.clips[utt].source, extent.samples, spec.get("speed", 1.0))
        for (file, start), utt in parts.items():
            with _naming(utt):
                check_audio(file, *self.audio_options[:2], start=start, channel=0)
        self.specs |= new

    def features(self, utt: str) -> tuple[np.ndarray, np.ndarray]:
        """Raw features (frames, dim) and VAD (frames,). The VAD of an augmented copy is that of its clean speech."""
        fe, spec = self.front_end, self.specs[utt]
        with _naming(utt):
            speech, feats, voiced = self._clean(self.clips[utt], {k: v for k, v in spec.items() if k in VOICES})
        if spec.keys() <= VOICES and not fe.dithered:
            return feats, voiced
        rng = random_for(self.seed, f"audio of {utt}")
        heard = distort(speech, spec, fe.sample_frequency, rng, self._read_talker, self._read_file)
        if fe.dithered:
            torch.default_generator.manual_seed(int(rng.integers(2**63)))
        return self._compute(heard, fe)[0], voiced

    def _clean(self, clip: Clip, voice: Spec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A clip in a voice: (samples,), its features, (frames, dim), and its VAD, (frames,), without dither.

        The last result is kept, because copies of one recording follow each other.
        """
        if self.kept[0] != (clip, voice):
            self.kept = None, None  # so that two long recordings are not in memory at once
            fe, speech = self.without_dither, self._read(clip)
            self._check_length(clip.source, len(speech), voice.get("speed", 1.0))
            speech = change_voice(speech, voice, fe.sample_frequency)
            feats, log_energy = self._compute(speech, fe)
            self.kept = (clip, voice), (speech, feats, energy_vad(log_energy, fe.vad))
        return self.kept[1]

    def _check_length(self, source: str, samples: int, speed: float) -> None:
        fe = self.front_end
        if (found := speed_length(samples, speed)) < fe.min_samples:
            at_speed = "" if speed == 1 else f" at speed {speed:g}"
            raise InputError(
                f"{source}: {found} samples{at_speed}, less than a frame; expected at least {fe.min_samples} "
                f"(feats.frame_length {fe.frame_length:g}, frame_shift {fe.frame_shift:g}): remove it"
            )

    def upsampled(self) -> str:
        """The number of recordings with a lower sampling rate than the features, in words; empty if there are none."""
        rates = {clip.source: extent.rate for clip, extent in self.extents.items() if extent}
        lower = Counter(rate for rate in rates.values() if rate < self.front_end.sample_frequency)
        return ", ".join(f"{count} recordings of {rate} Hz" for rate, count in sorted(lower.items()))

    def _compute(self, samples: np.ndarray, fe: FrontEnd) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():
            feats, log_energy = compute(torch.from_numpy(samples), fe)
        return feats.numpy(), log_energy.numpy()

    def _read_talker(self, utt: str) -> np.ndarray:
        with _naming(utt):
            return self._read(self.clips[utt])

    def _read_file(self, file: str, start: float, count: int | None) -> np.ndarray:
        return read_part(file, *self.audio_options[:2], start, count)

    def _read(self, clip: Clip) -> np.ndarray:
        return read_audio(clip.source, *self.audio_options, *clip[1:])


def _energies(frames: np.ndarray) -> np.ndarray:
    """The log energy of frames of samples (frames, dim), as a matrix (frames, 1)."""
    centred = frames - frames.mean(axis=1, keepdims=True)
    return np.log(np.maximum((centred**2).sum(axis=1, keepdims=True), EPSILON))


@contextmanager
def _naming(utt: str) -> Iterator[None]:
    try:
        yield
    except InputError as e:
        raise InputError(f"{utt}: {e}") from None
