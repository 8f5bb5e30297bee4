"""A browser and a server with a small studio in it, or the reason why there is none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.chromium import INSTALL, browser, installed
from browser.studio import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

    from support.stores import Template

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def studio(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Start the server."""
    with pytest.MonkeyPatch.context() as patch, Studio(template, tmp_path_factory.mktemp("studio"), patch) as started:
        yield started


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    """Start the browser."""
    if not installed():
        pytest.skip(f"there is no browser: {INSTALL}")
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def axe() -> str:
    """Read what judges how accessible a page is."""
    if not AXE.is_file():
        pytest.skip("axe-core is not there: make browser-tools")
    return AXE.read_text()
