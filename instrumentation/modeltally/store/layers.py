"""One call that several layers tell of counts once: client, gateway and engine, or two instrumentations of one client.

Each of them leaves a request. The outermost counts, because the caller waited for that one, with the model and the
tokens of the innermost, because that one did the work; what is inside is marked as nested. What is inside what, the
parents of the spans say. Where they do not lead from one to the other, because a library makes its span when the call
is over, the id of the answer says it, in another trace too, or the times do: a request within another one of the same
service and the same parent, from another instrumentation. A trace may arrive in any order and over hours: it is gone
through again whenever a request of it comes, and ends the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modeltally.store import sql

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

    from modeltally.store.client import Database, Row

__all__ = ["LAYERS", "SEPARATE", "Request", "containers", "join_layers", "passed_on"]

# The further out, the earlier; what our own wrappers and adapters tell is the outermost.
LAYERS: Final = ("client", "gateway", "engine")
# Of an instrumentation whose requests are never a part of others', nor others' of them.
SEPARATE: Final = "separate"
_EMBEDDINGS: Final = "embeddings"
# Two libraries read the clock one after the other, and two machines have two clocks.
_TOLERANCE_NS: Final = 5_000_000
_CLOCKS_NS: Final = 10_000_000_000
# A trace is no deeper, and a circle of parents has no end.
_MAX_DEPTH: Final = 256
# How many requests one statement writes.
_BATCH: Final = 5_000
# Traces whose spans are asked for at once.
_MAX_TRACES: Final = 5_000

# model, response model, and the tokens: in, out, read from a cache, written to one, reasoning
Facts = tuple[str, str, int, int, int, int, int]
_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as one layer told of it.

    Attributes:
        span: The ids of its trace and its span, hex digits.
        start_ns: When it began, nanoseconds since 1970.
        end_ns: When it ended; None where nobody said yet.
        service: Whose it is.
        layer: client, gateway, engine; anything else is ours.
        scope: The name of the instrumentation.
        request_type: What was asked for: embeddings, or anything else.
        outcome: How it ended.
        response_id: What the server called its answer; empty where nobody says.
        facts: Its model and tokens.
    """

    span: str
    start_ns: int
    end_ns: int | None
    service: str
    layer: str
    scope: str
    request_type: str
    outcome: str
    response_id: str
    facts: Facts

    def is_like(self, other: Request) -> bool:
        """Tell whether both are embeddings, or neither: one is no part of the other otherwise."""
        return (self.request_type == _EMBEDDINGS) == (other.request_type == _EMBEDDINGS)

    def holds(self, other: Request) -> bool:
        """Tell whether the other one began and ended within it, as far as their clocks can be compared."""
        tolerance = _TOLERANCE_NS if self.service == other.service else _CLOCKS_NS
        return (
            self.end_ns is not None
            and other.end_ns is not None
            and _length(other) <= _length(self) + 2 * _TOLERANCE_NS
            and self.start_ns - tolerance <= other.start_ns
            and other.end_ns <= self.end_ns + tolerance
        )

    @property
    def rank(self) -> int:
        """How far in it is: 0 for ours."""
        return LAYERS.index(self.layer) + 1 if self.layer in LAYERS else 0


def containers(requests: Sequence[Request], parents: Mapping[str, str]) -> dict[str, str]:
    """Tell which request of a trace is directly inside which.

    Args:
        requests: The requests of one trace, or of traces that have an answer in common, in any order.
        parents: Each span's parent, of all spans of the traces that are known.

    Returns:
        The span of the request that holds it, for each request that is held.
    """
    by_span = {request.span: request for request in requests}
    joined = [request for request in requests if request.layer != SEPARATE]
    found: dict[str, str] = {}
    for request in joined:
        holder = (
            _by_parents(request, by_span, parents) or _by_answer(request, joined) or _by_times(request, joined, parents)
        )
        if holder is not None:
            found[request.span] = holder.span
    return {span: holder for span, holder in found.items() if _leads_out(span, found)}


def _by_parents(request: Request, by_span: Mapping[str, Request], parents: Mapping[str, str]) -> Request | None:
    """The nearest request above it that is of its kind; nothing within a separate one is a part of what is above."""
    for above in _above(request.span, parents):
        holder = by_span.get(above)
        if holder is not None and holder.layer == SEPARATE:
            return None
        if holder is not None and holder.is_like(request):
            return holder
    return None


def _by_answer(request: Request, requests: Sequence[Request]) -> Request | None:
    """The shortest request further out that got the same answer around its time: some servers count from one again."""
    same = [
        other
        for other in requests
        if request.response_id
        and other.response_id == request.response_id
        and other.span != request.span
        and other.is_like(request)
        and other.holds(request)
        and _is_further_out(other, request)
    ]
    return min(same, key=lambda other: (_length(other), -other.rank, other.span), default=None)


def _by_times(request: Request, requests: Sequence[Request], parents: Mapping[str, str]) -> Request | None:
    """The shortest request beside it that it ran within, told by somebody else or from further out."""
    above = set(_above(request.span, parents))
    own_parent = parents.get(request.span, "")
    around = [
        other
        for other in requests
        if other.span != request.span
        and other.is_like(request)
        and other.holds(request)
        and _is_further_out(other, request)
        and (parents.get(other.span, "") in above if parents.get(other.span) else not own_parent)
        and request.span not in _above(other.span, parents)
    ]
    return min(around, key=lambda other: (_length(other), -other.rank, other.span), default=None)


def _is_further_out(other: Request, request: Request) -> bool:
    if other.service != request.service:
        return other.rank < request.rank
    if other.scope == request.scope:
        return False
    longer = _length(other) - _length(request)
    return (longer, request.rank, request.scope) > (0, other.rank, other.scope) if longer >= 0 else False


def _above(span: str, parents: Mapping[str, str]) -> Iterable[str]:
    """The spans above one, the nearest first."""
    for _ in range(_MAX_DEPTH):
        span = parents.get(span, "")
        if not span:
            return
        yield span


def _leads_out(span: str, found: Mapping[str, str]) -> bool:
    """Tell whether going from holder to holder comes to an end: times and parents that contradict make no circle."""
    for _ in range(_MAX_DEPTH):
        if span not in found:
            return True
        span = found[span]
    return False


def _length(request: Request) -> int:
    return (request.end_ns or request.start_ns) - request.start_ns


def passed_on(outer: Request, inside: Sequence[tuple[int, Request]]) -> Facts:
    """Give the facts of a request: each from the innermost that tells it.

    Args:
        outer: The request that counts.
        inside: Those inside it, each with how deep it is. Of several at one depth, which are attempts, the last that
            succeeded counts, else the last.

    Returns:
        Its model and tokens. Tokens go together: those of one request.
    """
    by_worth = sorted(
        inside,
        key=lambda one: (one[0], one[1].outcome == "success", one[1].end_ns or 0, one[1].span),
        reverse=True,
    )
    told = [*(request.facts for _, request in by_worth), outer.facts]
    model = next((facts[0] for facts in told if facts[0] not in {"", _UNKNOWN}), outer.facts[0])
    response_model = next((facts[1] for facts in told if facts[1]), "")
    tokens = next((facts[2:] for facts in told if facts[2] or facts[3]), outer.facts[2:])
    return (model, response_model, *tokens)


def join_layers(database: Database, hours: Sequence[dt.datetime], *, until: dt.datetime) -> int:
    """Mark what is part of another request, in traces of these hours, and pass on what it told.

    Args:
        database: Where.
        hours: Hours whose events changed, by their starts.
        until: When the last of them ends.

    Returns:
        How many rows were written: each changes the count of its hour, which is then to be rolled.

    Raises:
        StoreError: The engine refused.
    """
    asked = {"hours": list(hours), "since": min(hours), "until": until}
    rows = database.query(sql.statement("layers/requests"), asked)
    marks: list[tuple[int, str, str]] = []
    passed: list[tuple[int, str, str, Facts]] = []
    together = [found for found in _together(rows) if len(found) > 1]
    parents = _links(database, sorted({str(row["trace"]) for found in together for row in found}))
    for found in together:
        _join(found, parents, marks, passed)
    for at in range(0, len(marks), _BATCH):
        database.command(sql.statement("layers/mark"), _identities(marks[at : at + _BATCH]))
    for at in range(0, len(passed), _BATCH):
        batch = passed[at : at + _BATCH]
        facts = {
            "models": [one[3][0] for one in batch],
            "response_models": [one[3][1] for one in batch],
            "tokens": [list(one[3][2:]) for one in batch],
        }
        database.command(sql.statement("layers/pass_on"), {**_identities([one[:3] for one in batch]), **facts})
    return len(marks) + len(passed)


def _together(rows: Sequence[Row]) -> list[list[Row]]:
    """Put the requests of one trace together, and those of traces that have an answer in common."""
    first: dict[str, str] = {}  # of a trace or an answer: one that it is together with, itself for the first

    def root(name: str) -> str:
        while first.setdefault(name, name) != name:
            name = first[name]
        return name

    for row in rows:
        trace, answer = str(row["trace"]), _request(row).response_id
        first[root(f"answer {answer}" if answer else trace)] = root(trace)
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[root(str(row["trace"]))].append(row)
    return list(found.values())


def _join(
    rows: Sequence[Row],
    parents: Mapping[str, str],
    marks: list[tuple[int, str, str]],
    passed: list[tuple[int, str, str, Facts]],
) -> None:
    """Add what is to be written of the requests of one trace, or of several."""
    requests = {request.span: (request, row) for row in rows for request in [_request(row)]}
    held = containers([request for request, _ in requests.values()], parents)
    inside: dict[str, list[tuple[int, Request]]] = defaultdict(list)
    for span in held:
        depth, outer = 0, span
        while outer in held:
            depth, outer = depth + 1, held[outer]
        request, row = requests[span]
        inside[outer].append((depth, request))
        if not row["is_marked"]:
            marks.append((request.start_ns, str(row["trace"]), str(row["span"])))
    for outer, found in inside.items():
        request, row = requests[outer]
        facts = passed_on(request, found)
        if not row["is_marked"] and facts != _facts(row["facts_now"]):
            passed.append((request.start_ns, str(row["trace"]), str(row["span"]), facts))


def _request(row: Row) -> Request:
    told: Any = row["told"]
    service, layer, scope, request_type, outcome, response_id, duration_us, is_unfinished = told
    start_ns = int(str(row["start_ns"]))
    return Request(
        span=f"{row['trace']} {row['span']}",
        start_ns=start_ns,
        end_ns=None if is_unfinished else start_ns + int(duration_us) * 1000,
        service=service,
        layer=layer,
        scope=scope,
        request_type=request_type,
        outcome=outcome,
        response_id=response_id,
        facts=_facts(row["facts"]),
    )


def _facts(told: Any) -> Facts:
    model, response_model, *tokens = told
    return (str(model), str(response_model), *(int(count) for count in tokens))  # type: ignore[return-value] # five of them


def _links(database: Database, traces: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for at in range(0, len(traces), _MAX_TRACES):
        asked = {"traces": list(traces[at : at + _MAX_TRACES])}
        for row in database.query(sql.statement("layers/links"), asked):
            found[f"{row['trace']} {row['span']}"] = f"{row['trace']} {row['parent']}"
    return found


def _identities(batch: Sequence[tuple[int, str, str]]) -> dict[str, object]:
    starts = [start_ns for start_ns, _, _ in batch]
    return {
        "starts_ns": starts,
        "traces": [trace for _, trace, _ in batch],
        "spans": [span for _, _, span in batch],
        "first_ns": min(starts),
        "last_ns": max(starts),
    }
