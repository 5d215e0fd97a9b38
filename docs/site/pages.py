"""The pages of docs/ and the files of the repository that they link to, copied so that all links work on the site.

A page of docs/ keeps its place. README.md is the site's home, recipes/<name>/README.md becomes recipes/<name>.md, other
Markdown and every other file becomes a page below files/. Pictures and notebooks are copied as they are.
"""

import os
import re
import shutil
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
MARK = re.compile(r"^<!-- /?table.*-->\n", re.M)  # of benchmarks/tables.py
PICTURE = re.compile(r"^<!-- picture: (\S+) (.*) -->$", re.M)  # a name below pictures/, and what it shows
FENCE = re.compile(r"^(```.*?^```$)", re.M | re.S)
PIPE = re.compile(r"`[^`\n]*`")
COPIED = (".png", ".svg", ".ipynb")  # as they are, not as pages
WORDS = {".yaml": "yaml", ".py": "python", ".smk": "python", ".toml": "toml", ".json": "json"}


def in_a_cell(text: str) -> str:
    """Text for a cell of a Markdown table: < and | mean themselves, inside code, too."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if k % 2 else part.replace("<", "&lt;") for k, part in enumerate(parts)).replace("|", "&#124;")


def place_of(file: str) -> str:
    """Where on the site the file of the repository is, both as paths from their roots."""
    path = PurePosixPath(file)
    if file == "README.md":
        return "index.md"
    if path.parts[0] == "docs":
        return str(PurePosixPath(*path.parts[1:]))
    if path.parts[0] == "recipes" and path.name == "README.md":
        return f"recipes/{path.parts[1]}.md"
    return f"files/{file}" if path.suffix in (".md", *COPIED) else f"files/{file}.md"


def stage(folder: Path) -> list[str]:
    """Copy all pages, and whatever they link to, to a folder; returns the places of the pages."""
    own = (*ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/*/README.md"))
    left = [str(path.relative_to(ROOT)) for path in sorted(own)]
    seen = set(left)
    for file in left:  # grows below
        target = folder / place_of(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.endswith(COPIED):
            shutil.copy(ROOT / file, target)
            continue
        text, linked = page_of(file)
        target.write_text(text, encoding="utf-8")
        left += [other for other in dict.fromkeys(linked) if other not in seen and other != "README.md"]
        seen.update(linked)
    return [place_of(file) for file in left if not file.endswith(COPIED)]


def page_of(file: str) -> tuple[str, list[str]]:
    """A page of the site, and the files of the repository that it links to."""
    path = ROOT / file
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return translated(file, text)
    return f"# {file}\n\n```` {WORDS.get(path.suffix, 'text')}\n{text.rstrip()}\n````\n", []


def translated(file: str, text: str) -> tuple[str, list[str]]:
    """A Markdown page with the links of the site, and the files of the repository that it links to."""
    here, linked = PurePosixPath(place_of(file)).parent, []

    def link(found: re.Match) -> str:
        before, target, after = found.groups()
        if re.match(r"\w+:", target):
            return found[0]
        other = os.path.normpath(PurePosixPath(file).parent / target)
        linked.append(other)
        return f"{before}{os.path.relpath(place_of(other), here)}{after}"

    def figure(found: re.Match) -> str:
        name, caption = found.groups()
        path = os.path.relpath(f"pictures/{name}", here)
        tag = f'<iframe src="{path}" title="{caption}"></iframe>' if name.endswith(".html") else f"![{caption}]({path})"
        return f'<figure markdown="span">\n{tag}\n<figcaption>{caption}</figcaption>\n</figure>'

    parts = FENCE.split(MARK.sub("", text))
    parts[::2] = [PICTURE.sub(figure, _pipes(LINK.sub(link, part))) for part in parts[::2]]  # in between is code
    return "".join(parts), linked


def _pipes(text: str) -> str:
    r"""Tables whose code has | in place of \|, which the site's Markdown shows as it stands."""
    lines = text.split("\n")
    return "\n".join(
        PIPE.sub(lambda code: code[0].replace(r"\|", "|"), line) if line.startswith("|") else line for line in lines
    )
