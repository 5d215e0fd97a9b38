"""Checks of a data directory's audio, which Kaldi does not have: every recording is decoded and looked at."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spkr.audio.channels import Channel
from spkr.audio.decoding import FULL_SCALE, MAX_CLIPPED, decode, sample_range
from spkr.audio.effects import parse_spec, speed_length
from spkr.audio.fingerprint import fingerprint, shared_audio
from spkr.audio.opening import open_audio
from spkr.audio.resampling import resampled_length
from spkr.errors import InputError
from spkr.kaldi.datadir import Clip, clips, recordings_of
from spkr.kaldi.rules import MAX_OVERSHOOT, Files

BLOCK = 0.1  # seconds; the level is measured in blocks of this length
SILENT = 2**15 * 10 ** (-70 / 20)  # -70 dB of full scale


@dataclass(frozen=True)
class RecordingStats:
    """Statistics of a recording, decoded to its end."""

    samplerate: int  # Hz
    frames: int  # samples
    clipped: float  # share of the samples that are at full scale
    silent: float  # share of the blocks of BLOCK seconds below SILENT


@dataclass(frozen=True)
class AudioLimits:
    """Limits: an utterance shorter than `min_samples` is a fault; a recording above another limit gets a warning."""

    rate: int  # Hz, of the front end
    min_samples: int  # of an utterance at that rate: a frame
    max_clipped: float = MAX_CLIPPED  # share of a recording
    max_silent: float = 0.5  # share of a recording


class Part(NamedTuple):
    """An utterance, its line in a sorted file, where its audio is, and the statistics of its recording."""

    number: int
    utt: str
    clip: Clip
    heard: RecordingStats


def recording_stats(source: str, allow_pipes: bool = False, channel: Channel = None) -> RecordingStats:
    """Decode a recording to its end, a minute at a time; raises InputError as `spkr.audio.opening.open_audio` does."""
    clipped = silent = frames = blocks = 0
    with open_audio(source, allow_pipes, channel) as f:
        size = round(BLOCK * f.samplerate)
        for minute in decode(source, f, 0, f.frames, channel, round(60 / BLOCK) * size):
            starts = np.arange(0, len(minute), size)
            energies = np.add.reduceat(np.square(minute), starts)
            silent += int((energies < SILENT**2 * np.diff(starts, append=len(minute))).sum())
            clipped += int((np.abs(minute) >= FULL_SCALE).sum())
            frames += len(minute)
            blocks += len(starts)
        return RecordingStats(f.samplerate, frames, clipped / frames, silent / blocks)


def check_recordings(
    path: str | Path,
    files: Files,
    limits: AudioLimits,
    allow_pipes: bool = False,
    nj: int = 1,
    channel: str | int | None = None,
) -> tuple[list[list[str]], list[str]]:
    """Decode all recordings of a data directory that has been checked, `nj` at a time.

    Args: channel is that of recordings without a line in reco2channel, as `spkr.kaldi.datadir.clips` takes it.
    Returns lists of faults, one list a kind, and warnings. The kinds are: recordings that cannot be used; segments and
    durations beyond the end of a recording; utterances shorter than a frame.
    """
    path, wav = Path(path), recordings_of(files, channel)
    different = list(dict.fromkeys(wav.values()))  # augmented copies share their audio
    with ThreadPoolExecutor(nj) as pool:
        heard = dict(zip(different, pool.map(lambda clip: _or_error(clip, allow_pipes), different), strict=True))
    lines = {reco: f"{path}/wav.scp:{number}: {reco}" for number, reco in enumerate(wav, 1)}
    unusable = [f"{lines[reco]}: {heard[clip]}" for reco, clip in wav.items() if isinstance(heard[clip], InputError)]
    good = {reco: heard[clip] for reco, clip in wav.items() if isinstance(heard[clip], RecordingStats)}
    parts = [
        Part(number, utt, clip, h)
        for number, (utt, clip) in enumerate(sorted(clips(files, channel).items()), 1)
        if isinstance(h := heard[clip.recording()], RecordingStats)
    ]
    faults = [unusable, list(_beyond_end(path, files, parts)), list(_too_short(path, files, parts, limits))]
    sums = {clip.source: fingerprint(clip.source) for clip, h in heard.items() if isinstance(h, RecordingStats)}
    return faults, [*shared_audio(files, sums), *_mixed_rates(path, good), *_warnings(lines, good, limits)]


def _mixed_rates(path: Path, heard: Mapping[str, RecordingStats]) -> Iterator[str]:
    first: dict[int, str] = {}
    for reco, h in heard.items():
        first.setdefault(h.samplerate, reco)
    counts = Counter(h.samplerate for h in heard.values()).most_common()
    if len(counts) > 1:
        rates = ", ".join(f"{n} at {rate} Hz (first {first[rate]})" for rate, n in counts)
        yield (
            f"{path}/wav.scp: the recordings have {len(counts)} sampling rates: {rates}; for features, set "
            "feats.resample to down, or to any if some are below feats.sample_frequency"
        )


def _or_error(clip: Clip, allow_pipes: bool) -> RecordingStats | InputError:
    try:
        return recording_stats(clip.source, allow_pipes, clip.channel)
    except InputError as e:
        return e


def _beyond_end(path: Path, files: Files, parts: Iterable[Part]) -> Iterator[str]:
    seconds = {} if "utt2aug" in files else files.get("utt2dur", {})
    for number, utt, clip, h in parts:
        try:
            first, last = sample_range(clip.source, h, clip.start, clip.end)
        except InputError as e:
            yield f"{path}/segments:{number}: {utt}: {e}"
            continue
        length = (last - first) / h.samplerate
        if float(seconds.get(utt, 0)) >= length + MAX_OVERSHOOT:
            yield f"{path}/utt2dur:{number}: {utt} has {seconds[utt]} s; its audio has {length:.3f} s"


def _too_short(path: Path, files: Files, parts: Iterable[Part], limits: AudioLimits) -> Iterator[str]:
    copies = files.get("utt2aug", {})
    name = "segments" if "segments" in files else "wav.scp"
    for number, utt, clip, h in parts:
        try:
            first, last = sample_range(clip.source, h, clip.start, clip.end)
            speed = parse_spec(copies[utt], f"{path}/utt2aug:{number}: {utt}").get("speed", 1.0) if copies else 1.0
        except InputError:  # reported elsewhere
            continue
        samples = speed_length(resampled_length(last - first, h.samplerate, limits.rate), speed)
        if samples < limits.min_samples:
            yield (
                f"{path}/{name}:{number}: {utt} has {samples} samples at {limits.rate} Hz, less than a frame; "
                f"expected at least {limits.min_samples}: remove it"
            )


def _warnings(lines: Mapping[str, str], heard: Mapping[str, RecordingStats], limits: AudioLimits) -> Iterator[str]:
    for reco, h in heard.items():
        if h.clipped > limits.max_clipped:
            yield f"{lines[reco]} is clipped: {100 * h.clipped:.2f} % of its samples are at full scale"
        if h.silent > limits.max_silent:
            yield f"{lines[reco]} is silent below -70 dB for {100 * h.silent:.0f} % of its time"
