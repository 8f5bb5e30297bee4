"""Requests as services send them, at a steady rate: encoded once, with ids and times put in for every body anew."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.bodies import ATTRIBUTES, Sender, put

__all__ = ["SPANS_PER_BODY", "Body", "Traffic"]

SPANS_PER_BODY = 200
_MODELS = 60
_USERS = 2_000
_SERVICES = 8
_ID_BYTES = (16, 8)


@dataclass
class Body:
    """A request that is sent again and again, each time with other ids and times.

    Attributes:
        content: The encoded request.
        places: Where in it each span has its trace id, its span id, its start and its end.
    """

    content: bytearray
    places: list[tuple[int, int, int, int]]

    @classmethod
    def made(cls, source: random.Random) -> Body:
        """Encode a request of one service: models and users as the source gives them."""
        made = ExportTraceServiceRequest()
        resource_spans = made.resource_spans.add()
        service = source.randrange(_SERVICES)
        resource = {"service.name": f"service-{service}", "service.instance.id": f"{service:032x}"}
        put(resource_spans.resource.attributes, resource)
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name, scope_spans.scope.version = "modeltally", "0.1.0"
        marks = []
        for _ in range(SPANS_PER_BODY):
            mark = (source.randbytes(16), source.randbytes(8), source.randrange(2**62), source.randrange(2**62))
            marks.append(mark)
            span = scope_spans.spans.add(trace_id=mark[0], span_id=mark[1], name="generate_content", kind=1)
            span.start_time_unix_nano, span.end_time_unix_nano = mark[2:]
            model = f"lab/model-{int(_MODELS ** source.random()) - 1}"
            own = {"modeltally.model.id": model, "gen_ai.request.model": model}
            own["user.hash"] = f"{source.randrange(_USERS):016x}"
            put(span.attributes, {**ATTRIBUTES, **own})
        content = bytearray(made.SerializeToString())
        return cls(content, [_places(content, *mark) for mark in marks])

    def renewed(self, source: random.Random, now_ns: int) -> bytes:
        """Give the request with new ids, every span just begun."""
        content = self.content
        for trace, span, start, end in self.places:
            content[trace : trace + 16] = source.randbytes(16)
            content[span : span + 8] = source.randbytes(8)
            content[start : start + 8] = now_ns.to_bytes(8, "little")
            content[end : end + 8] = (now_ns + source.randrange(10**9)).to_bytes(8, "little")
        return bytes(content)


def _places(content: bytearray, trace: bytes, span: bytes, start: int, end: int) -> tuple[int, int, int, int]:
    trace_at = content.index(trace)
    span_at = content.index(span, trace_at)
    start_at = content.index(start.to_bytes(8, "little"), span_at)
    return trace_at, span_at, start_at, content.index(end.to_bytes(8, "little"), start_at)


@dataclass
class Traffic:
    """Sends spans at a rate until it is told to stop.

    Attributes:
        url: Where to.
        spans_per_second: How many.
        seed: What ids, models and users come from.
        acknowledged: How many spans the server has taken.
        behind_seconds: How far sending was ever behind its own clock.
        refused: How often the server asked for a body again later.
        waits: Seconds until each body was acknowledged.
    """

    url: str
    spans_per_second: int
    seed: int
    acknowledged: int = 0
    behind_seconds: float = 0.0
    refused: int = 0
    failure: str = ""
    waits: list[float] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to send, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="traffic")
        self._thread.start()

    def stop(self) -> None:
        """Stop; every span that was sent has been acknowledged then."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        source = random.Random(self.seed)
        bodies = [Body.made(source) for _ in range(20)]
        sender = Sender(self.url)
        began, sent = time.monotonic(), 0
        while not self._stopping.is_set():
            due = began + sent / self.spans_per_second
            self.behind_seconds = max(self.behind_seconds, time.monotonic() - due)
            if self._stopping.wait(max(0.0, due - time.monotonic())):
                break
            content = bodies[source.randrange(len(bodies))].renewed(source, time.time_ns())
            asked_at = time.monotonic()
            while (status := sender.send(content).status) == 503:
                self.refused += 1
                time.sleep(0.1)
            if status != 200:
                self.failure = f"the receiver answered {status}"
                break
            self.waits.append(time.monotonic() - asked_at)
            sent += SPANS_PER_BODY
            self.acknowledged = sent
        sender.close()
