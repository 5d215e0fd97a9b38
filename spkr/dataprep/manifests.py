"""Recordings in manifests of other toolkits: NeMo's, and lhotse's pair of recordings and supervisions."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pandas as pd

from spkr.corpus.script import SETS
from spkr.errors import InputError

T = TypeVar("T")


def read_nemo(path: Path) -> pd.DataFrame:
    """A NeMo manifest: a JSON object a line, with audio_filepath, label, and perhaps offset, duration and text.

    A manifest named after a set says it.
    """
    expected = "audio_filepath and label; offset and duration in seconds"
    rows = [_parsed(_nemo_row, entry, place, expected) | {"place": place} for place, entry in _lines(path)]
    table = _table(path, rows)
    return table.assign(set=path.stem) if path.stem in SETS else table


def _nemo_row(entry: dict) -> dict[str, str]:
    row = {"audio": _text(entry, "audio_filepath"), "speaker": _text(entry, "label")}
    start, duration = entry.get("offset"), entry.get("duration")
    if start is not None and duration is not None:
        row |= {"start": str(start), "end": f"{float(start) + float(duration):.6f}"}
    return row | {"text": str(entry.get("text") or "")}


def read_lhotse(recordings: Path, supervisions: Path) -> pd.DataFrame:
    """Lhotse's recordings.jsonl and supervisions.jsonl, also gzipped."""
    expected = "an id, and one source, of the type file or command"
    audio = dict(_parsed(_lhotse_recording, entry, place, expected) for place, entry in _lines(recordings))
    rows = []
    for place, entry in _lines(supervisions):
        if (reco := entry.get("recording_id")) not in audio:
            raise InputError(f"{place}: recording_id {reco!r}; expected one of {recordings}")
        made = partial(_lhotse_row, *audio[reco])
        rows.append(_parsed(made, entry, place, "a speaker; start and duration in seconds") | {"place": place})
    return _table(supervisions, rows)


def _lhotse_recording(entry: dict) -> tuple[str, tuple[str, float | None, int]]:
    """The id; and the audio, its seconds and the number of its channels."""
    (source,) = entry["sources"]
    if source["type"] not in ("file", "command"):
        raise ValueError(f"a source of the type {source['type']}")
    audio = _text(source, "source") + (" |" if source["type"] == "command" else "")
    whole = None if entry.get("duration") is None else float(entry["duration"])
    return _text(entry, "id"), (audio, whole, len(source.get("channels") or [0]))


def _lhotse_row(audio: str, whole: float | None, channels: int, entry: dict) -> dict[str, str]:
    start, duration = float(entry.get("start") or 0), entry.get("duration")
    row = {"audio": audio, "speaker": _text(entry, "speaker")}
    row |= {name: str(entry.get(name) or "") for name in ("text", "gender")}
    if duration is not None and (start or whole is None or float(duration) < whole - 0.01):
        row |= {"start": str(start), "end": f"{start + float(duration):.6f}"}
    if channels > 1:
        channel = entry.get("channel", 0)
        row["channel"] = str(channel[0] if isinstance(channel, list) and len(channel) == 1 else channel)
    return row


def _text(entry: dict, key: str) -> str:
    """A value that must be there, as text."""
    if entry.get(key) in (None, ""):
        raise KeyError(key)
    return str(entry[key])


def _parsed(make: Callable[[dict], T], entry: dict, place: str, expected: str) -> T:
    """What `make` reads off an entry; InputError, with the place, where a value is missing or of another form."""
    try:
        return make(entry)
    except KeyError as e:
        raise InputError(f"{place}: no {e}; expected {expected}") from None
    except (TypeError, ValueError, AttributeError) as e:
        raise InputError(f"{place}: {e}; expected {expected}") from None


def _table(path: Path, rows: list[dict[str, str]]) -> pd.DataFrame:
    if not rows:
        raise InputError(f"{path}: no recordings in it; expected a JSON object a line")
    return pd.DataFrame(rows).fillna("")


def _lines(path: Path) -> Iterator[tuple[str, dict]]:
    """File and line, and the JSON object of each line. Raises InputError for a line that is none."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig") as f:
            lines = f.readlines()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as e:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({e})") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as e:
            raise InputError(f"{path}:{number}: not JSON ({e}); expected an object a line") from None
        if not isinstance(entry, dict):
            raise InputError(f"{path}:{number}: expected a JSON object in braces")
        yield f"{path}:{number}", entry
