"""docs/howto/extending.md adds one of each thing to a copy of spkr, with the files that it names alone, and it runs.

Code blocks of the page are written as they stand. Below a line that names a file, a block is the file's content, or, as
`diff`, the lines that are added to it.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from spkr.kaldi.table import TableReader
from tests.conftest import ROOT

PAGE = ROOT / "docs/howto/extending.md"
BLOCK = re.compile(r"^`([\w./]+)`:\n\n```(\w+)\n(.*?)^```$", re.M | re.S)
DICTIONARIES = {
    *("spkr/nnet/__init__.py", "spkr/feats/__init__.py", "spkr/backend/__init__.py", "spkr/audio/__init__.py"),
    "spkr/report/measures.py",
}
SMALL = """\
feats: {shards: 1}
model: {filters: 16, context: 5, depth: 2, embedding_layers: [16]}
train: {epochs: 2, batches: {batch_size: 16}}
backend: {augment: clipped}
"""


def add(folder: Path, file: str, language: str, block: str) -> None:
    """Do to the copy in `folder` what a block of the page says."""
    path = folder / file
    if language != "diff":
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as f:
            f.write(block)
        return
    lines = block.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] == " ")
    text = path.read_text()
    assert text.count(before) == 1, f"{PAGE}: {file} has no such lines: {before}"
    path.write_text(text.replace(before, "".join(line[1:] for line in lines)))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of spkr with all that the page adds."""
    folder = tmp_path_factory.mktemp("spkr")
    for name in ("spkr", "rules", "recipes", "local", "conf", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "golden*"))
    for name in ("Snakefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for file, language, block in BLOCK.findall(PAGE.read_text()):
        add(folder, file, language, block)
    run(folder, "spkr.config.generate", "conf")
    return folder


def run(folder: Path, module: str, *words: object) -> str:
    """What a Python module prints that is run with the copy's code."""
    command = [sys.executable, "-m", module, *map(str, words)]
    env = {k: v for k, v in os.environ.items() if k != "SPKR_CORPORA"} | {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


def test_only_the_dictionaries_are_changed(copy):
    blocks = BLOCK.findall(PAGE.read_text())
    assert {file for file, language, _ in blocks if language == "diff"} == DICTIONARIES
    assert not [file for file, language, _ in blocks if language != "diff" and (ROOT / file).exists()]
    assert len(blocks) == PAGE.read_text().count("```") / 2


def test_the_copys_own_checks_pass(copy):
    run(copy, "pytest", "-q", "tests/unit/test_conf.py")
    run(copy, "ruff", "check", "spkr", "local")
    run(copy, "ruff", "format", "--check", "spkr", "local")


def test_a_run_uses_all_that_was_added(copy, tmp_path, monkeypatch):
    run(copy, "local.mini", tmp_path / "mini", "--speakers", 12, "--sentences", 4)
    with tarfile.open(tmp_path / "folders.tar.gz", "w:gz") as archive:
        for folder in (tmp_path / "mini/an4/wav").glob("*/*"):
            archive.add(folder, f"folders/{folder.name}")
    (tmp_path / "small.yaml").write_text(SMALL)
    files = [copy / "my.yaml", tmp_path / "small.yaml"]
    options = ["--configfile", *files, "--config", "recipe=folders", f"corpora={tmp_path}"]
    printed = run(
        copy, "snakemake", "--cores", 2, "-s", copy / "recipes/folders/Snakefile", "-d", tmp_path / "work", *options
    )
    assert re.search(r"^trials .* AUC\b", printed, re.M)
    monkeypatch.chdir(tmp_path / "work")
    with Path("exp/folders/main/results/results.tsv").open() as f:
        rows = {(row["trials"], row["backend"]): row for row in csv.DictReader(f, delimiter="\t")}
    assert len(rows) == 4
    assert {row["model"] for row in rows.values()} == {"dvector"}
    target, nontarget = scores_of("trials_pairs", "lda_euclidean")
    assert max(target + nontarget) < 0
    above = [(t > n) + (t == n) / 2 for t in target for n in nontarget]
    assert rows["trials_pairs", "lda_euclidean"]["auc"] == f"{sum(above) / len(above):.4f}"

    utt = "f01-s02-f01-b"
    utt2aug = Path("exp/folders/data/train_clipped/utt2aug").read_text()
    assert re.search(rf"^{utt}-clip speed=1 clip=0\.[1-5]", utt2aug, re.M)
    (scp,) = Path("exp/folders/feats").glob("*/train_clipped/feats.scp")
    feats = TableReader(scp)
    clean, clipped = feats[utt], feats[f"{utt}-clip"]
    assert clean.shape == clipped.shape
    assert clean.shape[1] == 2 * 80
    assert np.abs(clean - clipped).mean() > 0.1


def scores_of(trials: str, backend: str) -> tuple[list[float], list[float]]:
    """The scores of a list's target and of its nontarget trials."""
    labels = [line.split()[2] for line in Path(f"exp/folders/data/test/{trials}").read_text().splitlines()]
    lines = Path(f"exp/folders/main/scores/{trials}.{backend}").read_text().splitlines()
    scored = list(zip(labels, (float(line.split()[2]) for line in lines), strict=True))
    return tuple([score for label, score in scored if label == kind] for kind in ("target", "nontarget"))
