"""A headless Chromium for all tests of pages."""

import shutil

import pytest

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-first-run"]  # fmt: skip


@pytest.fixture(scope="session")
def launch():
    """A function that starts a Chromium with further arguments; whoever calls it closes it."""
    from playwright.sync_api import sync_playwright

    if not (path := shutil.which("chromium")):
        pytest.skip("no chromium; make browser installs it")
    with sync_playwright() as play:
        yield lambda *more: play.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])


@pytest.fixture(scope="session")
def browser(launch):
    chromium = launch()
    yield chromium
    chromium.close()
