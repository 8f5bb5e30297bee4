"""What tests of several stages share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.stores import Template

TRACE_NAME = "lora_request_trace.csv"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Migrate one store, for copies of it."""
    return Template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def gentd26() -> Path:
    """Find the published trace, which is no part of this repository."""
    repository = Path(__file__).parents[1]
    folder = Path(os.environ.get("MODELTALLY_GENTD26", repository.parent / "shared" / "data" / "gentd26"))
    path = folder / TRACE_NAME
    if not path.is_file():
        pytest.skip(
            f"{path} is missing: get {TRACE_NAME} from the dataset GenTD26 (github.com/alibaba/clusterdata,"
            " cluster-trace-v2026-GenAI) and name its folder in MODELTALLY_GENTD26"
        )
    return path
