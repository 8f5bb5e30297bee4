"""Every output format of the engine answers or refuses every kind of column, and the server goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clickhouse.client import ask, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.server import LocalServer
    from support.stores import Template

COLUMNS = (
    "[[1, 2], []] AS a, map('k', 1) AS b, CAST((1, 'x'), 'Tuple(n UInt8, t String)') AS c, NULL AS d",
    "CAST('{\"p\": {\"q\": [1]}}', 'JSON') AS a, CAST(1, 'Dynamic') AS b, CAST(1, 'Variant(UInt8, String)') AS c",
    "now64(9) AS a, toDecimal256(1, 70) AS b, toIPv6('::1') AS c, nan AS d, toIntervalYear(1) AS e, tuple() AS f",
)


@pytest.fixture(scope="module")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run one server for all of them."""
    with running(template.copy(tmp_path_factory.mktemp("formats"))) as started:
        yield started


@pytest.mark.slow(seconds=10, why="three hundred answers")
def test_every_format_answers_or_refuses(server: LocalServer) -> None:
    """No crash, no answer that breaks off: rows, or ClickHouse's own code of what cannot be written so."""
    names = ask(server, "SELECT name FROM system.formats WHERE is_output ORDER BY name FORMAT TSV").text.split()
    assert len(names) > 60
    answered = refused = 0
    for name in names:
        for columns in COLUMNS:
            answer = ask(server, f"SELECT {columns} FORMAT {name}")
            if answer.status == 200:
                answered += 1
            else:
                refused += 1
                assert answer.code > 0, (name, columns, answer.body[:200])
    assert answered > len(names)
    assert refused > 0
    assert ask(server, "SELECT 1 FORMAT TSV").text == "1\n"
