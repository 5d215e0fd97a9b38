"""A store of enrolled voices: one SQLite file with an embedding for each recording.

A store belongs to one packed model: embeddings of two models cannot be compared. Averages are not stored but taken each
time, so that a recording can be added. No audio is stored. The file's tables are in spkr.voices.database.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from spkr.errors import InputError
from spkr.voices.database import DAMAGED, make_file, reading, writing
from spkr.voices.voice import Recording, Voice, check_name

STORED = np.dtype("<f4")  # embeddings on disk
FIELDS = "source, audio_sha256, seconds, speech, embedding, recordings.added"
INSERT = "INSERT INTO recordings (voice, source, audio_sha256, seconds, speech, embedding, added)"


class VoiceStore:
    """Enrolled voices in a file. Threads and processes may share it: each call opens the file for itself.

    Each method raises InputError if the file is missing, no store, of a newer format or another model, damaged, or
    locked for ten seconds; and those that write, if it is read-only.
    """

    def __init__(self, path: str | Path, model_sha: str | None = None, dim: int | None = None):
        """A store, which is not opened yet.

        Args:
            model_sha: the identity of the packed model, which must be the store's; None to look at any store.
            dim: of the model's embeddings. Without model_sha and dim, nothing can be added.
        """
        self.path, self.model_sha, self.dim = Path(path), model_sha, dim

    def model(self) -> str | None:
        """The identity of the model that the store belongs to; None before the first voice."""
        with reading(self.path) as db:
            return _meta(db).get("model") if db else None

    def voices(self, *names: str) -> list[Voice]:
        """These voices, in this order; without names all of them, sorted by name.

        Raises InputError for a name that is not enrolled.
        """
        with reading(self.path) as db:
            if db:
                self._check_model(_meta(db))
            known = self._read(db) if db else {}
        names = tuple(map(check_name, names))
        self._check_enrolled(names, known)
        return [known[name] for name in names or sorted(known)]

    def check_free(self, name: str, extend: bool = False) -> str:
        """The name as it is stored. Raises InputError as `add` would, before any recording is heard.

        Of several that pass this check at once, `add` refuses all but one.
        """
        name = check_name(name)
        known = {voice.name: voice for voice in self.voices()} if self.path.exists() else {}
        self._check_new(name, (), known, extend)
        return name

    def add(
        self,
        name: str,
        recordings: Sequence[Recording],
        *,
        extend: bool = False,
        accept: Callable[[Mapping[str, Voice]], None] = lambda voices: None,
    ) -> Voice:
        """Store recordings of a voice, all or none, and return the voice with all that it has now.

        The file is made if it does not exist.

        Args:
            extend: add them to a voice that is enrolled already.
            accept: is called with the enrolled voices, by name, before anything is written; it raises InputError to
                refuse. Nobody else can write between this check and the writing.
        Raises InputError for a name that is enrolled already or, with `extend`, is not; and for audio that the voice
        has already.
        """  # fmt: skip
        name = check_name(name)
        blobs = [self._blob(recording) for recording in recordings]
        if not self.path.exists():  # a refusal of the first voice leaves no file
            self._check_new(name, recordings, {}, extend)
            accept({})
        make_file(self.path)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with writing(self.path) as db:
            self._bind(db)
            known = self._read(db)
            self._check_new(name, recordings, known, extend)
            accept(known)
            db.execute("INSERT OR IGNORE INTO voices (name, added) VALUES (?, ?)", (name, now))
            (number,) = db.execute("SELECT id FROM voices WHERE name = ?", (name,)).fetchone()
            rows = [
                (number, r.source, r.audio_sha256, r.seconds, r.speech, blob, now)
                for r, blob in zip(recordings, blobs, strict=True)
            ]
            db.executemany(f"{INSERT} VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            if not (voice := self._read(db, number).get(name)):
                raise InputError(f"{self.path}: {DAMAGED}")
        return voice

    def remove(self, *names: str) -> list[Voice]:
        """Delete voices with all of their recordings, all or none, and return what was deleted.

        What the file held of them is overwritten with zeros.
        Raises InputError for a name that is not enrolled.
        """
        names = tuple(dict.fromkeys(map(check_name, names)))
        with writing(self.path) as db:
            self._check_model(_meta(db))
            known = self._read(db)
            self._check_enrolled(names, known)
            db.executemany("DELETE FROM voices WHERE name = ?", [(name,) for name in names])
        return [known[name] for name in names]

    def _check_enrolled(self, names: Iterable[str], known: Mapping[str, Voice]) -> None:
        for name in names:
            if name not in known:
                close = get_close_matches(name, known, 1)
                remedy = f"did you mean {close[0]!r}?" if close else f"`spkr voices {self.path} list` says who is"
                raise InputError(f"{self.path}: {name!r} is not enrolled; {remedy}")

    def _check_new(self, name: str, recordings: Sequence[Recording], known: Mapping[str, Voice], extend: bool) -> None:
        if extend:
            self._check_enrolled([name], known)
        elif name in known:
            n = len(known[name].recordings)
            raise InputError(
                f"{self.path}: {name!r} is enrolled already, with {n} recordings; add to them (--add), or remove the "
                "voice first"
            )
        seen = {r.audio_sha256: f"{r.source}, which {name!r} has" for r in (known[name].recordings if extend else ())}
        for r in recordings:
            if r.audio_sha256 in seen:
                raise InputError(f"{r.source}: the same audio as {seen[r.audio_sha256]} already; leave it out")
            seen[r.audio_sha256] = f"{r.source}, which was given"

    def _blob(self, recording: Recording) -> bytes:
        embedding = np.asarray(recording.embedding, STORED)
        if embedding.shape != (self.dim,) or not np.isfinite(embedding).all():
            raise InputError(
                f"{recording.source}: an embedding of shape {embedding.shape}; expected {self.dim} finite numbers"
            )
        return embedding.tobytes()

    def _bind(self, db: sqlite3.Connection) -> None:
        """Make a new store one of this model; InputError if it is one of another."""
        if "model" not in (meta := _meta(db)):
            db.executemany("INSERT INTO meta VALUES (?, ?)", [("model", self.model_sha), ("dim", str(self.dim))])
        else:
            self._check_model(meta)

    def _check_model(self, meta: Mapping[str, str]) -> None:
        if self.model_sha not in (None, found := meta.get("model", self.model_sha)):
            raise InputError(
                f"{self.path}: a store of the model {found}, and this model is {self.model_sha}; embeddings of two "
                "models cannot be compared: use the store's model, or enrol the recordings into another store"
            )

    def _read(self, db: sqlite3.Connection, number: int | None = None) -> dict[str, Voice]:
        """All voices, or the one with this number, by name. Raises InputError if an embedding is damaged."""
        rows: dict[int, list[Recording]] = {}
        which, wanted = ("TRUE", ()) if number is None else ("voice = ?", (number,))
        size = int(_meta(db).get("dim", 0)) * STORED.itemsize
        select = f"SELECT voice, {FIELDS} FROM recordings WHERE {which} ORDER BY id"
        for key, *values, blob, added in db.execute(select, wanted):
            is_whole = isinstance(blob, bytes) and len(blob) == size
            embedding = np.frombuffer(blob, STORED) if is_whole else np.full(1, np.nan)
            if not np.isfinite(embedding).all():
                raise InputError(f"{self.path}: the embedding of {values[0]} is {DAMAGED}")
            rows.setdefault(key, []).append(Recording(*values, embedding.astype(np.float32), added))
        voices = db.execute("SELECT id, name, added FROM voices").fetchall()
        found = {name: Voice(name, added, tuple(rows.pop(key))) for key, name, added in voices if key in rows}
        if rows or not all(isinstance(name, str) for name in found):
            raise InputError(f"{self.path}: {DAMAGED}")
        return found


def _meta(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("SELECT key, value FROM meta"))
