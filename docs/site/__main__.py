"""Build the site:   make docs

python -m docs.site site --run exp/mini/main

The pages of docs/ are committed. The pages on commands, options and the Python API are made of the code each time, and
the pictures of the run's results: they are never committed, and so never old.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.site.api import write_api
from docs.site.commands import commands_page
from docs.site.options import options_page
from docs.site.pages import ROOT, stage, translated
from docs.site.rulegraph import draw, rule_graph

HERE = Path(__file__).parent
PICTURES = ("det_trials_pairs.svg", "training.svg")  # of a run's results
REPORT = "report.html"
SHIM = re.compile(r'(<script src=")https:[^"]*iframe-worker[^"]*"')  # what Zensical would fetch to search files


def prepare(folder: Path, run: Path) -> None:
    """Write all that Zensical reads: settings, pages and pictures."""
    pages = folder / "pages"
    stage(pages)
    for name, text in (("commands", commands_page()), ("options", options_page())):
        page, _ = translated(f"docs/reference/{name}.md", text)
        (pages / f"reference/{name}.md").write_text(page, encoding="utf-8")
    nav = write_api(pages)
    for name in ("site.css", "worker.js"):
        shutil.copy(HERE / name, pages)
    pictures = pages / "pictures"
    pictures.mkdir()
    for name in (*PICTURES, REPORT):
        if not (run / "results" / name).exists():
            sys.exit(f"docs.site: error: {run}/results/{name}: no such file; `make docs` runs the recipe first")
        shutil.copy(run / "results" / name, pictures)
    draw(rule_graph("--config", "recipe=mini"), pictures / "rulegraph.svg")
    settings = (HERE / "mkdocs.yml").read_text(encoding="utf-8")
    settings = settings.replace("API_PAGES", json.dumps(nav)).replace("ROOT_OF_CODE", json.dumps(str(ROOT)))
    (folder / "mkdocs.yml").write_text(settings, encoding="utf-8")


def without_network(site: Path) -> None:
    """Give every page the site's own worker.js in place of a script from elsewhere."""
    for page in site.rglob("*.html"):
        up = "../" * (len(page.relative_to(site).parts) - 1)
        page.write_text(SHIM.sub(rf'\1{up}worker.js"', page.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> None:
    """Build the site in a temporary folder, then put it in its place."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder of the site, which is replaced")
    parser.add_argument("--run", type=Path, default=ROOT / "exp/mini/main", help="a run of the recipe mini")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        prepare(folder := Path(name), args.run)
        done = subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=folder, check=False)
        if done.returncode:
            sys.exit("docs.site: error: Zensical did not build the site; see above")
        without_network(folder / "site")
        shutil.rmtree(args.out, ignore_errors=True)
        shutil.move(folder / "site", args.out)
    print(f"{args.out}/index.html")


if __name__ == "__main__":
    main()
