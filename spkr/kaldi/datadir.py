"""Kaldi data directories: reading, writing and checking.

    data/train/
      wav.scp     <recording> <path of the audio file, or a command and |>
      segments    <utterance> <recording> <start> <end>   (seconds; an end of -1 is the recording's; optional)
      utt2spk     <utterance> <speaker>
      spk2utt     <speaker> <utterance> <utterance> ...
      utt2dur     <utterance> <seconds>
      reco2sum    <recording> <bytes> <crc32>        (optional; spkr.audio.fingerprint)
      reco2channel <recording> left|right|mix|<number from 0>   (optional, also of some recordings only)
      spk2gender  <speaker> m|f                      (optional)
      utt2session <utterance> <session>              (optional)
      text        <utterance> <words>                (optional)
      utt2aug     <utterance> <how to change it>     (optional; spkr.audio.augmented_copies)

Without segments, each recording is an utterance. Other files are by utterance (utt2*), by speaker (spk2*) or by
recording (reco2*). Every file is sorted by its first field in byte order (LC_ALL=C), and holds each key once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from spkr.audio.channels import Channel, channel_of
from spkr.errors import InputError
from spkr.files import replacing
from spkr.kaldi.fields import decimal
from spkr.kaldi.maps import map_text, read_map
from spkr.kaldi.rules import CHECKS, Files, index_of, invert, joined

REQUIRED = ("wav.scp", "utt2spk", "spk2utt")


def write_data_dir(path: str | Path, files: Mapping[str, Mapping[str, object]]) -> None:
    """Check the files of a data directory, given by name, then write them and spk2utt, each by rename.

    Other files of an earlier data directory at `path` are removed.
    Raises InputError as `check_data_dir` does, before anything is written.
    """
    path = Path(path)
    whole = {name: {k: str(v) for k, v in table.items()} for name, table in files.items()}
    whole["spk2utt"] = joined(invert(whole["utt2spk"]))
    _raise_first(path, whole)
    texts = {name: map_text(path / name, table) for name, table in whole.items()}
    for name in set(data_files(path)) - whole.keys():
        (path / name).unlink()
    for name, text in texts.items():
        with replacing(path / name) as f:
            f.write(text)


def data_files(path: str | Path) -> list[str]:
    """The names of the files in a data directory whose keys are utterances, speakers or recordings."""
    path = Path(path)
    return sorted(p.name for p in path.iterdir() if index_of(p.name) and p.is_file()) if path.is_dir() else []


def check_data_dir(path: str | Path, required: Sequence[str] = REQUIRED) -> dict[str, dict[str, str]]:
    """Check a data directory by Kaldi's rules and return its files' content by name.

    Raises InputError, which names the file, the line or the key, if a file is missing or malformed, if two files
    disagree about the utterances, speakers or recordings, or if the speakers of sorted utterances are not sorted (the
    orders by utterance and by speaker then differ, and Kaldi's tables break).
    """
    path = Path(path)
    files = {name: read_data_file(path, name) for name in dict.fromkeys([*required, *data_files(path)])}
    _raise_first(path, files)
    return files


def read_data_file(path: Path, name: str) -> dict[str, str]:
    """Read a file of a data directory as `read_map` does; if spk2utt is missing, the InputError says how to make it."""
    if name == "spk2utt" and not (path / name).exists():
        raise InputError(f"{path}/{name}: no such file; `spkr data fix {path}` makes it from utt2spk")
    return read_map(path / name)


def _raise_first(path: Path, files: Files) -> None:
    for check in CHECKS:
        for fault in check(path, files):
            raise InputError(fault)


class Clip(NamedTuple):
    """Where an utterance's audio is: a value of wav.scp, seconds from `start` to `end` (-1: to the end), a channel."""

    source: str
    start: float = 0.0
    end: float = -1.0
    channel: Channel = None

    def recording(self) -> "Clip":
        """All of the recording that this is a part of."""
        return self._replace(start=0.0, end=-1.0)


def recordings_of(files: Files, channel: str | int | None = None) -> dict[str, Clip]:
    """The audio of each recording of a checked data directory.

    Args: channel is that of recordings without a line in reco2channel, as the option feats.channel gives it.
    """
    channels = files.get("reco2channel", {})
    return {
        reco: Clip(source, channel=channel_of(channels.get(reco, channel))) for reco, source in files["wav.scp"].items()
    }


def clips(files: Files, channel: str | int | None = None) -> dict[str, Clip]:
    """The audio of each utterance of a checked data directory. Args: as of `recordings_of`."""
    whole = recordings_of(files, channel)
    if "segments" not in files:
        return whole
    segments = {utt: value.split() for utt, value in files["segments"].items()}
    return {
        utt: whole[reco]._replace(start=decimal(start), end=decimal(end))
        for utt, (reco, start, end) in segments.items()
    }
