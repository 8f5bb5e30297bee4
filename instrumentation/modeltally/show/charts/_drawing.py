"""Draws charts: the program of the process that :mod:`modeltally.show.charts.draw` starts."""

from __future__ import annotations

import json
import re
import sys
from typing import Any
from xml.sax.saxutils import quoteattr

import vl_convert

from modeltally.show.charts.config import PATTERN_PREFIX, pattern_definitions

__all__ = ["main"]

_VEGA_LITE = "6.4"


def main() -> None:
    """Read what to draw from standard input, write the pictures to standard output."""
    asked = json.load(sys.stdin)
    pictures = [_picture(spec, asked["format"], asked["scale"]) for spec in asked["specs"]]
    json.dump(pictures, sys.stdout)


def _picture(spec: dict[str, Any], format_name: str, scale: float) -> str:
    # nothing is fetched, whatever a spec says
    svg = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE, allowed_base_urls=[])
    svg = _described(svg, spec)
    return vl_convert.svg_to_png(svg, scale=scale).hex() if format_name == "png" else svg


def _described(svg: str, spec: dict[str, Any]) -> str:
    """Let the picture say what it shows, and bring the patterns it is filled with."""
    patterns = pattern_definitions(spec["config"]) if f"url(#{PATTERN_PREFIX}" in svg else ""
    label = quoteattr(str(spec.get("description", "")))
    # parts name themselves for tools that look inside; a picture with a text alternative is one thing
    whole = re.sub(r' (?:role|aria-roledescription)="graphics-[a-z]+"| aria-roledescription="[^"]*"', "", svg)
    return whole.replace("<svg ", f'<svg role="img" aria-label={label} ', 1).replace(">", f">{patterns}", 1)


if __name__ == "__main__":
    main()
