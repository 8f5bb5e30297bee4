"""A page that stays open: news come by themselves, a server that starts again is found again, nothing grows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from browser.chromium import look_like
from support.waiting import wait_until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from browser.studio import Studio

pytestmark = pytest.mark.slow(seconds=60, why="waits for a page in a real browser")

# no block is late, which is looked for anew, and every chart is drawn
WHOLE = """
if (document.querySelector('.late')) document.dispatchEvent(new Event('visibilitychange'));
const left = [...document.querySelectorAll('[data-chart]')].filter((plot) => !plot.querySelector('svg'));
left[0]?.scrollIntoView();
return !left.length && !document.querySelector('.late');
"""
REQUESTS = "return Number(document.querySelector('#figures dd.value data')?.value)"


def requests(driver: Chrome) -> int:
    """The figure that a page shows."""
    return int(driver.execute_script(REQUESTS) or 0)


def heap_bytes(driver: Chrome) -> float:
    """What the page's objects take, without those that nothing holds."""
    driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize"))


def test_news_come_by_themselves(driver: Chrome, studio: Studio) -> None:
    """Requests that services send are in the figures soon, without a new page."""
    look_like(driver, width=1280)
    driver.get(studio.url + "/")
    assert wait_until(lambda: requests(driver) > 0, timeout_seconds=30)
    time.sleep(2)
    before = requests(driver)
    driver.execute_script("window.__same = true")
    studio.request("org/flux", times=3)
    begun = time.monotonic()
    assert wait_until(lambda: requests(driver) == before + 3, timeout_seconds=60)
    print(f"in the page {time.monotonic() - begun:.1f} s after it was sent")  # noqa: T201 - a figure, not a limit
    assert driver.execute_script("return window.__same")


def test_page_finds_a_server_that_starts_again(driver: Chrome, studio: Studio) -> None:
    """While the server is away the page says so and keeps what it has; then it goes on, with what is new."""
    look_like(driver, width=1280)
    driver.get(studio.url + "/")
    assert wait_until(lambda: requests(driver) > 0, timeout_seconds=30)
    before = requests(driver)
    driver.execute_script("window.__same = true")
    studio.stop()
    driver.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    message = "return document.getElementById('connection').textContent"
    assert wait_until(lambda: "does not answer" in driver.execute_script(message), timeout_seconds=60)
    assert requests(driver) == before
    studio.start()
    studio.request("org/flux")
    assert wait_until(lambda: requests(driver) == before + 1, timeout_seconds=60)
    assert driver.execute_script(message) == ""
    assert driver.execute_script("return window.__same")


def test_page_that_stays_open_does_not_grow(driver: Chrome, studio: Studio) -> None:
    """Twenty times of fetching everything that lives leaves as many elements, and about as much memory."""
    look_like(driver, width=1280)
    driver.execute_cdp_cmd("Performance.enable", {})
    driver.get(studio.url + "/")
    assert wait_until(lambda: requests(driver) > 0, timeout_seconds=30)
    count = "return document.getElementsByTagName('*').length"
    again = "document.dispatchEvent(new Event('visibilitychange'))"

    def look_again(times: int) -> None:
        for _ in range(times):
            driver.execute_script(again)
            time.sleep(1.2)
        assert wait_until(lambda: driver.execute_script(WHOLE), timeout_seconds=60)

    look_again(5)
    elements, heap = driver.execute_script(count), heap_bytes(driver)
    look_again(20)
    assert driver.execute_script(count) <= elements + 20
    assert heap_bytes(driver) < heap * 1.3 + 2_000_000
