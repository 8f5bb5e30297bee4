"""Pages in a real browser: accessible, without errors, nothing from elsewhere, on a small screen and in the dark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from browser.chromium import look_like
from browser.studio import HOSTILE, PAGES
from support.waiting import wait_until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from browser.studio import Studio

pytestmark = pytest.mark.slow(seconds=90, why="every page in a real browser")

LOOKS = [(1280, False), (1280, True), (320, False), (320, True)]
# a chart is drawn when it comes into view
DRAWN = """
const left = [...document.querySelectorAll('[data-chart]')].filter((plot) => !plot.querySelector('svg'));
left[0]?.scrollIntoView();
return !left.length;
"""
REACHED = """
const focusable = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
    .filter((one) => !one.disabled && one.type !== 'hidden' && one.checkVisibility());
return focusable.filter((one) => one.tabIndex < 0).map((one) => one.outerHTML.slice(0, 200));
"""


def logged(driver: Chrome, kind: str) -> list[dict[str, Any]]:
    """Take what the browser has logged since."""
    log: list[dict[str, Any]] = driver.get_log(kind)  # type: ignore[no-untyped-call] # selenium's own is not typed
    return log


def opened(driver: Chrome, url: str) -> None:
    """Open a page and wait until its charts are drawn."""
    logged(driver, "browser")
    logged(driver, "performance")
    driver.get(url)
    assert wait_until(lambda: driver.execute_script(DRAWN), timeout_seconds=60)


def judged(driver: Chrome, axe: str) -> list[str]:
    """What axe-core finds wrong."""
    driver.execute_script(axe)
    found = driver.execute_async_script("axe.run(document).then(arguments[0])")
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0].get('failureSummary', '')[:300]}"
        for one in found["violations"]
    ]


def said(driver: Chrome) -> list[dict[str, Any]]:
    """What the browser's console holds beside that a page was refused as it should be."""
    return [entry for entry in logged(driver, "browser") if "nope" not in entry["message"]]


def asked_elsewhere(driver: Chrome, host: str) -> list[str]:
    """What was asked of any other address."""
    messages = [json.loads(entry["message"])["message"] for entry in logged(driver, "performance")]
    urls = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert urls
    return [url for url in urls if urlsplit(url).netloc != host and not url.startswith(("data:", "blob:"))]


@pytest.mark.parametrize("path", PAGES)
def test_page_is_fit_for_everybody(driver: Chrome, studio: Studio, axe: str, path: str) -> None:
    """Wide and narrow, light and dark: no finding of axe, no error, nothing from elsewhere, no overflow."""
    host = urlsplit(studio.url).netloc
    for width, is_dark in LOOKS:
        look_like(driver, width=width, is_dark=is_dark)
        opened(driver, studio.url + path)
        assert judged(driver, axe) == [], (width, is_dark)
        assert said(driver) == [], (width, is_dark)
        assert asked_elsewhere(driver, host) == []
        assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"), (width, is_dark)
        assert driver.execute_script(REACHED) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_name_executes_nothing(driver: Chrome, studio: Studio, name: str) -> None:
    """A model's name from a hostile place runs nothing, neither in the page nor in a chart's tooltip."""
    look_like(driver, width=1280)
    for path in ("/?chart=model", f"/models/{quote(name, safe='')}", f"/failures?q={quote(name[:200])}"):
        opened(driver, studio.url + path)
        assert driver.execute_script("return window.__executed") is None
        assert driver.execute_script("return document.querySelectorAll('main img, main script').length") == 0
        assert said(driver) == []


def test_keyboard_reaches_the_figures(driver: Chrome, studio: Studio) -> None:
    """The first key leads past the menu; from there each key moves to something that can be seen."""
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415 - selenium is slow to import

    look_like(driver, width=1280)
    opened(driver, studio.url + "/")
    active = driver.switch_to
    active.active_element.send_keys(Keys.TAB)
    assert active.active_element.text == "Skip to the figures"
    active.active_element.send_keys(Keys.ENTER)
    seen = []
    for _ in range(20):
        active.active_element.send_keys(Keys.TAB)
        assert driver.execute_script("return document.activeElement.checkVisibility()")
        seen.append(driver.execute_script("return document.activeElement.closest('section')?.id"))
    assert "figures" in seen
    assert len(set(seen)) > 2


def test_reader_without_scripts_sees_all(driver: Chrome, studio: Studio) -> None:
    """Without JavaScript every block is there, and what a chart shows stands below it as a table."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(studio.url + "/")
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    blocks = [one.get_attribute("id") for one in driver.find_elements("css selector", "[data-block]")]
    assert blocks == ["trust", "needs", "figures", "course", "week", "now", "models", "patterns", "failures"]
    assert len(driver.find_elements("css selector", "#course details tbody tr")) > 100


def test_table_is_sorted_in_its_place(driver: Chrome, studio: Studio) -> None:
    """A heading sorts the models without a new page, and the address says so; back leads back."""
    look_like(driver, width=1280)
    opened(driver, studio.url + "/")
    driver.execute_script("window.__same = true")
    link = driver.find_element("css selector", "#models th[title] a[href*='sort=-users']")
    driver.execute_script("arguments[0].click()", link)
    sorted_by = "return document.querySelector('#models th[aria-sort] a')?.textContent"
    assert wait_until(lambda: str(driver.execute_script(sorted_by)).startswith("users"), timeout_seconds=20)
    assert "sort=-users" in driver.current_url
    assert driver.execute_script("return window.__same")
    assert len(driver.find_elements("css selector", "#models")) == 1
