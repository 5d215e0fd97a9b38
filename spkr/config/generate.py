"""conf/default.yaml and conf/schema.yaml, from the classes of options:   make conf

default.yaml    every option with its default, and what it means; nothing reads it
schema.yaml     a JSON schema for editors, which then complete keys and mark wrong ones
"""

import sys
import textwrap
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from spkr.config.options import Options
from spkr.config.schema import PRESETS, Config
from spkr.feats import DEFAULT, FEATURES
from spkr.nnet import ENCODERS

HEAD = """\
# Every option with its default and its meaning. Written by `make conf` from spkr/config; nothing reads it.
# Presets (conf/<section>/<preset>.yaml) override these values, then recipes/<recipe>/config.yaml, then --configfile
# and --config, in this order; dictionaries merge.
"""
SCHEMA_HEAD = "# For editors: what a config may hold. Written by `make conf` from spkr/config.\n"
WIDTH = 118
RENAMED = {"oneOf": "anyOf", "ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def default_yaml() -> str:
    """The text of conf/default.yaml."""
    lines = []
    for name, field in Config.model_fields.items():
        if name in ("feats", "model"):
            union = FEATURES if name == "feats" else ENCODERS
            lines += [
                "",
                f"{name}:",
                f"  preset: {PRESETS[name]}",
                *_of_types(union, DEFAULT if name == "feats" else None),
            ]
        else:
            section = _class_of(field.annotation)
            lines += [""] if section else []
            lines += _entry(name, field, 0, PRESETS.get(name))
    return HEAD + "\n" + "\n".join(lines).replace("\n\n\n", "\n\n").strip() + "\n"


def _of_types(union: dict, default: str | None) -> list[str]:
    """The options of all types of a section: first those that all types share, then the other options of each type."""
    kinds = sorted(union.items(), key=lambda item: item[0] != default)
    shared = set.intersection(*(set(options.model_fields) for _, (options, _) in kinds)) - {"preset", "type"}
    lines = [f"  type: {default}"] if default else []
    for name, field in kinds[0][1][0].model_fields.items():
        if name in shared:
            lines += _entry(name, field, 2)
    for kind, (options, _) in kinds:
        lines.append(f"  # Only of type {kind}, {_first_line(options)}:")
        for name, field in options.model_fields.items():
            if name not in {"preset", "type", *shared}:
                lines += [f"  {'' if kind == default else '# '}{line}" for line in _entry(name, field, 0)]
    return lines


def _entry(name: str, field: FieldInfo, indent: int, preset: str | None = None) -> list[str]:
    """The lines of an option, or of a section of options."""
    pad, name = " " * indent, field.alias or name
    section = _class_of(field.annotation)
    if section:
        lines = [f"{pad}{name}:" + (f"  # {field.description}" if field.description else "")]
        for key, below in sorted(section.model_fields.items(), key=lambda item: item[0] != "preset"):
            value = preset if key == "preset" else None
            lines += [f"{pad}  preset: {preset}  # {below.description}"] if value else _entry(key, below, indent + 2)
        return lines
    value = "" if field.is_required() else " " + _yaml(field.get_default(call_default_factory=True))
    return _with_meaning(f"{pad}{name}:{value}", field.description, pad)


def _with_meaning(line: str, meaning: str | None, pad: str) -> list[str]:
    if not meaning:
        return [line]
    if "\n" not in line and len(f"{line}  # {meaning}") <= WIDTH:
        return [f"{line}  # {meaning}"]
    return [*textwrap.wrap(meaning, WIDTH, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}# "), *line.split("\n")]


def _yaml(value: Any) -> str:
    if isinstance(value, dict) and value:
        text = yaml.safe_dump(_plain(value, only_set=True), sort_keys=False, width=WIDTH, default_flow_style=None)
        return "\n" + textwrap.indent(text.rstrip(), "  ")
    return yaml.safe_dump(_plain(value), default_flow_style=True, width=10_000).split("\n...")[0].strip()


def _plain(value: Any, only_set: bool = False) -> Any:
    if isinstance(value, Options):
        return value.model_dump(mode="json", exclude_unset=only_set)
    if isinstance(value, dict):
        return {k: _plain(v, only_set) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _class_of(annotation: Any) -> type[Options] | None:
    """The class of options of a section; None for any other type."""
    if get_origin(annotation) in (Annotated, Union, UnionType):
        found = [c for c in map(_class_of, get_args(annotation)) if c]
        return found[0] if len(found) == 1 else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, Options) else None


def _first_line(options: type[Options]) -> str:
    return (options.__doc__ or "").partition("\n")[0].rstrip(".")


def schema_yaml() -> str:
    """The text of conf/schema.yaml. No key is required: a user's file holds what differs."""
    schema = _optional(Config.model_json_schema(by_alias=True, mode="serialization"))
    return SCHEMA_HEAD + yaml.safe_dump(
        {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema, width=WIDTH
    )


def _optional(schema: Any) -> Any:
    """A schema without required keys, titles and defaults, with anyOf: partial settings may fit several types."""
    if isinstance(schema, dict):
        dropped = ("required", "default", "discriminator") + (
            ("title",) if isinstance(schema.get("title"), str) else ()
        )
        return {RENAMED.get(k, k): _optional(v) for k, v in schema.items() if k not in dropped}
    return [_optional(v) for v in schema] if isinstance(schema, list) else schema


def main() -> None:
    """Write both files to a folder."""
    folder = Path(sys.argv[1])
    (folder / "default.yaml").write_text(default_yaml(), encoding="utf-8")
    (folder / "schema.yaml").write_text(schema_yaml(), encoding="utf-8")


if __name__ == "__main__":
    main()
