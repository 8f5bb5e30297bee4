"""What the tests of the import share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import modeltally
from replay.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_NAME = "lora_request_trace.csv"


@pytest.fixture(scope="session")
def gentd26() -> Path:
    """Find the published trace, which is no part of this repository."""
    repository = Path(__file__).parents[2]
    folder = Path(os.environ.get("MODELTALLY_GENTD26", repository.parent / "shared" / "data" / "gentd26"))
    path = folder / FILE_NAME
    if not path.is_file():
        pytest.skip(
            f"{path} is missing: get {FILE_NAME} from the dataset GenTD26 (github.com/alibaba/clusterdata,"
            " cluster-trace-v2026-GenAI) and name its folder in MODELTALLY_GENTD26"
        )
    return path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a receiver, and this process's telemetry towards it."""
    one = Receiver()
    modeltally.configure(endpoint=one.address, service_name="test", user_key="k" * 64)
    yield one
    one.go_away()
    modeltally.shutdown(timeout_seconds=0.1)
