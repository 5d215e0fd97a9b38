"""The SQLite file of a store of voices: opening it, transactions, its tables, and its errors in words.

The rollback journal is used, not a write-ahead log. A log would keep what was removed until it is merged, would make a
store of three files that cannot be copied one by one, and does not work on network folders. Its gain, readers that do
not wait for a writer, is of no use here: a write takes milliseconds.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from spkr.errors import InputError

APPLICATION = int.from_bytes(b"spkr")  # SQLite's application_id of our files
FORMAT = 1
PATIENCE = 10.0  # seconds to wait for another process that writes
DAMAGED = "damaged; put a copy of the store back, or enrol anew"
TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE voices (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, added TEXT NOT NULL)",
    "CREATE TABLE recordings (id INTEGER PRIMARY KEY, voice INTEGER NOT NULL REFERENCES voices ON DELETE CASCADE, "
    "source TEXT NOT NULL, audio_sha256 TEXT NOT NULL, seconds REAL NOT NULL, speech REAL NOT NULL, "
    "embedding BLOB NOT NULL, added TEXT NOT NULL, UNIQUE (voice, audio_sha256))",
)


def make_file(path: Path) -> None:
    """Make an empty store that only its owner may read and write; one that exists is left as it is.

    Raises InputError if the folder does not exist or cannot be written.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        pass
    except OSError as e:
        raise InputError(f"{path}: the store cannot be made ({e.strerror}); name a file in a folder that exists") from e


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection that sees one state of a store; None if the store is empty and was never written.

    Raises InputError as `_opened` does.
    """
    with _opened(path) as db:
        db.execute("BEGIN")
        yield db if _is_ours(path, db) else None
        db.execute("COMMIT")


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for one transaction, which is written as a whole if the block ends without an error.

    Nobody else writes in between. A new store gets its tables. What is deleted is overwritten with zeros.
    Raises InputError as `_opened` does.
    """
    with _opened(path) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA synchronous = EXTRA")  # a loss of power does not bring back what was removed
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("BEGIN IMMEDIATE")
        if not _is_ours(path, db):
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            for table in TABLES:
                db.execute(table)
            db.execute("INSERT INTO meta VALUES ('format', ?)", (str(FORMAT),))
        yield db
        db.execute("COMMIT")


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection, closed at the end; a transaction that is still open then is rolled back.

    Raises InputError if the store is missing, a folder, no store, of a newer format, damaged, locked, read-only, or if
    the disk is full.
    """
    _check_file(path)
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", PATIENCE, isolation_level=None, uri=True)
        ) as db:
            yield db
    except sqlite3.Error as e:
        raise InputError(f"{path}: {_in_words(path, e)}") from e
    except UnicodeDecodeError as e:  # of a name in a table, or in SQLite's own message
        raise InputError(f"{path}: {DAMAGED}") from e


def _check_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise InputError(f"{path}: no such store of voices; `spkr enrol` makes one") from None
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket"
        raise InputError(f"{path}: {kind}; expected a store of voices, which is a file")


def _is_ours(path: Path, db: sqlite3.Connection) -> bool:
    """Whether a store has its tables; False for an empty one, InputError for a file of another program or format."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if not application and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
        return False
    if application != APPLICATION:
        raise InputError(f"{path}: an SQLite file of another program; expected a store that `spkr enrol` made")
    (found,) = db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() or ("none",)
    if found != str(FORMAT):
        raise InputError(
            f"{path}: a store of format {found}; this version of spkr reads {FORMAT}: update spkr, or enrol into "
            "another store"
        )
    return True


def _in_words(path: Path, error: sqlite3.Error) -> str:
    """What an error of SQLite means for a store, and what to do."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the rest says more
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"locked by another process for more than {PATIENCE:g} s; try again when it has finished"
    if code == sqlite3.SQLITE_NOTADB:
        return "not a store of voices, or damaged; expected a file that `spkr enrol` made"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return f"cannot be written; this user must be allowed to write to the file and to its folder, {path.parent}"
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return "cannot be read or written (the disk is full, or fails); the store is as it was before"
    return DAMAGED
