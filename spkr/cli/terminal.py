"""What the command offers at a terminal: its version, completion for shells, and colours of warnings and errors.

Colours are for eyes only: a log file, a pipe, NO_COLOR and TERM=dumb get plain lines.
"""

import argparse
import logging
import os
import platform
from typing import TextIO

SHELLS = ("bash", "zsh", "tcsh", "fish")
RED, YELLOW, PLAIN = "\033[31m", "\033[33m", "\033[0m"
COLOURS = ((logging.ERROR, RED), (logging.WARNING, YELLOW))


def add_questions(top: argparse.ArgumentParser) -> None:
    """Add the options that print something about spkr itself, and end."""
    top.add_argument("--version", action=Version, nargs=0, help="print the versions of spkr and its libraries, and end")
    top.add_argument("--print-completion", action=Completion, choices=SHELLS, metavar="SHELL",
                     help=f"print what makes a shell complete verbs, options and files ({', '.join(SHELLS)}), and end: "
                     "source <(spkr --print-completion bash)")  # fmt: skip


class Version(argparse.Action):
    """Print the versions that a report of a fault should name."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """Print them and end."""
        from spkr.report.origin import PACKAGES, commit, package_version

        versions = [f"{name} {package_version(name) or 'of no installed version'}" for name in PACKAGES]
        made_of = f" (commit {found})" if (found := commit()) else ""
        print(", ".join([versions[0] + made_of, f"Python {platform.python_version()}", *versions[1:]]))
        parser.exit()


class Completion(argparse.Action):
    """Print the script of a shell that completes this command line."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """Print it and end."""
        import shtab

        _complete_paths(parser, shtab.FILE)
        print(shtab.complete(parser, values))
        parser.exit()


def _complete_paths(parser: argparse.ArgumentParser, how: dict[str, str]) -> None:
    """Complete file names wherever a value is free; choices complete by themselves."""
    for action in parser._actions:  # argparse has no other way to what a parser takes
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_paths(below, how)
        elif action.choices is None and action.nargs != 0:
            action.complete = how


class Coloured(logging.Formatter):
    """Lines in which errors are red and warnings yellow."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = super().format(record)
        colour = next((colour for level, colour in COLOURS if record.levelno >= level), None)
        return f"{colour}{line}{PLAIN}" if colour else line


def formatter_for(stream: TextIO, line: str, date: str) -> logging.Formatter:
    """A formatter for a stream: coloured if a person sees it and has not said no (no-color.org)."""
    seen = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return (Coloured if seen else logging.Formatter)(line, date)
