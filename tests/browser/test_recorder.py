"""The page of `spkr serve` in a headless Chromium whose microphone plays a file: two clips are compared."""

import re

import pytest
import soundfile

from tests.browser.test_page import TEXT, VARIABLES, contrast
from tests.unit.serve.toy_server import running
from tests.unit.voices.toy_model import hum

pytestmark = pytest.mark.browser
TOKEN = "token-of-this-test"
COLOURS = ("ink", "quiet", "link", "bad", "good")


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Two servers of the toy model: without a token, and with one."""
    folders = [tmp_path_factory.mktemp(name) for name in ("open", "closed")]
    with running(folders[0]) as without, running(folders[1], SPKR_TOKEN=TOKEN) as closed:
        yield {"open": without.url, "closed": closed.url}


@pytest.fixture
def opened(launch, servers, tmp_path):
    """Open the page in a Chromium whose microphone plays a hum of a voice.

    At the end nothing was fetched from elsewhere, and the console has no errors but those that a test expects.
    """
    said, expected, browsers = [], [], []

    def opened(voice="ann", server="open", microphone=True, scheme="light", width=1400, says=()):
        expected.extend(says)
        soundfile.write(tmp_path / "microphone.wav", hum(voice, 60.0, rate=48000), 48000)
        browsers.append(
            launch(
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={tmp_path / 'microphone.wav'}",
                "--use-fake-ui-for-media-stream" if microphone else "--deny-permission-prompts",
            )
        )
        page = browsers[-1].new_context(color_scheme=scheme, viewport={"width": width, "height": 900}).new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        url = servers[server]
        page.on("request", lambda r: None if r.url.startswith((url, "blob:", "data:")) else said.append(r.url))
        page.goto(url)
        return page

    yield opened
    for browser in browsers:
        browser.close()
    assert [line for line in said if not any(word in line for word in expected)] == []


def record(page, clip, seconds=2.5):
    button = page.locator(f"[data-clip={clip}] .record")
    button.click()
    page.wait_for_selector(f"[data-clip={clip}].recording")
    page.wait_for_timeout(seconds * 1000)
    level = page.locator(f"[data-clip={clip}] .level span").evaluate("e => e.getBoundingClientRect().width")
    button.click()
    page.wait_for_selector(f"[data-clip={clip}]:not(.recording) audio:visible")
    return level


def result(page):
    page.wait_for_selector("#result:visible, #error:visible")
    assert page.locator("#error").is_hidden(), page.locator("#error").inner_text()
    return page.locator("#decision").inner_text()


def test_two_clips_are_recorded_and_compared(opened, tmp_path):
    page = opened()
    assert page.locator("#compare").is_disabled()
    assert record(page, "a") > 5  # pixels: the level moves
    assert page.locator("#compare").is_disabled() and page.locator("#result").is_hidden()
    record(page, "b")
    assert re.fullmatch(r"2\.\d s recorded\.", page.locator("[data-clip=b] .state").inner_text())
    page.click("#compare")
    assert result(page) == "Same speaker"
    assert float(page.locator("#llr").inner_text()) > 4.6
    assert re.fullmatch(r"(over )?\d\d.*% \(prior 1 %\)", page.locator("#probability").inner_text())
    assert re.fullmatch(r"A 2\.\d s, B 2\.\d s", page.locator("#speech").inner_text())
    assert "at least 4.60" in page.locator("#why").inner_text()
    record(page, "a", 1.0)
    assert page.locator("#result").is_hidden()  # it was of other clips


def test_a_recording_is_compared_with_a_file_of_another_voice(opened, tmp_path):
    soundfile.write(tmp_path / "other.flac", hum("dora", 3.0), 16000)
    page = opened()
    record(page, "a")
    page.set_input_files("[data-clip=b] input", tmp_path / "other.flac")
    assert page.locator("[data-clip=b] .state").inner_text() == "other.flac"
    page.click("#compare")
    assert result(page) == "Different speakers" and float(page.locator("#llr").inner_text()) < 4.6


def test_what_the_server_refuses_is_shown(opened, tmp_path):
    (tmp_path / "a<b>.txt").write_text("no audio")
    page = opened(says=["415"])
    page.set_input_files("[data-clip=a] input", tmp_path / "a<b>.txt")
    page.set_input_files("[data-clip=b] input", tmp_path / "a<b>.txt")
    page.click("#compare")
    page.wait_for_selector("#error:visible")
    assert page.locator("#error").inner_text().startswith("Clip A: not readable as audio")
    assert page.locator("[data-clip=a] .state").inner_text() == "a<b>.txt"


def test_without_a_microphone_files_are_left(opened):
    page = opened(microphone=False)
    page.click("[data-clip=a] .record")
    page.wait_for_selector("#unable:visible")
    assert "choose files" in page.locator("#unable").inner_text()
    assert page.locator("[data-clip=a] .record").is_enabled()


def test_a_token_is_asked_for(opened, tmp_path):
    soundfile.write(tmp_path / "ann.wav", hum("ann"), 16000)
    page = opened(server="closed", says=["401"])
    for clip in "ab":
        page.set_input_files(f"[data-clip={clip}] input", tmp_path / "ann.wav")
    page.wait_for_selector("#token:visible")
    assert page.locator("#compare").is_disabled()
    page.fill("#token", "wrong")
    page.click("#compare")
    page.wait_for_selector("#error:visible")
    page.fill("#token", TOKEN)
    page.click("#compare")
    assert result(page) == "Same speaker" and page.locator("#error").is_hidden()


def test_keys_alone_suffice(opened):
    page = opened()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-clip=a].recording")
    page.wait_for_timeout(1000)
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-clip=a] audio:visible", timeout=10_000)  # below the longest clip


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 1400), ("light", 400), ("dark", 400)])
def test_it_looks_right(opened, tmp_path, scheme, width):
    """Nothing is wider than the window, and all text is told from the paper. Pictures are kept in the folder."""
    page = opened(scheme=scheme, width=width)
    record(page, "a", 1.2)
    page.screenshot(path=tmp_path / f"{scheme}-{width}-half.png", full_page=True)
    record(page, "b", 1.2)
    page.click("#compare")
    result(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("footer").inner_text() == "This does not detect replayed or synthetic speech."
    paper, sheet, *colours = page.evaluate(VARIABLES, ["paper", "sheet", *COLOURS])
    assert (paper < "#777777") == (scheme == "dark")
    for name, colour in zip(COLOURS, colours, strict=True):
        assert contrast(colour, paper) >= TEXT and contrast(colour, sheet) >= TEXT, name
    small = "[...document.querySelectorAll('button')].filter(b => b.getBoundingClientRect().height < 44).length"
    assert page.evaluate(small) == 0
    page.screenshot(path=tmp_path / f"{scheme}-{width}.png", full_page=True)
