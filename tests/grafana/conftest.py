"""The demonstration's data behind a server, made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from grafana.studio import Studio, opened_studio

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Run a server over the data of the demonstration, and what that has nothing of."""
    with opened_studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened
