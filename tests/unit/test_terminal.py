"""What the command offers at a terminal: its version, completion for shells, colours for eyes only."""

import io
import logging
import os
import pty
import re
import subprocess
import sys

import pytest

import spkr.cli
from spkr.cli import main
from spkr.cli.terminal import PLAIN, RED, SHELLS, YELLOW, formatter_for
from tests.conftest import ROOT

ASK = r"""
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_shtab_spkr spkr "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
echo "${COMPREPLY[@]}"
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(capsys, *args) -> str:
    with pytest.raises(SystemExit) as end:
        main([*args])
    assert end.value.code == 0
    return capsys.readouterr().out


def test_the_version_is_that_of_a_report_of_a_fault(capsys):
    line = printed(capsys, "--version")
    assert line.startswith("spkr ") and "torch 2." in line and line.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("data v", "validate"),
        ("copy-pl", "copy-plda"),
        ("eer --kin", "--kind"),
        ("eer --kind l", "linear"),
        ("eer here/sc", "here/scores"),  # what is free is a file
        ("score a b --backend-dir he", "here"),
    ],
)
def test_bash_completes_verbs_options_choices_and_files(capsys, tmp_path, typed, offered):
    (tmp_path / "spkr.bash").write_text(printed(capsys, "--print-completion", "bash"))
    (tmp_path / "here").mkdir()
    (tmp_path / "here/scores").touch()
    command = ["bash", "-c", ASK, "ask", "spkr.bash", "spkr", *typed.split()]
    assert subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.split() == [offered]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(capsys, shell):
    assert "check-trials" in printed(capsys, "--print-completion", shell)


@pytest.mark.parametrize(
    ("level", "colour"), [(logging.INFO, ""), (logging.WARNING, YELLOW), (logging.ERROR, RED), (logging.CRITICAL, RED)]
)
def test_warnings_are_yellow_and_errors_red_on_a_terminal_alone(monkeypatch, level, colour):
    record = logging.LogRecord("spkr", level, "", 0, "a line", None, None)

    def line(stream) -> str:
        return formatter_for(stream, "%(message)s", "").format(record)

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert line(Terminal()) == (f"{colour}a line{PLAIN}" if colour else "a line")
    assert line(io.StringIO()) == "a line"
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as context:
            context.setenv(name, value)
            assert line(Terminal()) == "a line"


def test_an_error_is_red_on_the_screen_and_plain_in_the_log(tmp_path):
    screen, other = pty.openpty()
    code = f"from spkr.cli import main; main(['--log', {str(tmp_path / 'x.log')!r}, 'eer', 'nowhere'])"
    env = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, stderr=other, env=env)
    shown = os.read(screen, 10_000).decode()
    assert done.returncode == 1
    assert shown.startswith(RED) and "nowhere: no such file" in shown and shown.rstrip().endswith(PLAIN)
    assert "\033" not in (tmp_path / "x.log").read_text()


def test_the_page_of_exit_codes_has_those_of_the_command():
    said = re.findall(r"\b(0|1|2|75|1[0-9]{2})\b", spkr.cli.__doc__)
    page = (ROOT / "docs/reference/exit-codes.md").read_text()
    assert {*said} == {*re.findall(r"^\| (\d+) \|", page, re.M)}


def test_neither_slows_the_start():
    code = "import sys, spkr.cli; spkr.cli.parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"shtab", "spkr.report.origin"} & set(loaded)
