"""What every dialect's requests become in a store, looked at once."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from dialects.recorded import FILES, load
from modeltally.server import LocalServer
from modeltally.settings import Settings
from modeltally.store import open_store
from modeltally.store.rollup import Roller
from receiver.bodies import JSON, post
from support.servers import settings_for
from support.stores import ask

if TYPE_CHECKING:
    from support.stores import Template

REQUESTS = """
SELECT
    lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span, start, source, model, response_model, request_type,
    outcome, error_type, provider, is_stream, isNotNull(first_chunk_us) AS has_first, input_tokens, output_tokens,
    cache_read_tokens, reasoning_tokens, user_hash != 0 AS has_user, session, finish_reasons, cost_millionths,
    is_counted, scope, received_at
FROM usage_events
ORDER BY start, trace_id, span_id, is_counted, received_at
LIMIT 1 BY start, trace_id, span_id
"""


@pytest.fixture(scope="session")
def stored_requests(template: Template, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Send each recording to a server, roll, and give the requests that each became, nested ones too."""
    directory = tmp_path_factory.mktemp("dialects") / "data"
    template.copy(directory)
    server = LocalServer(settings_for(directory))
    server.start()
    contents = {dialect: load(dialect)["request"] for dialect in FILES}
    for content in contents.values():
        assert post(server.address, json.dumps(content).encode(), content_type=JSON).status == 200
    assert server.wait_until_stored()
    server.stop()
    store = open_store(directory, settings=Settings(dir=directory))
    try:
        Roller(store.database).run(as_of=dt.datetime.now(dt.UTC))
        rows = ask(store, REQUESTS)
    finally:
        store.close()
    of_trace = {trace: dialect for dialect, content in contents.items() for trace in _traces(content)}
    found: dict[str, list[dict[str, Any]]] = {dialect: [] for dialect in FILES}
    for row in rows:
        found[of_trace[row["trace"]]].append(row)
    return found


def _traces(content: dict[str, Any]) -> set[str]:
    return {
        span["traceId"]
        for resource_spans in content["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans["spans"]
    }
