"""What browsers get from other projects is what is recorded of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from modeltally.show.page.render import ASSETS, STATIC


def test_files_are_the_recorded_ones() -> None:
    """Each file that was taken from elsewhere has the hash that stands beside it, and its licence is there."""
    recorded = [line.split(maxsplit=1) for line in (STATIC / "SHA256SUMS").read_text().splitlines()]
    assert len(recorded) >= 9
    for digest, name in recorded:
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest, name
    assert all((STATIC / folder / "LICENSE").is_file() for folder in ("htmx", "vega"))


def test_style_names_only_colours_that_there_are() -> None:
    """Every colour that the style sheet uses is defined, and no rule fetches anything."""
    text = Path(ASSETS / "page.css").read_text()
    used = {word.partition(")")[0] for word in text.split("var(")[1:]}
    assert used <= {line.strip().partition(":")[0] for line in text.splitlines() if line.strip().startswith("--")}
    assert "url(" not in text
    assert "@import" not in text
