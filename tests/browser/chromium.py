"""Debian's chromium, without a window: what tests of pages and pictures of them drive."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Any, Final

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["INSTALL", "browser", "installed", "look_like"]

INSTALL: Final = "apt-get install chromium chromium-driver poppler-utils"


def installed() -> bool:
    """Tell whether there is a browser, and what drives it."""
    return all(map(shutil.which, ("chromium", "chromedriver")))


@contextlib.contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """Start a browser that says everything it logs, and nothing to its maker."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--force-color-profile=srgb",
        # root has no sandbox
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_page_load_timeout(60)
    driver.set_script_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()


def look_like(driver: webdriver.Chrome, *, width: int, height: int = 900, is_dark: bool = False) -> None:
    """Give the browser's window a size, and its reader a taste.

    Args:
        driver: The browser.
        width: Of the page, in CSS pixels.
        height: The same.
        is_dark: Whether the system is dark.
    """
    metrics: Mapping[str, Any] = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", dict(metrics))
    scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
    motion = {"name": "prefers-reduced-motion", "value": "reduce"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, motion]})
