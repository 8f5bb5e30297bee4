"""Finds the requests of traces that several layers told of, and writes down what came of it.

A trace may arrive in any order and over hours: it is gone through again whenever a request of it comes. What parents
and answers say ends the same; what was once marked stays so.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from modeltally.store import sql
from modeltally.store.layers import Request, containers, same_answers

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from modeltally.store.client import Database, Row

__all__ = ["join_layers"]

# How many pairs one statement writes, and of how many traces spans are asked for at once.
_BATCH: Final = 5_000


def join_layers(database: Database, hours: Sequence[dt.datetime], *, until: dt.datetime) -> bool:
    """Mark what is part of another request, in traces of these hours, and pass on what it told.

    Args:
        database: Where.
        hours: Hours whose events changed, by their starts.
        until: When the last of them ends.

    Returns:
        Whether anything may have been written: that changes the count of its hour, which is then to be rolled.

    Raises:
        StoreError: The engine refused.
    """
    asked = {"hours": list(hours), "since": min(hours), "until": until}
    marks: list[Request] = []
    told: list[tuple[Request, int, Request]] = []
    rows = database.query(sql.statement("layers/requests"), asked)
    together = _together([(_request(row), row) for row in rows])
    parents = _links(database, sorted({request.trace for found in together for request, _ in found}))
    for found in together:
        _join(found, parents, marks, told)
    for at in range(0, len(marks), _BATCH):
        batch = marks[at : at + _BATCH]
        _write(database, "layers/mark", {**_identities(batch), **_times(batch)})
    for pairs in _whole(told):
        every = [one for outer, _, inner in pairs for one in (outer, inner)]
        inner = {f"inner_{name}": values for name, values in _identities([inner for _, _, inner in pairs]).items()}
        outer = {**_identities([outer for outer, _, _ in pairs]), "positions": [position for _, position, _ in pairs]}
        _write(database, "layers/pass_on", {**inner, **outer, **_times(every)})
    return bool(marks or told)


def _write(database: Database, statement: str, values: Mapping[str, object]) -> None:
    # whoever erases a user or closes a month is alone, and so is this
    with database.insert_barrier:
        database.command(sql.statement(statement), values)


def _whole(told: Sequence[tuple[Request, int, Request]]) -> Iterator[list[tuple[Request, int, Request]]]:
    """Cut what is told into batches, each with all that one request is told."""
    batch: list[tuple[Request, int, Request]] = []
    for one in told:
        if len(batch) >= _BATCH and one[1] == 0:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _together(requests: Sequence[tuple[Request, Row]]) -> list[list[tuple[Request, Row]]]:
    """Put the requests of one trace together, and those of traces that have an answer in common."""
    first: dict[str, str] = {}  # of a trace: one that it is together with, itself for the first

    def root(trace: str) -> str:
        while first.setdefault(trace, trace) != trace:
            trace = first[trace]
        return trace

    for group in same_answers(request for request, _ in requests):
        for request in group:
            first[root(request.trace)] = root(group[0].trace)
    found: dict[str, list[tuple[Request, Row]]] = defaultdict(list)
    for request, row in requests:
        found[root(request.trace)].append((request, row))
    return [together for together in found.values() if len(together) > 1]


def _join(
    together: Sequence[tuple[Request, Row]],
    parents: Mapping[str, str],
    marks: list[Request],
    told: list[tuple[Request, int, Request]],
) -> None:
    """Add what is to be written of the requests of one trace, or of several: marks, and who tells whom what."""
    requests = {request.key: (request, row) for request, row in together}
    held = containers([request for request, _ in together], parents)
    inside: dict[str, list[tuple[int, Request]]] = defaultdict(list)
    for key in held:
        depth, outer = 0, key
        while outer in held:
            depth, outer = depth + 1, held[outer]
        request, row = requests[key]
        inside[outer].append((depth, request))
        if not row["is_marked"]:
            marks.append(request)
    if any(row["was_joined"] and request.key not in held for request, row in together):
        return  # spans are kept for days: what once led from one to another is gone, and what was told stays
    for key, (request, row) in requests.items():
        # one that was told something by another that is not inside it any more gets its own back
        if key not in held and not row["is_marked"] and (key in inside or row["was_told"]):
            told += [(request, position, one) for position, one in enumerate([*_by_worth(inside[key]), request])]


def _by_worth(inside: Sequence[tuple[int, Request]]) -> list[Request]:
    """The innermost first; of several at one depth, which are attempts, the last that succeeded, else the last."""
    ordered = sorted(
        inside,
        key=lambda one: (one[0], one[1].outcome == "success", one[1].end_ns or 0, one[1].key),
        reverse=True,
    )
    return [request for _, request in ordered]


def _request(row: Row) -> Request:
    told: Any = row["told"]
    service, layer, scope, request_type, outcome, response_id, model, duration_us, is_unfinished = told
    start_ns = int(str(row["start_ns"]))
    return Request(
        trace=str(row["trace"]),
        span=str(row["span"]),
        start_ns=start_ns,
        end_ns=None if is_unfinished else start_ns + int(duration_us) * 1000,
        service=service,
        layer=layer,
        scope=scope,
        request_type=request_type,
        outcome=outcome,
        response_id=response_id,
        model=model,
    )


def _links(database: Database, traces: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for at in range(0, len(traces), _BATCH):
        asked = {"traces": list(traces[at : at + _BATCH])}
        for row in database.query(sql.statement("layers/links"), asked):
            found[f"{row['trace']} {row['span']}"] = f"{row['trace']} {row['parent']}"
    return found


def _identities(batch: Sequence[Request]) -> dict[str, object]:
    return {
        "starts_ns": [request.start_ns for request in batch],
        "traces": [request.trace for request in batch],
        "spans": [request.span for request in batch],
    }


def _times(batch: Sequence[Request]) -> dict[str, object]:
    starts = [request.start_ns for request in batch]
    return {"first_ns": min(starts), "last_ns": max(starts)}
