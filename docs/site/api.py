"""reference/api/: the public functions and classes of each package of spkr, by mkdocstrings, which reads the code."""

from pathlib import Path

from docs.site.pages import ROOT

HEAD = """\
# Python API

Every command is a function on paths, and these can be called. A page has the modules of one package, with what they
offer: arrays with their shapes, units and errors. `import spkr` alone loads nothing; import the modules.

| package | |
|---|---|
"""


def write_api(folder: Path) -> list[dict[str, str]]:
    """Write the pages to `folder`/reference/api; returns them for the navigation, by title."""
    reference = folder / "reference/api"
    reference.mkdir(parents=True)
    packages = {path.parent.name: path for path in sorted((ROOT / "spkr").glob("*/__init__.py"))}
    table, nav = [], [{"Overview": "reference/api/index.md"}]
    for name, init in packages.items():
        table.append(f"| [`spkr.{name}`]({name}.md) | {_first_line(init)} |")
        modules = sorted(_module(path) for path in init.parent.rglob("*.py") if path.stem != "__init__")
        sections = [f"::: {module}\n" for module in [f"spkr.{name}", *modules]]
        (reference / f"{name}.md").write_text("\n".join([f"# spkr.{name}\n", *sections]), encoding="utf-8")
        nav.append({f"spkr.{name}": f"reference/api/{name}.md"})
    top = sorted(_module(path) for path in (ROOT / "spkr").glob("*.py") if not path.stem.startswith("__"))
    modules = "\n".join(f"::: {module}\n" for module in top)
    (reference / "index.md").write_text(HEAD + "\n".join(table) + f"\n\n{modules}", encoding="utf-8")
    return nav


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _first_line(init: Path) -> str:
    return init.read_text(encoding="utf-8").partition('"""')[2].partition('"""')[0].partition("\n")[0]
