"""One call that several layers tell of counts once: client, gateway and engine, or two instrumentations of one client.

Each of them leaves a request. The outermost counts, because the caller waited for that one, with the model and the
tokens of the innermost, because that one did the work; what is inside is marked as nested. What is inside what, the
parents of the spans say. Where they do not lead from one to the other, because a library makes its span when the call
is over, the id of the answer says it, in another trace too; or, of two under one parent, that one ran within the other
and asked for the same model. Each holds one other so, not several: what looks like two calls stays two.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["LAYERS", "SEPARATE", "Request", "containers", "same_answers"]

# The further out, the earlier; what our own wrappers and adapters tell is the outermost.
LAYERS: Final = ("client", "gateway", "engine")
# Of an instrumentation whose requests are never a part of others', nor others' of them.
SEPARATE: Final = "separate"
_EMBEDDINGS: Final = "embeddings"
_NO_MODELS: Final = frozenset({"", "unknown"})
# Two libraries read the clock one after the other, and two machines have two clocks.
_TOLERANCE_NS: Final = 5_000_000
_CLOCKS_NS: Final = 1_000_000_000
# A trace is no deeper, and a circle of parents has no end.
_MAX_DEPTH: Final = 256
# An answer's id that more traces say at one time tells nothing: a server that says the same each time.
_MAX_TRACES_OF_AN_ANSWER: Final = 4


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as one layer told of it.

    Attributes:
        trace: The id of its trace, hex digits.
        span: The id of its span, hex digits.
        start_ns: When it began, nanoseconds since 1970.
        end_ns: When it ended; None where nobody said yet.
        service: Whose it is.
        layer: client, gateway, engine, separate; anything else is ours.
        scope: The name of the instrumentation.
        request_type: What was asked for: embeddings, or anything else.
        outcome: How it ended.
        response_id: What the server called its answer; empty where nobody says.
        model: The model that was asked.
    """

    trace: str
    span: str
    start_ns: int
    end_ns: int | None
    service: str
    layer: str
    scope: str
    request_type: str
    outcome: str
    response_id: str
    model: str

    @property
    def key(self) -> str:
        """What it is told from others by."""
        return f"{self.trace} {self.span}"

    @property
    def rank(self) -> int:
        """How far in it is: 0 for ours."""
        return LAYERS.index(self.layer) + 1 if self.layer in LAYERS else 0

    @property
    def length_ns(self) -> int:
        """How long it took."""
        return (self.end_ns or self.start_ns) - self.start_ns

    def is_like(self, other: Request) -> bool:
        """Tell whether both are embeddings, or neither: one is no part of the other otherwise."""
        return (self.request_type == _EMBEDDINGS) == (other.request_type == _EMBEDDINGS)

    def holds(self, other: Request) -> bool:
        """Tell whether the other one began and ended within it, as far as their clocks can be compared."""
        tolerance = _TOLERANCE_NS if self.service == other.service else _CLOCKS_NS
        return (
            self.end_ns is not None
            and other.end_ns is not None
            and other.length_ns <= self.length_ns + 2 * _TOLERANCE_NS
            and self.start_ns - tolerance <= other.start_ns
            and other.end_ns <= self.end_ns + tolerance
        )

    def is_further_out(self, other: Request) -> bool:
        """Tell whether it comes before the other on a call's way; of one service, the longer one does."""
        if self.service != other.service:
            return self.rank < other.rank
        if self.scope == other.scope:
            return False
        longer = self.length_ns - other.length_ns
        return longer >= 0 and (longer, other.rank, other.scope) > (0, self.rank, self.scope)

    def may_be(self, other: Request) -> bool:
        """Tell whether both can be of one call: no two models, no two answers."""
        answers = {self.response_id, other.response_id} - {""}
        models = {_base(self.model), _base(other.model)} - _NO_MODELS
        return len(answers) < 2 and len(models) < 2  # noqa: PLR2004 - two are two calls


def containers(requests: Sequence[Request], parents: Mapping[str, str]) -> dict[str, str]:
    """Tell which request is directly inside which.

    Args:
        requests: The requests of one trace, or of traces that have an answer in common, in any order.
        parents: Each span's parent, of all spans of the traces that are known: trace and span, with a blank between.

    Returns:
        The key of the request that holds it, for each request that is held.
    """
    by_key = {request.key: request for request in requests}
    joined = [request for request in requests if request.layer != SEPARATE]
    found: dict[str, str] = {}
    for request in joined:
        holder = _by_parents(request, by_key, parents)
        if holder is not None:
            found[request.key] = holder.key
    for pairs in (_by_answers(joined, found), _by_times(joined, found, parents)):
        taken = set[str]()
        for outer, inner in pairs:
            if inner.key not in found and outer.key not in taken:
                found[inner.key] = outer.key
                taken.add(outer.key)
    return {key: holder for key, holder in found.items() if _leads_out(key, found)}


def _by_parents(request: Request, by_key: Mapping[str, Request], parents: Mapping[str, str]) -> Request | None:
    """The nearest request above it that is of its kind; nothing within a separate one is a part of what is above."""
    for above in _above(request.key, parents):
        holder = by_key.get(above)
        if holder is not None and holder.layer == SEPARATE:
            return None
        if holder is not None and holder.is_like(request):
            return holder
    return None


def _by_answers(requests: Sequence[Request], found: Mapping[str, str]) -> list[tuple[Request, Request]]:
    """Pairs that got the same answer at one time, those that fit best first."""
    return _fitting(
        (outer, inner)
        for group in same_answers(requests)
        for outer, inner in _overlapping(group)
        if inner.key not in found and outer.is_further_out(inner)
    )


def same_answers(requests: Iterable[Request]) -> Iterable[list[Request]]:
    """Give the requests that got the same answer at one time; where too many did, the answer's id says nothing.

    Args:
        requests: Of any traces.

    Returns:
        A list for each answer and time.
    """
    by_answer: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        if request.response_id:
            by_answer[request.response_id].append(request)
    for same in by_answer.values():
        groups: list[list[Request]] = []
        ends_ns = 0
        for request in sorted(same, key=lambda one: (one.start_ns, one.key)):
            if not groups or request.start_ns > ends_ns + _CLOCKS_NS:
                groups.append([])
            groups[-1].append(request)
            ends_ns = max(ends_ns, request.end_ns or request.start_ns)
        yield from (group for group in groups if len({one.trace for one in group}) <= _MAX_TRACES_OF_AN_ANSWER)


def _by_times(
    requests: Sequence[Request], found: Mapping[str, str], parents: Mapping[str, str]
) -> list[tuple[Request, Request]]:
    """Pairs under one parent, told by two, of which one can be the other; those that fit best first.

    In one service only foreign ones: what runs inside ours is marked as it begins. From ours to another service, the
    one that was asked is somewhere under the span that ours is under.
    """
    beside: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        parent = parents.get(request.key)
        if parent and request.rank:
            beside[f"{parent} {request.service}"].append(request)
    ours: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        if not request.rank and (parent := parents.get(request.key)):
            ours[parent].append(request)
    remote = [
        (outer, inner)
        for inner in (requests if ours else ())
        if inner.rank and inner.key not in found
        for above in _above(inner.key, parents)
        for outer in ours.get(above, ())
        if outer.service != inner.service and outer.holds(inner)
    ]
    return _fitting(
        (outer, inner)
        for outer, inner in [*remote, *(pair for group in beside.values() for pair in _overlapping(group))]
        if inner.key not in found and outer.is_like(inner) and outer.is_further_out(inner) and outer.may_be(inner)
    )


def _overlapping(requests: Sequence[Request]) -> Iterable[tuple[Request, Request]]:
    """Every pair of which the first holds the second."""
    running: list[Request] = []
    for request in sorted(requests, key=lambda one: (one.start_ns, one.key)):
        running = [one for one in running if (one.end_ns or 0) + _CLOCKS_NS >= request.start_ns]
        for other in running:
            if other.is_like(request) and other.holds(request):
                yield other, request
            if other.is_like(request) and request.holds(other):
                yield request, other
        running.append(request)


def _fitting(pairs: Iterable[tuple[Request, Request]]) -> list[tuple[Request, Request]]:
    """Order pairs: first those of the nearest lengths, then as they began."""
    return sorted(
        pairs,
        key=lambda pair: (
            pair[0].length_ns - pair[1].length_ns, pair[1].start_ns, pair[0].start_ns, pair[1].key, pair[0].key
        ),
    )  # fmt: skip


def _above(key: str, parents: Mapping[str, str]) -> Iterable[str]:
    """The spans above one, the nearest first."""
    for _ in range(_MAX_DEPTH):
        key = parents.get(key, "")
        if not key:
            return
        yield key


def _leads_out(key: str, found: Mapping[str, str]) -> bool:
    """Tell whether going from holder to holder comes to an end: times and parents that contradict make no circle."""
    for _ in range(_MAX_DEPTH):
        if key not in found:
            return True
        key = found[key]
    return False


def _base(model: str) -> str:
    """A model's name without the provider's before it."""
    return model.rpartition("/")[2].lower()
