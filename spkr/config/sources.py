"""Where settings come from: YAML files, with the line of each key, and the command line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from spkr.errors import InputError

Keys = tuple[str, ...]  # of a value, from the top of the settings


@dataclass(frozen=True)
class Source:
    """Settings, and where they were set."""

    name: str  # the file's path, or "command line"
    settings: dict[str, Any]
    lines: dict[Keys, int] = field(default_factory=dict)  # of each key; of a file only

    def sets(self, path: Sequence[str]) -> bool:
        """Whether it sets this key."""
        at: Any = self.settings
        for key in path:
            if not isinstance(at, dict) or key not in at:
                return False
            at = at[key]
        return True

    def place(self, path: Keys) -> str:
        """`file:line` of a key, or `command line`."""
        return f"{self.name}:{self.lines[path]}" if path in self.lines else self.name


def place(path: Sequence[str], sources: Iterable[Source]) -> str:
    """`file:line: section.key: ` of the last source that sets the key or, if none does, the section around it."""
    key = ".".join(path)
    for n in range(len(path), 0, -1):
        for source in reversed(list(sources)):
            if source.sets(path[:n]):
                return f"{source.place(tuple(path[:n]))}: {key}: "
    return f"config: {key}: "


def read_source(path: str | Path) -> Source:
    """Read a YAML file. Raises InputError if it is not YAML, sets a key twice, or is not keys with values."""
    try:
        loader = yaml.SafeLoader(Path(path).read_text(encoding="utf-8"))
        node = loader.get_single_node()
        settings = loader.construct_document(node) if node else {}
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; expected a YAML file") from None
    except yaml.YAMLError as e:
        line = f"{e.problem_mark.line + 1}:" if getattr(e, "problem_mark", None) else ""
        raise InputError(f"{path}:{line} no YAML ({getattr(e, 'problem', None) or e})") from None
    if not isinstance(settings, dict):
        raise InputError(f"{path}: expected keys with values, such as `run: plain`")
    lines: dict[Keys, int] = {}
    if node:
        _add_lines(node, (), lines, path)
    return Source(str(path), settings, lines)


def _add_lines(node: yaml.MappingNode, above: Keys, lines: dict[Keys, int], path: str | Path) -> None:
    for key, value in node.value:
        here = (*above, key.value)
        line = key.start_mark.line + 1
        if here in lines:
            raise InputError(f"{path}:{line}: {'.'.join(here)}: is set in line {lines[here]}, too; keep one of them")
        lines[here] = line
        if isinstance(value, yaml.MappingNode):
            _add_lines(value, here, lines, path)


def rest(given: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """The settings of `given` that `known` lacks or has with other values: in a merged config, the command line's."""
    result = {}
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(known.get(key), dict):
            if below := rest(value, known[key]):
                result[key] = below
        elif key not in known or (value != known[key] and repr(value) != repr(known[key])):  # .nan is not .nan
            result[key] = value
    return result


def typed(value: Any) -> Any:
    """A value of the command line as YAML reads it: Snakemake leaves nested numbers and truth values as text."""
    if isinstance(value, dict):
        return {key: typed(below) for key, below in value.items()}
    if isinstance(value, list):
        return [typed(below) for below in value]
    if not isinstance(value, str):
        return value
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return found if found is None or isinstance(found, bool | int | float) else value
