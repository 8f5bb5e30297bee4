"""What each dialect's spans become: the requests of the recorded conversation, once each, with what it tells."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from dialects.recorded import FILES, FOLDER

EXPECTED: dict[str, list[dict[str, Any]]] = yaml.safe_load((FOLDER / "expected.yaml").read_text())
# Words of the file, and the column of each.
COLUMNS = {
    "layer": "source",
    "model": "model",
    "answered": "response_model",
    "kind": "request_type",
    "outcome": "outcome",
    "error": "error_type",
    "provider": "provider",
    "in": "input_tokens",
    "out": "output_tokens",
    "cached": "cache_read_tokens",
    "reasoning": "reasoning_tokens",
    "session": "session",
    "finish": "finish_reasons",
    "streamed": "is_stream",
    "first_chunk": "has_first",
    "user": "has_user",
}
UNSAID: dict[str, Any] = {"kind": "chat", "outcome": "success"}


def as_told(row: dict[str, Any]) -> dict[str, Any]:
    """A row in the words of the file, without what is empty or usual."""
    told = {word: row[column] for word, column in COLUMNS.items()}
    told |= {"cost": (row["cost_millionths"] or 0) / 1e6, "nested": not row["is_counted"]}
    return {word: value for word, value in told.items() if value and value != UNSAID.get(word)}


@pytest.mark.parametrize("dialect", FILES)
def test_requests_are_those_of_the_conversation(dialect: str, stored_requests: dict[str, list[dict[str, Any]]]) -> None:
    """Every request has its model, tokens, outcome and whatever else its dialect says; none is counted twice."""
    assert [as_told(row) for row in stored_requests[dialect]] == EXPECTED[dialect]


def test_every_dialect_is_expected() -> None:
    """The file names what was recorded, and nothing else."""
    assert set(EXPECTED) == set(FILES)
