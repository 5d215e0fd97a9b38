"""Looking at a user's audio: the headers of all files, the samples of some, and what is suspicious about them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from spkr.audio.fingerprint import fingerprint
from spkr.audio.opening import open_audio
from spkr.audio.recordings import AudioLimits, recording_stats
from spkr.corpus.durations import of_files
from spkr.dataprep import SHOWN
from spkr.errors import InputError
from spkr.kaldi.rules import is_command

DECODED = 100  # recordings of which the samples are looked at
FRAME = 0.025  # seconds
SHORT, LONG = 1.0, 3600.0  # seconds


@dataclass(frozen=True)
class Header:
    """What a file's header says, or why it cannot be read."""

    rate: int = 0  # Hz
    channels: int = 0
    seconds: float = 0.0
    container: str = ""
    print: str = ""  # fingerprint
    error: str = ""


def read_headers_of(files: Sequence[str], jobs: int) -> dict[str, Header]:
    """The headers of audio files, read by `jobs` processes."""
    return dict(zip(files, of_files(_header, files, jobs), strict=True))


def _header(file: str) -> Header:
    if is_command(file):
        return Header(container="command")
    try:
        with open_audio(file, channel=0) as f:
            if f.frames < FRAME * f.samplerate:
                return Header(error=f"{f.frames} samples; expected a frame of {FRAME} s or more")
            return Header(f.samplerate, f.channels, f.frames / f.samplerate, f.format, fingerprint(file))
    except InputError as e:
        return Header(error=str(e).removeprefix(f"{file}: "))


def unreadable(headers: dict[str, Header]) -> str:
    """A message about the files that cannot be read; empty if all can be read."""
    bad = {file: header.error for file, header in headers.items() if header.error}
    shown = "; ".join(f"{file}: {why}" for file, why in list(bad.items())[:SHOWN])
    return f"{len(bad)} of {len(headers)} files cannot be read: {shown}" if bad else ""


def seconds_of(table: pd.DataFrame, headers: dict[str, Header]) -> pd.Series:
    """Seconds of each row: nan where a command makes the audio, and the row has no end and no seconds."""
    whole = table["audio"].map(lambda file: headers[file].seconds or np.nan)
    seconds = table["end"].fillna(whole) - table["start"].fillna(0.0)
    return seconds.fillna(table["seconds"]) if "seconds" in table else seconds


def suspicions(table: pd.DataFrame, headers: dict[str, Header], seconds: pd.Series) -> Iterator[str]:
    """What is suspicious, a sentence each: speakers, durations, rates, shared audio, silence and clipping."""
    counts = table["speaker"].value_counts()
    if len(single := sorted(counts.index[counts == 1])):
        yield f"{len(single)} speakers have one recording, which gives no target trial: {_some(single)}"
    beyond = table[table["end"] > table["audio"].map(lambda f: headers[f].seconds or np.inf) + 0.05]
    if len(beyond):
        yield f"{len(beyond)} rows end behind their audio: {_some(beyond['place'])}"
    for what, odd in (
        (f"shorter than {SHORT:g} s", seconds < SHORT),
        (f"longer than {LONG / 60:g} minutes", seconds > LONG),
        ("more than twenty times as long as the median", seconds > max(20 * seconds.median(), 60)),
    ):
        if odd.any():
            yield f"{odd.sum()} recordings are {what}: {_some(table['place'][odd])}"
    rates = Counter(h.rate for h in headers.values() if h.rate)
    if len(rates) > 1:
        yield "sampling rates are mixed: " + ", ".join(f"{n} of {rate} Hz" for rate, n in sorted(rates.items()))
    yield from _shared(table, headers)
    yield from _heard(sorted({f for f in table["audio"] if not is_command(f)}))


def _shared(table: pd.DataFrame, headers: dict[str, Header]) -> Iterator[str]:
    """Audio that two recordings have: the same file, or files of the same content, and the same part of it."""
    known = table["audio"].map(lambda file: headers[file].print or file)
    channel = table.get("channel", "")
    part = pd.DataFrame({"file": known, "start": table["start"], "end": table["end"], "channel": channel})
    speakers = table["speaker"].groupby([part[c].fillna(-1) for c in part]).transform("nunique")
    if (shared := speakers > 1).any():
        yield f"{shared.sum()} recordings are the same audio under two speakers: {_some(table['place'][shared])}"
    twice = part.assign(speaker=table["speaker"]).duplicated()
    if twice.any():
        yield f"{twice.sum()} recordings are the same audio as another of the speaker: {_some(table['place'][twice])}"


def _heard(files: list[str]) -> Iterator[str]:
    """What the samples of DECODED evenly spaced files say."""
    number = min(DECODED, len(files))
    found: dict[str, list[str]] = {"clipped": [], "more than half silent": []}
    for file in (files[i * len(files) // number] for i in range(number)):
        try:
            stats = recording_stats(file)
        except InputError:
            continue  # of several channels, or damaged behind its header, which the feature stage names
        if stats.clipped > AudioLimits.max_clipped:
            found["clipped"].append(file)
        if stats.silent > AudioLimits.max_silent:
            found["more than half silent"].append(file)
    for what, names in found.items():
        if names:
            yield f"{len(names)} of {number} recordings that were listened to are {what}: {_some(names)}"


def _some(names: Sequence[str]) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def containers(headers: dict[str, Header]) -> str:
    """Numbers of files by container, rate and channels, in words."""
    kinds = Counter(
        h.container if not h.rate else f"{h.container} of {h.rate} Hz, {h.channels} channel{'s' * (h.channels > 1)}"
        for h in headers.values()
    )
    return "; ".join(f"{n} {kind}" for kind, n in kinds.most_common())
