"""The programs are built where their languages are installed, and nowhere else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).with_name("build.sh")


def test_languages_that_are_missing_are_skipped_with_a_word(tmp_path: Path) -> None:
    """On a machine with none of them the build succeeds, says each language, what it lacks and where that is."""
    for tool in ("bash", "dirname", "mkdir"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    command = [tmp_path / "bash", SCRIPT, tmp_path / "built"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert [line.split("'")[0] for line in said] == [
        f"skipped: {language}" for language in ("Go", "Node", "Java", "Rust", "Python")
    ]
    assert [line.split("'")[2] for line in said] == ["go", "node", "java", "cargo", "python3"]
    assert all("https://" in line for line in said)
