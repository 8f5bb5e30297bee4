"""Templates, and what every page of them knows."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from modeltally.show.charts.config import LIGHT, pattern_definitions
from modeltally.show.page.cells import shortened
from modeltally.show.page.pages import MENU
from modeltally.show.page.state import WINDOWS
from modeltally.show.units import clean_text

if TYPE_CHECKING:
    from modeltally.show.page.state import PageState

__all__ = ["ASSETS", "STATIC", "THEMES", "shared_values", "templates"]

ASSETS: Final = Path(__file__).parent / "assets"
STATIC: Final = Path(__file__).parents[1] / "static"
THEMES: Final = ("light", "dark")
# what the field for the zone offers; it takes any other as well
_ZONES: Final = (
    "UTC", "Europe/London", "Europe/Berlin", "Europe/Athens", "Africa/Lagos", "Africa/Nairobi", "Asia/Dubai",
    "Asia/Karachi", "Asia/Kolkata", "Asia/Singapore", "Asia/Shanghai", "Asia/Tokyo", "Asia/Seoul", "Australia/Sydney",
    "Pacific/Auckland", "America/Sao_Paulo", "America/New_York", "America/Chicago", "America/Denver",
    "America/Los_Angeles",
)  # fmt: skip


@cache
def templates() -> Environment:
    """Load the templates; everything they write is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {"clean": clean_text, "short": shortened, "svg": _numbers_only, "code": _with_code}
    environment.globals |= {"version": _version(), "patterns": Markup(pattern_definitions(LIGHT))}  # noqa: S704 - ours
    return environment


def shared_values(state: PageState, *, theme: str, otlp_url: str) -> dict[str, Any]:
    """Give what every template knows.

    Args:
        state: The page's address.
        theme: ``light`` or ``dark`` where the reader chose one; else empty.
        otlp_url: Where services send what they do; empty where that is not known.
    """
    zones = list(dict.fromkeys((*_ZONES, state.zone_name)))
    return {
        "state": state,
        "theme": theme,
        "otlp_url": otlp_url or "http://127.0.0.1:4318",
        "zones": zones,
        "menu": [(name, path, state.link(path)) for path, name in MENU],
        "windows": [
            (word, state.link(window=name, page=None), name == state.window_name) for name, word in WINDOWS.items()
        ],
    }


def _numbers_only(picture: str) -> Markup:
    """Let a picture through that one of our functions made of numbers and an escaped label."""
    return Markup(picture)  # noqa: S704 - its only text is quoted by the function that made it


def _with_code(text: str) -> Markup:
    """Escape a text of ours, and set what stands between backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def _version() -> str:
    """Name the state of what browsers keep, so that a new version is fetched."""
    content = b"".join(
        path.read_bytes()
        for folder in (ASSETS, STATIC)
        for path in sorted(folder.rglob("*.*"))
        if path.suffix in {".css", ".js"}
    )
    return hashlib.sha256(content).hexdigest()[:12]
