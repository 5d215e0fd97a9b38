"""A config: its check against the schema, so that a typo is one line, and the name of its network."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from spkr.errors import InputError
from spkr.feats.options import RENAMED


def check_config(config: dict[str, Any], schema: str | Path, files: Iterable[str | Path]) -> None:
    """Raise InputError unless the config is as the schema says.

    Args:
        config: all settings, merged.
        schema: a JSON schema in YAML.
        files: the files that were merged, the strongest last: the message names the line that set the key.
    """
    rules = yaml.safe_load(Path(schema).read_text(encoding="utf-8"))
    error = best_match(Draft202012Validator(rules).iter_errors(config))
    if error is None:
        return
    path = [str(part) for part in error.absolute_path]
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(error.schema["properties"]))[0]
        renamed = RENAMED.get(unknown) if path == ["feats"] else None
        remedy = f"set {renamed}" if renamed else _suggest(unknown, error.schema["properties"])
        raise InputError(f"{_place([*path, unknown], files)}no such key; {remedy}")
    raise InputError(f"{_place(path, files)}{_expected(error)}")


def network_name(model: dict[str, Any]) -> str:
    """A `model` section's preset, and how many networks of it are trained at once: quartznet3x1_small-x4."""
    preset, size = model["preset"], model.get("ensemble", 1)
    return f"{preset}-x{size}" if size > 1 else preset


def _suggest(unknown: str, known: Iterable[str]) -> str:
    close = get_close_matches(unknown, known, n=1)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"


def _expected(error: ValidationError) -> str:
    """What the schema wants, and its own words on the key."""
    description = error.schema.get("description")
    return error.message + (f" ({description})" if description else "")


def _place(path: list[str], files: Iterable[str | Path]) -> str:
    """`file:line: section.key: `, or without the file where the command line set the key."""
    key = ".".join(path)
    for file in reversed(list(files)):
        for number, line in enumerate(Path(file).read_text(encoding="utf-8").splitlines(), 1):
            if path and re.search(rf"(^|[\s{{,]){re.escape(path[-1])}\s*:", line.partition("#")[0]):
                return f"{file}:{number}: {key}: "
    return f"config: {key}: "
