"""The documents say what is true: tables from code, snippets that run, links that lead somewhere."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from docs_tables import DOCUMENTS as TABLED
from docs_tables import ROOT, TABLES, TESTS, filled
from modeltally.instrument._meanings import MEANINGS
from modeltally.instrument._values import Values
from modeltally.settings import load_settings
from support.slow import SLOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("instrumentation/*.md"),
        *ROOT.glob("queries/*.md"),
        *ROOT.glob("deploy/*.md"),
        *ROOT.glob("collector_config/*.md"),
        TESTS,
    ]
)


# what reads runs in tests/analytics/test_page.py, where there is something to read
READING = ROOT / "docs" / "python.md"
TEXTS = {
    f"{document.name}-{number}": snippet
    for document in DOCUMENTS
    if document != READING
    for number, snippet in enumerate(re.findall(r"```python\n(.*?)```", document.read_text(), flags=re.DOTALL))
}


def test_tables_are_what_the_code_says() -> None:
    """The documents' tables equal the ones made from code; `make docs` writes them."""
    for document in TABLED:
        assert filled(document.read_text()) == document.read_text()
    text = "".join(document.read_text() for document in TABLED)
    assert all(f"<!-- {name}: begin -->" in text for name in TABLES)


def test_slow_tests_are_listed(pytestconfig: pytest.Config) -> None:
    """What `make test` leaves out is in the table of tests/README.md, and nothing else; `make docs` writes it."""
    found = pytestconfig.stash[SLOW]
    listed = re.findall(r"^\| `((.+?)::.+?)` \| (\S+) \| (.+) \|$", TESTS.read_text(), flags=re.MULTILINE)
    assert {name: (float(seconds), why) for name, file, seconds, why in listed if file in found.files} == found.tests


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Start every snippet at once: each waits for two seconds at its end, since nobody takes what it sends."""
    home = str(tmp_path_factory.mktemp("home"))
    with contextlib.ExitStack() as started:
        yield {
            snippet: started.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", snippet],
                    env={"MODELTALLY_OTLP_ENDPOINT": "http://127.0.0.1:9", "HOME": home},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for snippet in TEXTS.values()
        }


@pytest.mark.parametrize("name", TEXTS)
def test_snippet_runs_in_a_service_without_a_server(running: dict[str, subprocess.Popen[str]], name: str) -> None:
    """Each snippet runs as it stands and ends cleanly, though nobody listens where it sends."""
    snippet = running[TEXTS[name]]
    _, errors = snippet.communicate(timeout=60)
    assert snippet.returncode == 0, errors
    assert "Traceback" not in errors


def test_every_keyword_has_a_meaning() -> None:
    """Nobody has to guess what a keyword is for, and no meaning is left of one that went."""
    assert MEANINGS.keys() == Values.__annotations__.keys()


def test_page_names_where_the_data_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wants to keep, move or delete them finds the directory that a command takes without --dir."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("MODELTALLY_DIR", raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    page = (ROOT / "docs" / "installing.md").read_text()
    assert load_settings().dir.relative_to("/home/ann").as_posix() in page
    assert "`~/.local/share/modeltally` on Linux" in page
    assert all(f"`pip install '.[{extra}]'`" in page for extra in ("local", "auto"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    """Every relative link of a document leads to a file or folder of the repository."""
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target
