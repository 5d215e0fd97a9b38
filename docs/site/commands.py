"""reference/commands.md: every verb of spkr with its help, from the parser that the command line uses."""

import argparse
import os
from collections.abc import Iterator

from docs.site.pages import in_a_cell
from spkr.cli import parser

WIDTH = "100"  # columns of the help texts
HEAD = """\
# Commands

Each stage of a recipe is a command on files, and can be typed by hand. `source .venv/bin/activate`, in the folder of
spkr, makes the command known to the shell. This page has what `spkr VERB --help` prints.
[Exit codes](exit-codes.md) are the same for all. On a terminal warnings are yellow and errors red, unless `NO_COLOR` is
set; logs and pipes get plain lines.

`source <(spkr --print-completion bash)` makes bash complete verbs, options and files; add the line to `~/.bashrc`. zsh,
tcsh and fish have their own.

"""


def verbs(of: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """The verbs below a parser, as they are typed: the name, a line on what it does, and its parser."""
    for action in of._actions:  # argparse has no other way to its subparsers
        if isinstance(action, argparse._SubParsersAction):
            said = {choice.dest: choice.help for choice in action._choices_actions}
            for name, below in action.choices.items():
                yield below.prog, said[name], below
                yield from verbs(below)


def commands_page() -> str:
    """The page of all commands."""
    os.environ["COLUMNS"] = WIDTH
    top = parser()
    top.prog = "spkr"
    found = [*verbs(top)]
    table = "\n".join(
        f"| [`{name}`](#{name.replace(' ', '-').lower()}) | {in_a_cell(text)} |" for name, text, _ in found
    )
    parsers = {"spkr": top} | {name: below for name, _, below in found}
    helps = (f"## {name}\n\n```text\n{one.format_help().rstrip()}\n```\n" for name, one in parsers.items())
    return "\n".join([f"{HEAD}| command | |\n|---|---|\n{table}\n", *helps])
