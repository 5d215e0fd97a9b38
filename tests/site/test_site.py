"""The site that `make docs` builds: every page is in it, links lead somewhere, nothing comes from elsewhere."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from docs.site.commands import commands_page, verbs
from docs.site.options import options_page
from docs.site.pages import place_of, translated
from docs.site.rulegraph import rows_of, rule_graph
from spkr.cli import parser
from spkr.config.generate import default_yaml
from tests.conftest import ROOT

LOADED = {
    "link": "href",
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "audio": "src",
    "object": "data",
}


class Page(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.loads, self.anchors = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if found.get(LOADED.get(tag, "")):
            self.loads.append(found[LOADED[tag]])


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}


def places(nav) -> Iterator[str]:
    """The pages of a navigation, in their order."""
    for entry in nav:
        (below,) = entry.values()
        yield from [below] if isinstance(below, str) else places(below)


def test_every_page_is_in_the_navigation():
    settings = (ROOT / "docs/site/mkdocs.yml").read_text().replace("!!python/object/apply", "!apply")
    nav = [*places(yaml.load(settings[settings.index("\nnav:") :], yaml.SafeLoader)["nav"])]
    written = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/*/README.md")]
    made = {"reference/commands.md", "reference/options.md", "API_PAGES"}
    assert sorted(nav) == sorted({place_of(str(path.relative_to(ROOT))) for path in written} | made)


def test_all_links_and_anchors_lead_somewhere(site, pages):
    broken = []
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            is_there = target.exists() and (not anchor or target not in pages or anchor in pages[target].anchors)
            if not parts.scheme and not is_there:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []
    assert sum(len(page.links) for page in pages.values()) > 2000


def test_nothing_is_loaded_from_elsewhere(site, pages):
    assert [(path, load) for path, page in pages.items() for load in page.loads if "//" in load] == []
    assert all(
        any(load.endswith("worker.js") for load in page.loads)
        for path, page in pages.items()
        if "pictures" not in path.parts
    )
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert not re.search(r"url\(['\"]?(https?:)?//|@import", styles)


def test_pictures_and_pages_that_are_made(site):
    home = (site / "index.html").read_text()
    for name in ("det_trials_pairs.svg", "report.html"):
        assert f"pictures/{name}" in home and (site / "pictures" / name).exists()
    assert "eer_kaldi" in (site / "reference/api/metrics.html").read_text()
    assert "<!-- picture" not in home and "<!-- table" not in home


def test_no_markdown_is_left_over(site, pages):
    left = []
    for path in pages:
        article = re.search(r"<article.*</article>", path.read_text(), re.S)
        text = re.sub(r"<pre.*?</pre>|<code.*?</code>", "", article[0], flags=re.S) if article else ""
        text = re.sub(r"<[^>]+>", "", text)
        left += [
            (str(path.relative_to(site)), found) for found in re.findall(r".*(?:\]\(|\*\*|\n\* |\n- |\n\|).*", text)
        ]
    assert left == []


def test_the_commands_are_all_there():
    page = commands_page()
    names = [name for name, _, _ in verbs(parser())]
    assert len(names) > 35 and "spkr data validate" in names
    assert [name for name in names if f"\n## {name}\n" not in page] == []
    assert page.count("\nexample") >= len(names) and "__main__" not in page


def examples() -> Iterator[tuple[str, str]]:
    for name, _, below in verbs(parser()):
        yield name.partition(" ")[2], below.format_help().partition("example:\n")[2].partition("\n\n")[0]


@pytest.mark.parametrize(("verb", "example"), [*examples()])
def test_every_verb_has_an_example_that_parses(verb, example, tmp_path, monkeypatch):
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    (tmp_path / "settings.yaml").write_text("model: {}\n")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(example.replace("\\\n", ""))
    assert words[0] == "spkr"
    parsed = parser().parse_args(words[1:]).verb  # of `export` it is `export onnx`, of `voices STORE list` `voices`
    assert f"{parsed} ".startswith(f"{verb.partition(' STORE ')[0]} ")


def test_the_options_are_all_there_with_default_and_range():
    page = options_page()
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", page, re.M))
    defaults = yaml.safe_load(default_yaml())

    def keys(settings: dict, prefix: str) -> Iterator[str]:
        for key, value in settings.items():
            yield from keys(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [f"{prefix}{key}"]

    named = {"augment"}  # its entries have names of one's own
    expected = {
        key for section, value in defaults.items() if section not in named for key in keys({section: value}, "")
    }
    assert [key for key in expected if not any(row == key or row.startswith(f"{key}.") for row in rows)] == []
    assert rows["train.batches.crop"].startswith("`[8, 8]` | list of 2: number, at most 3,600 | seconds: ")
    assert rows["embed.silent"].startswith("`warn` | `warn`, `refuse` | ")
    assert "augment.NAME.speeds" in rows and "a &#124; b" not in page


def test_a_page_has_the_links_of_the_site():
    text = "[a](../tutorial/plda.md#x) [b](../../conf/default.yaml) [c](../../README.md) [d](https://a.org) [e](#here)"
    page, linked = translated("docs/howto/x.md", f"{text}\n| `a \\| b` |\n```\n[a](b.md)\n```\n")
    assert page.splitlines()[0] == (
        "[a](../tutorial/plda.md#x) [b](../files/conf/default.yaml.md) [c](../index.md) [d](https://a.org) [e](#here)"
    )
    assert page.splitlines()[1:] == ["| `a | b` |", "```", "[a](b.md)", "```"]
    assert linked == ["docs/tutorial/plda.md", "conf/default.yaml", "README.md"]


def test_the_rules_are_drawn_in_the_order_of_the_stages():
    rows = rows_of(rule_graph("--config", "recipe=mini"))
    order = [rule for row in rows for rule in row]
    assert order.index("data") < order.index("train") < order.index("score") < order.index("report")
    assert "all" not in order


def test_a_run_that_is_not_there_is_named(tmp_path):
    command = [sys.executable, "-m", "docs.site", str(tmp_path / "site"), "--run", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "det_trials_pairs.svg: no such file; `make docs` runs the recipe" in done.stderr
    assert not (tmp_path / "site").exists()
