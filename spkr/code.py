"""A digest of Python code, which changes with the code but not with comments, docstrings or layout."""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from spkr.errors import InputError
from spkr.files import sha256


def code_digest(*paths: str | Path) -> str:
    """A digest of modules and of all modules in folders: 12 hexadecimal digits.

    Comments, docstrings, layout, the files' names and folders, and the order of the arguments do not count.
    Raises InputError if a path does not exist, holds no module, or is not Python.
    """
    modules: set[Path] = set()
    for path in map(Path, paths):
        found = path.rglob("*.py") if path.is_dir() else [path]
        if not (found := {module.resolve() for module in found}):
            raise InputError(f"{path}: no Python module in this folder")
        modules |= found
    digests = sorted(_read(module).digest for module in modules)
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:12]


def code_version(*folders: Path) -> str:
    """A digest of the bytes of all Python files below some folders, for records; even a comment changes it.

    It takes a tenth of the time of `code_digest`; every job writes one into its manifest.
    """
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    return hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()[:12]


def code_of(*modules: str | Path, root: str | Path) -> str:
    """A digest of the code that a stage computes with: some modules and what they import, directly or indirectly.

    Only modules of spkr and modules beside a script count. Modules that affect no number are left out: those that read
    options, which are parameters of a stage, and those of the top level, which handle files and messages.

    Args:
        modules: names, such as spkr.nnet.embed, or paths of scripts below `root`.
        root: the folder that holds the package.
    """
    root = Path(root)
    left = [root / m if str(m).endswith(".py") else _path(root, str(m)) for m in modules]
    found: set[Path] = set()
    while left:
        path = left.pop()
        if path and path not in found:
            found.add(path)
            left += [_path(root, name, path.parent) for name in _read(path).imports]
    return code_digest(*found)


@cache
def _path(root: Path, name: str, beside: Path | None = None) -> Path | None:
    """The file of a module that affects numbers, in spkr or beside a script; None for any other module."""
    package, *parts = name.split(".")
    if package != "spkr":
        path = beside / f"{name}.py" if beside and not beside.is_relative_to(root / "spkr") else None
    elif len(parts) < 2 or parts[0] in ("cli", "config"):
        path = None
    else:
        path = root.joinpath("spkr", *parts).with_suffix(".py")
    return path if path and path.is_file() else None


class _Module(NamedTuple):
    """What counts of a module's text."""

    digest: str
    imports: list[str]  # names, imported anywhere; `from spkr.kaldi import trials` also gives spkr.kaldi.trials


def _read(module: Path) -> _Module:
    try:
        return _parsed(module.read_bytes())
    except OSError as e:
        raise InputError(f"{module}: cannot be read ({e.strerror})") from None
    except (SyntaxError, ValueError) as e:
        raise InputError(f"{module}: not a Python module ({e})") from None


@cache
def _parsed(source: bytes) -> _Module:
    """Parse a module's text once; copies of a checkout share texts, and so results."""
    tree, imports = ast.parse(source, "this module"), []
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):  # the body of a lambda is an expression
            node.body = [s for s in body if not _is_docstring(s)] or [ast.Pass()]
        elif isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    text = ast.unparse(tree)  # unlike ast.dump, the same in all versions of Python
    return _Module(hashlib.sha256(text.encode()).hexdigest(), imports)


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
