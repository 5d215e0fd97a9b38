"""A digest of Python code, which changes when the code does something else and not when a comment changes."""

import ast
import hashlib
from functools import cache
from pathlib import Path

from spkr.errors import InputError


def code_digest(*paths: str | Path) -> str:
    """A digest of modules and of all modules in folders: 12 hexadecimal digits.

    Comments, docstrings and layout do not count, nor do the files' names and folders, and the order of the arguments.
    Raises InputError where a path does not exist, holds no module, or is not Python.
    """
    modules: set[Path] = set()
    for path in map(Path, paths):
        found = path.rglob("*.py") if path.is_dir() else [path]
        if not (found := {module.resolve() for module in found}):
            raise InputError(f"{path}: no Python module in this folder")
        modules |= found
    digests = sorted(_source_digest(module, _read(module)) for module in modules)
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:12]


def _read(module: Path) -> bytes:
    try:
        return module.read_bytes()
    except OSError as e:
        raise InputError(f"{module}: cannot be read ({e.strerror})") from None


@cache
def _source_digest(module: Path, source: bytes) -> str:
    try:
        tree = ast.parse(source, str(module))
    except (SyntaxError, ValueError) as e:
        raise InputError(f"{module}: not a Python module ({e})") from None
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):  # the body of a lambda is an expression
            node.body = [s for s in body if not _is_docstring(s)] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()  # unlike ast.dump the same in all Pythons


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
