import hashlib
import os
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


def test_digest(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    assert sha256(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()


def test_keys_that_differ_are_named():
    check_same_keys("ours", ["a", "b"], "theirs", {"b": 1, "a": 2})
    with pytest.raises(InputError, match="ours: 2 of 3 entries of theirs missing, first 'b'"):
        check_same_keys("ours", ["a"], "theirs", "abc")
    with pytest.raises(InputError, match="ours: 1 entries that theirs does not have, first 'c'"):
        check_same_keys("ours", "abc", "theirs", "ab")
