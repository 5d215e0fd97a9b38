"""The examples of `spkr <verb> --help` name files that the recipes write, and presets that exist."""

import argparse
import re
from pathlib import Path

from spkr.cli import parser
from tests.conftest import ROOT

INVENTED = {"exp/an4/data/all", "exp/an4/data/train_5k"}  # what `spkr data` writes; no recipe does
ADAPTED = "{recipe: himia, backend: {kinds: [plda, plda_adapted], adapt_to: train}}"
GRID = "{recipe: an4, grid: {seeds: [1, 2], runs: {main: {}, softmax: {model: {head: {type: softmax}}}}}}"


def examples(of: argparse.ArgumentParser) -> str:
    """The examples of a command and of all its verbs."""
    verbs = [action for action in of._actions if isinstance(action, argparse._SubParsersAction)]
    return "\n".join([of.epilog or "", *(examples(verb) for action in verbs for verb in action.choices.values())])


def written(output: str) -> set[str]:
    """The files that a dry run's summary lists, and their folders."""
    files = {Path(line.split("\t")[0]) for line in output.splitlines() if line.startswith("exp/")}
    return {str(path) for file in files for path in (file, *file.parents)}


def test_examples_name_files_that_the_recipes_write(snakemake, tmp_path):
    known = written(snakemake(tmp_path, "-n", "--summary", "--config", "recipe=an4"))
    for name, config in (("adapted", ADAPTED), ("grid", GRID)):
        (tmp_path / f"{name}.yaml").write_text(config)
        known |= written(snakemake(tmp_path, "-n", "--summary", "--configfile", str(tmp_path / f"{name}.yaml")))
    for name in ("pretrained", "with_standin"):
        config = str(ROOT / f"recipes/an4/{name}.yaml")
        known |= written(snakemake(tmp_path, "-n", "--summary", "--configfile", config))
    known |= INVENTED | {"exp/an4/main/model/checkpoints"}
    named = set(re.findall(r"\bexp/[^\s'\"()]+", examples(parser())))
    assert len(named) > 20
    assert sorted(named - known) == []


def test_examples_name_presets_that_exist():
    presets = re.findall(r"\bconf/\S+", examples(parser()))
    assert presets and all((ROOT / preset).exists() for preset in presets)
