"""Starting a server: tokens and sockets. The processes are in test_processes.py."""

import socket

import pytest

from spkr.cli import main
from spkr.errors import InputError
from spkr.serve.server import TOKEN, listen, read_token
from tests.unit.voices.toy_model import toy_model

GOOD = "0123456789abcdef"


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)


def test_a_token_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    (tmp_path / "token").write_text(f"{GOOD}\n")
    assert read_token(None, "127.0.0.1") is None
    monkeypatch.setenv(TOKEN, "of-the-environment")
    assert read_token(None, "0.0.0.0") == "of-the-environment"
    assert read_token(tmp_path / "token", "0.0.0.0") == GOOD


@pytest.mark.parametrize("text", ["short", "two words of a token", "kein-gültiges-zeichen", "line\nline-of-a-token"])
def test_a_token_that_is_none(tmp_path, text, monkeypatch):
    (tmp_path / "token").write_text(text)
    with pytest.raises(InputError, match=r"token: expected a token of 16 or more"):
        read_token(tmp_path / "token", "127.0.0.1")
    monkeypatch.setenv(TOKEN, "")
    with pytest.raises(InputError, match=f"{TOKEN}: expected a token"):
        read_token(None, "127.0.0.1")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "spkr.example", ""])
def test_without_a_token_only_this_machine_is_served(host):
    with pytest.raises(InputError, match="there is no token"):
        read_token(None, host)


def test_sockets():
    with (
        listen("127.0.0.1", 0) as one,
        pytest.raises(InputError, match=r"cannot listen there \(Address already in use\);"),
    ):
        listen("127.0.0.1", one.getsockname()[1])
    with pytest.raises(InputError, match="no such port"):
        listen("127.0.0.1", 70000)
    with pytest.raises(InputError, match=r"cannot listen there"):
        listen("no-such-host.invalid", 0)
    if socket.has_ipv6:
        listen("::1", 0).close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "there is no token"),
        (["--token-file", "nowhere"], "nowhere: no such file"),
        (["--port", "-1"], "no such port"),
        (["--false-alarms", "0.01"], "no threshold for a rate of false alarms"),
    ],
)
def test_wrong_options_end_the_command_before_anything_is_made(tmp_path, caplog, options, words):
    toy_model(tmp_path / "toy.spkr")
    with pytest.raises(SystemExit) as e:
        main(["serve", str(tmp_path / "toy.spkr"), str(tmp_path / "store"), *options])
    assert e.value.code == 1 and words in caplog.text and not (tmp_path / "store").exists()


@pytest.mark.parametrize("options", [["--rate", "-1"], ["--at-once", "0"], ["--max-upload", "0"], ["--queue", "x"]])
def test_numbers_out_of_range(options, capsys):
    with pytest.raises(SystemExit) as e:
        main(["serve", "toy.spkr", "store", *options])
    assert e.value.code == 2 and "expected" in capsys.readouterr().err


def test_a_missing_library_is_named(monkeypatch, caplog):
    monkeypatch.setattr("spkr.cli.serve.find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        main(["serve", "toy.spkr", "store"])
    assert "pip install 'spkr[serve]'" in caplog.text
