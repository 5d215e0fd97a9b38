import hashlib
import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from spkr.errors import InputError
from spkr.files import check_same_keys, read_lines, replacing, sha256


def test_file_appears_whole_with_the_umasks_permissions_and_in_a_new_folder(tmp_path):
    old = os.umask(0o027)
    try:
        with replacing(tmp_path / "new/file") as f:
            f.write("hé\n")
            f.flush()
            assert not (tmp_path / "new/file").exists()
    finally:
        os.umask(old)
    assert (tmp_path / "new/file").read_bytes() == "hé\n".encode()
    assert (tmp_path / "new/file").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    for name in ("file", "new"):
        (tmp_path / name).symlink_to(f"there/{name}")
    (tmp_path / "there/file").write_text("old")
    for name in ("file", "new"):
        with replacing(tmp_path / name) as f:
            f.write("whole")
        assert (tmp_path / name).readlink() == Path(f"there/{name}")
        assert (tmp_path / "there" / name).read_text() == "whole"
    assert {path.name for path in tmp_path.rglob("*")} == {"there", "file", "new"}


def test_a_pipe_and_a_device_are_written_through(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE)
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        with replacing(tmp_path / name, "wb") as f:
            f.write(b"whole")
    assert reader.communicate()[0] == b"whole"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert Path("/dev/null").is_char_device()


def test_an_open_descriptor_is_written_where_it_stands(tmp_path):
    with (tmp_path / "log").open("w") as log:
        log.write("before\n")
        log.flush()
        (tmp_path / "link").symlink_to(f"/proc/self/fd/{log.fileno()}")
        for name in (f"/dev/fd/{log.fileno()}", tmp_path / "link"):
            with replacing(name) as f:
                f.write("whole\n")
        log.write("after\n")
    assert (tmp_path / "log").read_text() == "before\nwhole\nwhole\nafter\n"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "folder: is a folder; expected the name of a file to write"),
        ("file/x/y", "file/x/y: cannot be written, as .*/file is not a folder"),
        ("socket", "socket: is not a file, and no pipe or character device"),
        ("loop", "loop: is a symbolic link that leads to itself"),
    ],
)
def test_what_no_file_can_replace_is_refused(tmp_path, monkeypatch, name, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    with pytest.raises(InputError, match=message), replacing(tmp_path / name):
        pytest.fail("it opened")


def test_a_folder_that_is_not_permitted_is_named(tmp_path, unprivileged):
    code = f"from spkr.files import replacing; replacing({str(tmp_path / 'shut/new/x')!r}).__enter__()"
    (tmp_path / "shut").mkdir(mode=0o555)
    done = unprivileged(code)
    assert f"shut/new/x: cannot be written, as {tmp_path}/shut is read-only for this user" in done.stderr


def test_error_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "file", "wb") as f:
        f.write(b"half")
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_full_disk_is_said_of_the_file_that_was_written_whatever_library_met_it(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    full = "file: cannot be written \\(No space left on device\\); nothing half-written is left"
    with pytest.raises(InputError, match=full), replacing(tmp_path / "file", "wb"):
        try:
            Path("/dev/full").write_bytes(b"more")
        except OSError:
            raise RuntimeError("unexpected pos 46848 vs 46744")  # noqa: B904, as torch.save does
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file"):
        (tmp_path / "input").read_bytes()
    with pytest.raises(InputError, match="^input: wrong$"), replacing(tmp_path / "file"):
        raise InputError("input: wrong")


def test_lines_come_with_their_numbers(tmp_path):
    (tmp_path / "file").write_bytes("a 1\r\nb \N{NO-BREAK SPACE}2\n\n".encode())
    assert list(read_lines(tmp_path / "file")) == [(1, "a 1"), (2, "b \N{NO-BREAK SPACE}2")]


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "file: no such file"),
        (b"", "file: the file is empty"),
        (b"\n", "file:1: empty line"),
        (b"a 1\n \nb 2\n", "file:2: empty line"),
        (b"\xef\xbb\xbfa 1\n", "file:1: the line begins with a byte order mark; remove it: sed -i"),
        (b"a 1\nb \xff\n", r"file: not UTF-8 text \(byte 6\)"),
    ],
)
def test_unusable_text_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_lines(tmp_path / "file"))


def test_folder_in_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        list(read_lines(tmp_path))


def test_a_device_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "file").symlink_to("/dev/zero")  # which never ends
    with pytest.raises(InputError, match="file: a device, which may have no end; expected a text file"):
        list(read_lines(tmp_path / "file"))


def test_digest(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    assert sha256(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()


def test_keys_that_differ_are_named():
    check_same_keys("ours", ["a", "b"], "theirs", {"b": 1, "a": 2})
    with pytest.raises(InputError, match="ours: 2 of 3 entries of theirs missing, first 'b'"):
        check_same_keys("ours", ["a"], "theirs", "abc")
    with pytest.raises(InputError, match="ours: 1 entries that theirs does not have, first 'c'"):
        check_same_keys("ours", "abc", "theirs", "ab")
