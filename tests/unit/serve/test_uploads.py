"""Uploads lie in a private folder for as long as they are read; so many are read at once."""

import fcntl
import os
import stat
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from spkr.serve.uploads import LOCK, PREFIX, Reader, private_folder
from tests.unit.serve.conftest import form


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


def test_the_folder_is_private_and_goes(temporary):
    with private_folder() as folder:
        assert folder.parent == temporary and stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "upload").write_bytes(b"voice")
    assert list(temporary.iterdir()) == []


def test_what_killed_servers_left_is_removed_and_no_more(temporary):
    left, used, new, other = (temporary / name for name in (PREFIX + "a", PREFIX + "b", PREFIX + "c", "other"))
    for folder in (left, used, new, other):
        folder.mkdir()
    for folder in (left, used, other):
        (folder / LOCK).touch()
    (left / "upload").write_bytes(b"voice")
    with (used / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with private_folder() as own, private_folder() as second:
            assert own.exists() and second.exists()
    assert sorted(temporary.iterdir()) == sorted([used, new, other])


def test_folders_of_other_users_stay(temporary, monkeypatch):
    (temporary / f"{PREFIX}a").mkdir()
    (temporary / f"{PREFIX}a" / LOCK).touch()
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    with private_folder():
        pass
    assert len(list(temporary.iterdir())) == 1


def test_names_of_clients_are_not_used(serve, monkeypatch):
    served, seen = serve(), []
    check = Reader._check_length

    def look(reader, path, *args):
        seen.extend(path for path in reader.folder.iterdir())
        assert stat.S_IMODE(seen[-1].stat().st_mode) == 0o600
        check(reader, path, *args)

    monkeypatch.setattr(Reader, "_check_length", look)
    names = ["../../../etc/cron.d/x", "/etc/passwd", "touch x |", "-rf", "a\0b", "x" * 300, "."]
    content = form(b=["ann"])[0][1][1]
    files = [("a", (name, content)) for name in names] + [("b", ("x.raw", content))]
    assert served.client.post("/verify", files=files).status_code == 200
    assert len(seen) == 8 and all(path.name.startswith("tmp") for path in seen)
    assert list(served.uploads.iterdir()) == []


def test_at_most_so_many_requests_are_in_work(serve, monkeypatch):
    served = serve(at_once=2, queue=20)
    lock, now, most = threading.Lock(), 0, 0
    read = Reader.read

    def slowly(reader, *args):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return read(reader, *args)

    monkeypatch.setattr(Reader, "read", slowly)
    with served.client as client, ThreadPoolExecutor(10) as pool:
        answers = pool.map(lambda _: client.post("/verify", files=form(a=["ann"], b=["ann"])), range(10))
        assert [answer.status_code for answer in answers] == [200] * 10
    assert most == 2
