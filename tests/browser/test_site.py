"""The site in a headless Chromium, opened as files without network: pages, search, dark mode, a phone."""

import pytest

pytestmark = pytest.mark.browser
PAGES = ("index.html", "tutorial/index.html", "tutorial/results.html", "reference/options.html",
         "reference/commands.html", "reference/api/kaldi.html", "reference/files.html", "explanation/design.html",
         "howto/compare.html")  # fmt: skip


@pytest.fixture
def opened(browser, site):
    """Open a page in a window; at the end nothing was asked of a network, and the console has no error."""
    said, contexts = [], []

    def refuse(route):
        said.append(route.request.url)
        route.abort()

    def opened(name, scheme="light", width=1400):
        contexts.append(context := browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}))
        context.route("http*://**", refuse)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"file://{site}/{name}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [400, 1400])
def test_a_page_fits_the_window_and_needs_no_network(opened, name, width):
    page = opened(name, width=width)
    assert page.locator("h1").first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].filter(image => !image.naturalWidth).length") == 0


def test_the_page_is_dark_where_the_system_is(opened):
    def paper(scheme) -> int:
        colour = opened("index.html", scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        return int(colour.partition("(")[2].partition(",")[0])

    assert paper("light") > 200 and paper("dark") < 60


def test_the_search_finds_pages_from_files(opened):
    page = opened("reference/files.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("calibration", delay=50)
    results = page.get_by_role("listbox").get_by_role("option")
    results.first.wait_for()
    page.get_by_text("Calibration: from scores to likelihood ratios").first.click()
    page.wait_for_url("**/howto/calibration.html*")
