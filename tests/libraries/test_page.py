"""The page that says what each library tells is what each library tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

pytest.importorskip("torch", reason="make test-libraries installs it")

from libraries.versions import needs

ROOT: Final = Path(__file__).parents[2]


@needs("transformers", "5.0", "part in the page, which is of the newest versions")
@pytest.mark.slow(seconds=60, why="every call of every library")
def test_page_is_what_the_libraries_tell() -> None:
    """Made anew, it is the same to the letter."""
    made = subprocess.run(
        [sys.executable, "-m", "libraries.page"], cwd=ROOT / "tests", capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr[-3000:]
    assert made.stdout == (ROOT / "docs" / "libraries.md").read_text(), "run make docs-libraries"
