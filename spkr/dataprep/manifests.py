"""Recordings in manifests of other toolkits: NeMo's, and lhotse's pair of recordings and supervisions."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from spkr.dataprep import SETS
from spkr.errors import InputError


def read_nemo(path: Path) -> pd.DataFrame:
    """A NeMo manifest: a JSON object a line, with audio_filepath, label, and perhaps offset, duration and text.

    A manifest named after a set says it.
    """
    rows = []
    for place, entry in _lines(path):
        try:
            row = {"audio": str(entry["audio_filepath"]), "speaker": str(entry["label"])}
        except KeyError as e:
            raise InputError(f"{place}: no {e}; expected audio_filepath and label") from None
        start, duration = entry.get("offset"), entry.get("duration")
        if start is not None and duration is not None:
            row |= {"start": str(start), "end": f"{float(start) + float(duration):.6f}"}
        rows.append(row | {"text": str(entry.get("text") or ""), "place": place})
    table = pd.DataFrame(rows).fillna("")
    return table.assign(set=path.stem) if path.stem in SETS else table


def read_lhotse(recordings: Path, supervisions: Path) -> pd.DataFrame:
    """Lhotse's recordings.jsonl and supervisions.jsonl, also gzipped."""
    audio = {}
    for place, entry in _lines(recordings):
        sources = entry.get("sources") or [{}]
        if sources[0].get("type") not in ("file", "command") or len(sources) > 1:
            raise InputError(f"{place}: expected one source, of the type file or command")
        source = sources[0]["source"] + (" |" if sources[0]["type"] == "command" else "")
        audio[entry["id"]] = source, entry.get("duration"), len(sources[0].get("channels", [0]))
    rows = []
    for place, entry in _lines(supervisions):
        if (reco := entry.get("recording_id")) not in audio or not entry.get("speaker"):
            raise InputError(f"{place}: expected a recording_id of {recordings}, and a speaker")
        source, whole, channels = audio[reco]
        start, duration = float(entry.get("start", 0)), entry.get("duration")
        row = {"audio": source, "speaker": str(entry["speaker"]), "text": entry.get("text") or "", "place": place}
        row["gender"] = entry.get("gender") or ""
        if duration is not None and (start or whole is None or float(duration) < float(whole) - 0.01):
            row |= {"start": str(start), "end": f"{start + float(duration):.6f}"}
        if channels > 1:
            row["channel"] = str(entry.get("channel", 0))
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def _lines(path: Path) -> Iterator[tuple[str, dict]]:
    """File and line, and the JSON object of each line. Raises InputError for a line that is none."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig") as f:
        for number, line in enumerate(f, 1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except ValueError as e:
                raise InputError(f"{path}:{number}: not JSON ({e}); expected an object a line") from None
            if not isinstance(entry, dict):
                raise InputError(f"{path}:{number}: expected a JSON object in braces")
            yield f"{path}:{number}", entry
