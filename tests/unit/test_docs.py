"""Pages link to files that exist, and every page can be reached from the README."""

import re

import pytest

from tests.conftest import ROOT

PAGES = [
    str(page.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "recipes/*/README.md")
    for page in sorted(ROOT.glob(pattern))
]


def links(page: str) -> list[str]:
    """The files that a page links to, by their paths from the repository's root."""
    targets = re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text())
    files = [target.partition("#")[0] for target in targets if not re.match(r"\w+:", target)]
    return [str(((ROOT / page).parent / file).resolve().relative_to(ROOT)) for file in files if file]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    assert [file for file in links(page) if not (ROOT / file).exists()] == []


def test_anchors_are_headings():
    for page in PAGES:
        for file, anchor in re.findall(r"\]\(([^)\s#]*)#([^)\s]+)\)", (ROOT / page).read_text()):
            if not file.startswith("http"):
                target = (ROOT / page).parent / file if file else ROOT / page
                headings = re.findall(r"^#+ (.*)$", target.read_text(), re.M)
                slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
                assert anchor in slugs, f"{page}: {file}#{anchor}"


def test_every_page_is_reached_from_the_readme():
    reached, left = set(), ["README.md"]
    while left:
        if (page := left.pop()) not in reached and page in PAGES:
            reached.add(page)
            left += links(page)
    assert set(PAGES) <= reached
