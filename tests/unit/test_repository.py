"""What people expect beside the code: targets of make, an image, templates of issues, a citation, a list of changes."""

import fnmatch
import re
import subprocess
import tomllib

import pytest
import yaml

from tests.conftest import ROOT

INSTRUCTIONS = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "ENV", "USER", "CMD"}
MAKEFILE = (ROOT / "Makefile").read_text()


def test_make_without_a_target_lists_the_targets():
    listed = subprocess.run(["make", "-s"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    targets = dict(line.split(maxsplit=1) for line in listed.splitlines())
    declared = set(re.search(r"^\.PHONY: (.*)", MAKEFILE, re.M)[1].split())
    assert {"help", "slurm", "browser"} == declared - targets.keys()  # parts of others
    assert targets.keys() <= declared and targets["demo"].startswith("a small synthetic corpus")
    assert all(f"\n{target}:" in MAKEFILE for target in targets)


def test_the_tests_that_contributors_are_told_to_run_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"^    pytest.* (tests/\S+)", text, re.M) + [
        f"tests/{name}" for row in re.findall(r"^\| (`.*?) \|", text, re.M) for name in re.findall(r"`(\w+)`", row)
    ]
    assert len(named) > 10 and [name for name in named if not (ROOT / name).exists()] == []


def test_the_image_is_of_versions_that_are_pinned_and_of_files_that_exist():
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M)
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line]
    assert {name for name, _ in steps} == INSTRUCTIONS
    assert [name for name, _ in steps][0] == "FROM" and dict(steps)["FROM"] != "python" and ":" in dict(steps)["FROM"]
    assert dict(steps)["USER"] != "root"
    for name, words in steps:
        if name == "COPY":
            assert all((ROOT / source).exists() for source in words.split()[:-1])
        if name == "RUN" and "install" in words:
            assert "--no-cache-dir" in words and ("-r requirements.txt" in words or "--no-deps" in words)
    python = dict(steps)["FROM"].partition(":")[2].partition("-")[0]
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert [int(n) for n in python.split(".")] >= [int(n) for n in needed.removeprefix(">=").split(".")]


@pytest.mark.parametrize("file", ["Snakefile", "spkr/cli/__init__.py", "local/mini.py", "recipes/mini/config.yaml",
                                  "conf/default.yaml", "rules/data.smk", "report/workflow.rst", "README.md",
                                  "profiles/default/profile.yaml", "requirements.txt", "CITATION.cff"])  # fmt: skip
def test_the_image_has_what_a_run_needs(file):
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert (ROOT / file).exists() and any(fnmatch.fnmatch(file, name) or file.startswith(f"{name}/") for name in kept)


def test_the_image_has_nothing_that_is_private_or_large():
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert not {"exp", ".git", ".venv", "tests", "shared"} & {*kept}
    assert [name for name in kept if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/ISSUE_TEMPLATE/[!c]*.yml")), ids=lambda path: path.stem)
def test_a_template_of_issues_is_a_form(path):
    form = yaml.safe_load(path.read_text())
    assert form.keys() >= {"name", "description", "body"}
    kinds = {"textarea", "input", "checkboxes", "markdown", "dropdown"}
    assert all(part["type"] in kinds and part["attributes"].get("label") for part in form["body"])
    assert len({part["id"] for part in form["body"]}) == len(form["body"])


def test_version_and_licence_are_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == project["version"] and citation["license"] == project["license"]
    assert f"\n## {project['version']}" in (ROOT / "CHANGELOG.md").read_text()
