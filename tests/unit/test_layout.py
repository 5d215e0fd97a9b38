"""How the code is laid out: short files and functions, and no two modules of one name."""

import ast
from collections import Counter

import pytest

from tests.conftest import ROOT

FILES = sorted(
    path for folder in ("spkr", "local", "rules") for end in ("py", "smk") for path in (ROOT / folder).rglob(f"*.{end}")
)
MODULES = [path for path in FILES if path.suffix == ".py"]
MOST_LINES = {"file": 250, "function": 40}  # a function's docstring does not count


def test_files_are_short():
    assert len(FILES) > 100
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: n for name, n in lengths.items() if n > MOST_LINES["file"]} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            text = ast.get_docstring(node, clean=False) or ""
            lines = node.end_lineno - node.lineno + 1 - (len(text.splitlines()) if text else 0)
            assert lines <= MOST_LINES["function"], node.name


def test_no_two_modules_have_one_name():
    names = Counter(path.stem for path in (ROOT / "spkr").rglob("*.py") if path.stem != "__init__")
    assert [name for name, count in names.items() if count > 1] == []
