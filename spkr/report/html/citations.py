"""What to cite: spkr, and the paper of the network's encoder."""

import ast
import re
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

import yaml

from spkr.nnet import ENCODERS

# Source: A. Author et al., "A title", Interspeech 2020, ...
SOURCE = re.compile(
    r'Sources?: (?P<author>[^"]+?), "(?P<title>[^"]+)",\s+(?P<venue>[^,.;]*?)\s*,?\s*(?P<year>(?:19|20)\d\d)'
)
ESCAPED = re.compile(r"([&%$#_{}])")


def bibtex(citation: str | Path | None, config: Mapping) -> str:
    """Entries for the software, from its CITATION.cff, and for the network that a config names, from its docstring."""
    found = []
    if citation:
        found.append(_of_software(yaml.safe_load(Path(citation).read_text(encoding="utf-8"))))
    network = config.get("model")
    if isinstance(network, dict) and network.get("type") in ENCODERS:
        found += _of_encoder(network["type"])
    return "\n\n".join(found)


def _of_software(cff: Mapping) -> str:
    authors = " and ".join(_author(author) for author in cff["authors"])
    return _entry("misc", "spkr", author=authors, title=f"{{{cff['title']}}}", note=f"version {cff['version']}")


def _author(author: Mapping) -> str:
    if "name" in author:
        return f"{{{author['name']}}}"  # a group, whose name BibTeX must not take apart
    return f"{author['family-names']}, {author['given-names']}"


def _of_encoder(kind: str) -> list[str]:
    """The paper that the docstring of the encoder's module names; none if it names none in the usual form."""
    path = find_spec(ENCODERS[kind][1].partition(":")[0]).origin
    text = " ".join((ast.get_docstring(ast.parse(Path(path).read_text(encoding="utf-8"))) or "").split())
    if not (source := SOURCE.search(text)):
        return []
    author = re.sub(r"\s+et al\.?", " and others", source["author"].replace(", ", " and "))
    title, venue = f"{{{source['title']}}}", source["venue"]
    return [_entry("inproceedings", kind, author=author, title=title, booktitle=venue, year=source["year"])]


def _entry(kind: str, key: str, **fields: str) -> str:
    lines: Iterable[str] = (f"  {name} = {{{_plain(value)}}}," for name, value in fields.items() if value)
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _plain(text: str) -> str:
    return text if "{" in text else ESCAPED.sub(r"\\\1", text)
