"""Pictures of every page of the demonstration: ``python -m browser.screenshots FOLDER``."""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from browser.chromium import INSTALL, browser, installed, look_like
from modeltally.cli import main as modeltally
from modeltally.server import LocalServer
from support.servers import settings_for

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

PAGES = {
    "overview": "/",
    "overview-30d": "/?window=30d&tz=Europe/Berlin&chart=model",
    "model": f"/models/{quote('lumen/sketch-xl', safe='')}?window=30d",
    "users": "/users?window=30d",
    "patterns": "/patterns?window=30d",
    "failures": "/failures?window=30d",
    "loads": "/loads?window=30d",
    "downloads": "/downloads?window=all",
    "disk": "/disk?window=30d",
    "advice": "/advice",
    "health": "/health",
    "topics": "/topics",
    "topic": "/topics/time?kind=model&bucket=day",
    "refused": "/?window=9d",
}
LOOKS = [(1280, False), (1280, True), (320, False)]
_TALLEST = 8000
_DRAWN = """
const left = [...document.querySelectorAll('[data-chart]')].filter((plot) => !plot.querySelector('svg'));
left[0]?.scrollIntoView();
return !left.length;
"""
_LATE = "return document.querySelectorAll('[data-late]').length"


def main() -> int:
    """Simulate days, open every page, and keep a picture of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", choices=list(PAGES))
    options = parser.parse_args()
    if not installed():
        print(f"there is no browser: {INSTALL}", file=sys.stderr)  # noqa: T201 - a command's words
        return 2
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "data"
        sys.argv = ["modeltally", "demo", "--days", "200", "--dir", str(directory)]
        try:
            modeltally()
        except SystemExit as ended:
            if ended.code:
                raise
        with LocalServer(settings_for(directory)) as server, browser() as driver:
            for page in options.only or PAGES:
                for width, is_dark in LOOKS:
                    url = server.address.http_url + PAGES[page]
                    picture = _picture(driver, url, width=width, is_dark=is_dark)
                    path = options.folder / f"{page}-{width}-{'dark' if is_dark else 'light'}.png"
                    path.write_bytes(picture)
                    print(path)  # noqa: T201 - a command's words
    return 0


def _picture(driver: Chrome, url: str, *, width: int, is_dark: bool) -> bytes:
    look_like(driver, width=width, is_dark=is_dark)
    driver.get(url)
    ends_at = time.monotonic() + 30
    while time.monotonic() < ends_at and (driver.execute_script(_LATE) or not driver.execute_script(_DRAWN)):
        time.sleep(0.2)
    driver.execute_script("scrollTo(0, 0)")
    height = driver.execute_script("return document.documentElement.scrollHeight")
    look_like(driver, width=width, height=min(height, _TALLEST), is_dark=is_dark)
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    return base64.b64decode(shot["data"])


if __name__ == "__main__":
    sys.exit(main())
