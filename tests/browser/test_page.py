"""The HTML report in a headless Chromium: what a person sees and clicks, in light and dark, on a phone, and printed."""

import contextlib
import re

import pytest

from spkr.cli import main
from tests.made_up_run import COMMAND, ODD, make_run

pytestmark = pytest.mark.browser
TEXT, GRAPHIC = 4.5, 3.0  # the least contrast by WCAG 2.1, level AA (1.4.3 and 1.4.11)
COLOURS = {"ink": TEXT, "quiet": TEXT, "link": TEXT, "bad": TEXT, "axis": GRAPHIC, "muted": GRAPHIC} | {
    f"c{k}": GRAPHIC for k in range(1, 8)
}
VARIABLES = "names => names.map(n => getComputedStyle(document.documentElement).getPropertyValue('--' + n).trim())"
OVERLAPPING = """svg => {
  const texts = [...svg.querySelectorAll('text')].map(t => [t.getBoundingClientRect(), t.textContent]);
  const edge = 0.22;  // of a line's height, above and below its letters
  const meet = (a, b) => a.left + 1 < b.right && b.left + 1 < a.right && a.top + edge * a.height
    < b.bottom - edge * b.height && b.top + edge * b.height < a.bottom - edge * a.height;
  return texts.flatMap(([a, s], i) => texts.slice(i + 1).filter(([b]) => meet(a, b)).map(([, t]) => s + ' | ' + t));
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    make_run(folder)
    with contextlib.chdir(folder):
        main([*COMMAND, "--audio", "--worst", "4"])
    return folder


@pytest.fixture
def opened(browser, folder):
    """Open the page in a window; at the end nothing was fetched, and the console has no error."""
    said, contexts = [], []

    def opened(scheme="light", width=1280):
        contexts.append(context := browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}))
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        page.goto(f"file://{folder}/page.html")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def contrast(a: str, b: str) -> float:
    """The contrast of two colours #rrggbb, by WCAG 2.1."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_told_from_the_paper(opened, scheme):
    page = opened(scheme)
    paper, sheet, *colours = page.evaluate(VARIABLES, ["paper", "sheet", *COLOURS])
    assert (paper < "#777777") == (scheme == "dark")
    for (name, least), colour in zip(COLOURS.items(), colours, strict=True):
        assert contrast(colour, paper) >= least, name
    assert contrast(colours[0], sheet) >= TEXT
    assert not re.findall(r"(?:fill|stroke): #\w+", page.content())  # all colours of figures are variables


def test_the_choice_of_list_and_back_end_shows_theirs_alone(opened):
    page = opened()

    def seen() -> list[str]:
        return page.locator("#scores figcaption:visible").all_inner_texts()

    assert len(seen()) == 3 and all(title.startswith("trials_pairs by plda: ") for title in seen())
    page.select_option("#backend", "cosine")
    assert seen() == ["trials_pairs by cosine: scores"]
    page.select_option("#trials", "dev_trials_pairs")
    assert seen() == ["dev_trials_pairs by cosine: scores"]
    assert page.locator("#det figure:visible").count() == 1


def test_a_click_on_a_head_sorts_its_column(opened):
    page = opened()
    cells = page.locator("#results table >> nth=0 >> tbody td:nth-child(3)")
    button = page.get_by_role("button", name="EER %").first
    for is_down in (False, True):
        button.click()
        values = [float(cell) for cell in cells.evaluate_all("cells => cells.map(cell => cell.dataset.value)")]
        assert len(set(values)) > 1 and values == sorted(values, reverse=is_down)


def test_the_mouse_shows_names_in_the_map(opened):
    page = opened()
    page.locator("#map figure").nth(1).scroll_into_view_if_needed()
    places = page.evaluate("""() => JSON.parse(document.getElementById('data').textContent).points['map-test-tsne']""")
    x, y, text = next(place for place in places if ODD in place[2])
    box = page.locator("#map-test-tsne").bounding_box()
    scale = box["width"] / page.evaluate("document.getElementById('map-test-tsne').viewBox.baseVal.width")
    page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
    assert ODD in page.locator("#hint").inner_text()
    page.mouse.move(2, 2)
    assert page.locator("#hint").is_hidden()


def test_recordings_can_be_played(opened):
    page = opened()
    seconds = page.locator("audio").first.evaluate(
        "a => new Promise(end => { a.onloadedmetadata = () => end(a.duration); a.onerror = () => end(0); a.load(); })"
    )
    assert abs(seconds - 0.5) < 0.01


def test_every_section_of_the_navigation_is_there_and_details_open(opened):
    page = opened()
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1
    for summary in page.locator("summary:visible").all():
        summary.click()
    assert page.locator("text=3 trials of <b>one</b>").count() == 1


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 375)])
def test_it_looks_right(opened, folder, scheme, width):
    """Nothing is wider than the window, no labels overlap, and type is not tiny. Pictures are kept in the folder."""
    page = opened(scheme, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for svg in page.locator("svg:visible").all():
        assert svg.evaluate(OVERLAPPING) == [], svg.get_attribute("id")
        assert svg.evaluate("s => [...s.querySelectorAll('text')].every(t => t.getBoundingClientRect().height > 7)")
    page.screenshot(path=folder / f"{scheme}-{width}.png", full_page=True)


def test_it_prints_with_all_details_open(opened, folder):
    page = opened()
    page.pdf(path=folder / "page.pdf", format="A4")
    assert (folder / "page.pdf").read_bytes().startswith(b"%PDF")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("nav").is_hidden() and page.locator("details:not([open])").count() == 0
