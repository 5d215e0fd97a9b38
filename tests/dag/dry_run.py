"""Snakemake's command line in a process of its own, its config files, and what it prints."""

import os
import re
import sys
from pathlib import Path

import yaml


def run_snakemake(args: list[str], env: dict[str, str], output: Path) -> None:
    """Run it in this process, which a test started for it; all that it prints goes to a file."""
    from snakemake.cli import main  # imported already, where this process was forked from one that had

    os.environ.clear()
    os.environ.update(env)
    with output.open("wb") as f:
        os.dup2(f.fileno(), 1)
        os.dup2(f.fileno(), 2)
    sys.argv = ["snakemake", *args]
    main(args)


def config_file(folder: Path, **settings) -> str:
    """Write a config file of these settings; its path."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return str(path)


def jobs(output: str) -> dict[str, int]:
    """The table of job counts that a dry run prints."""
    return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", output, re.M) if name != "total"}


def inputs(output: str) -> dict[str, set[str]]:
    """The rules that read each file, of a dry run's list of jobs."""
    rules = {}
    for rule, files in re.findall(r"^(?:local)?rule (\w+):\n    input: (.*)$", output, re.M):
        for file in files.split(", "):
            rules.setdefault(file, set()).add(rule)
    return rules
