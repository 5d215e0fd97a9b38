"""reference/options.md: every option of a config with default, range and meaning, from the classes in spkr/config."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from docs.site.pages import in_a_cell
from spkr.config.schema import Config

NAMES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "`true` or `false`",
    "null": "`null`",
}
LIMITS = {
    "ge": "at least",
    "gt": "above",
    "le": "at most",
    "lt": "below",
    "minItems": "at least",
    "maxItems": "at most",
}
HEAD = """\
# Options of a config

A config holds what differs from these defaults. A preset that it names overrides them first, then the recipe's
`config.yaml`, then `--configfile`, then `--config`. `train.batches.crop` is the key `crop` in `batches` in `train`.
`NAME` is a name of your own. [conf/default.yaml](../../conf/default.yaml) has the same defaults as a file;
[conf/schema.yaml](../../conf/schema.yaml) is for editors.

"""


class Row(NamedTuple):
    """An option: its key with dots, its schema, and the types of its section that have it (none: all)."""

    key: str
    schema: dict[str, Any]
    types: tuple[str, ...] = ()


class Page:
    """The options of a class, by the JSON schema that pydantic makes of it."""

    def __init__(self) -> None:
        schema = Config.model_json_schema(by_alias=True, mode="serialization")
        self.classes, self.sections = schema["$defs"], schema["properties"]

    def rows(self, key: str, schema: dict[str, Any]) -> Iterator[Row]:
        """The options below a key, or the key itself."""
        kinds = [self.resolved(one) for one in self.members(schema)]
        sections = [one for one in kinds if _is_section(one)]
        if not sections:
            below = [row for one in kinds for entry in _entries(one) for row in self.rows(f"{key}.NAME", entry)]
            yield from below if len(below) > 1 else [Row(key, schema)]
            return
        if len(sections) < len(kinds) and any(one.get("type") not in ("null", "object") for one in kinds):
            yield Row(key, schema)  # a text may stand in its place, too
        for name in dict.fromkeys(name for section in sections for name in section["properties"]):
            yield from self.of_types(f"{key}.{name}", name, sections)

    def of_types(self, key: str, name: str, sections: list[dict[str, Any]]) -> Iterator[Row]:
        """The rows of one key in a section of several types: one row where they all have the same option."""
        if name == "type" and len(sections) > 1:
            yield Row(key, {"enum": [_type_of(section) for section in sections], "description": "what the section is"})
            return
        found: dict[str, tuple[dict[str, Any], list[str]]] = {}
        for section in sections:
            if (option := section["properties"].get(name)) is not None:
                found.setdefault(json.dumps(option), (option, []))[1].append(_type_of(section))
        for option, types in found.values():
            of = () if len(types) == len(sections) else tuple(types)
            for row in self.rows(key, option):
                yield row._replace(types=row.types or of)

    def members(self, schema: dict[str, Any]) -> list[dict[str, Any]]:
        """The alternatives of a schema, those of its alternatives too."""
        inner = schema.get("oneOf") or schema.get("anyOf")
        return [member for one in inner for member in self.members(self.resolved(one))] if inner else [schema]

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema in place of a reference to it."""
        return self.classes[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def kind(self, schema: dict[str, Any]) -> str:
        """Type and range of an option, in words."""
        members = [one for one in map(self.resolved, self.members(schema)) if not _is_section(one)]
        if len(members) > 1:
            return " or ".join(dict.fromkeys(map(self.kind, members)))
        (one,) = members
        if "enum" in one or "const" in one:
            return ", ".join(f"`{_shown(value)}`" for value in one.get("enum", [one.get("const")]))
        if one.get("type") == "array":
            items = one.get("prefixItems") or [one.get("items", {})]
            return f"{f'list of {len(items)}' if 'prefixItems' in one else 'list'}: {self.kind(items[0])}"
        if "properties" in one:
            return f"`{{{', '.join(f'{key}: ...' for key in one['properties'])}}}`"
        name = "settings" if one.get("type") == "object" else NAMES.get(one.get("type"), "any")
        return ", ".join([name, *(f"{words} {one[limit]:,}" for limit, words in LIMITS.items() if limit in one)])


def _is_section(schema: dict[str, Any]) -> bool:
    """Whether a schema is that of a class of options, not of {pretrained: NAME}."""
    return "properties" in schema and "title" in schema


def _entries(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas of a dictionary's values."""
    any_key = schema.get("additionalProperties")
    return [*schema.get("patternProperties", {}).values(), *([any_key] if isinstance(any_key, dict) else [])]


def _type_of(section: dict[str, Any]) -> str:
    option = section["properties"].get("type", {})
    return option.get("const") or section["title"]


def _shown(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).split("\n...")[0].strip()


def _default(schema: dict[str, Any]) -> str:
    value = schema.get("default")
    return f"`{_shown(value)}`" if "default" in schema and not (isinstance(value, dict) and value) else ""


def options_page() -> str:
    """The page of all options."""
    page = Page()
    lines, plain = [], []
    for name, section in page.sections.items():
        rows = [*page.rows(name, section)]
        if len(rows) == 1 and rows[0].key == name:
            plain += rows
            continue
        said = section.get("description") or page.resolved(section).get("description", "").partition("\n")[0]
        lines += ["", f"## {name}", "", f"{said[:1].upper()}{said[1:]}".rstrip(".") + ".", *_table(page, rows)]
    return HEAD + "\n".join(["## A run", *_table(page, plain), *lines]) + "\n"


def _table(page: Page, rows: list[Row]) -> list[str]:
    lines = ["", "| option | default | values | meaning |", "|---|---|---|---|"]
    for row in rows:
        only = f" (only of type {', '.join(f'`{kind}`' for kind in row.types)})" if row.types else ""
        cells = (f"`{row.key}`", _default(row.schema), page.kind(row.schema), row.schema.get("description", "") + only)
        lines.append("| " + " | ".join(map(in_a_cell, cells)) + " |")
    return lines
