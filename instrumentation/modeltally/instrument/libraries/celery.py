"""celery: who asked, how long a task waited and which attempt it is, from sender to worker.

::

    from modeltally.instrument.libraries.celery import CeleryInstrumentor

    CeleryInstrumentor().instrument()    # in the service that sends tasks and in its workers

It listens to celery's public signals and adds one header to each task's message; nothing else of celery changes. That
workers deliver what they recorded when they end does not depend on it, see ``process.ends``.
"""

from __future__ import annotations

import importlib
import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument._guard import guarded
from modeltally.instrument._inbound import inbound
from modeltally.instrument.carrier import HEADER, extract, inject
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from modeltally.instrument._inbound import InboundContext

__all__ = ["CeleryInstrumentor"]

UID: Final = "modeltally.celery"


class CeleryInstrumentor(Instrumentor):
    """Listens to celery's signals."""

    library = "celery"
    versions = ("5.0", "6")
    loss = "tasks do not carry who asked for them"

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Connect to the signals, under a name of our own."""
        self._celery = module
        self._open: dict[int, InboundContext] = {}  # by the identity of the request, which lives as long
        signals = importlib.import_module("celery.signals")
        receivers = {"before_task_publish": self._sent, "task_prerun": self._begun, "task_postrun": self._ended}
        for name, receiver in receivers.items():
            signal = getattr(signals, name)
            yield Hook(
                partial(signal.connect, receiver, weak=False, dispatch_uid=UID),
                partial(signal.disconnect, dispatch_uid=UID),
            )

    @guarded(None)
    def _sent(self, headers: MutableMapping[str, Any] | None = None, **_: Any) -> None:
        """Write into a message who asks for the task, unless its sender has done so."""
        if headers is None:
            return
        own = headers.get(HEADER)
        task = self._celery.current_task
        # a retry brings along the headers of the message it is a retry of; what they say is known here anyway
        if own is None or (task and own == _header(task.request)):
            inject(headers)

    @guarded(None)
    def _begun(self, task: Any = None, **_: Any) -> None:
        request = task.request
        text = _header(request)
        delivery = request.delivery_info or {}
        # an eager task runs where it is sent, so there is no message, and no wait
        carrier = inject({}) if text is None and request.is_eager else {HEADER: text}
        redelivered = None if request.is_eager else bool(delivery.get("redelivered"))
        context = extract(
            {name: value for name, value in carrier.items() if value is not None},
            attempt=int(request.retries or 0) + 1,
            redelivered=redelivered,
        )
        if not request.is_eager:
            inbound.set(None)  # a worker works on one message at a time: whatever is in effect was not left
        context.__enter__()
        self._open[id(request)] = context
        delivered = inbound.get()
        if delivered is not None:
            # one for everything that was begun by the same task
            delivered.values.setdefault("correlation_id", str(request.root_id or request.id))
            waited, since_due = delivered.once.get("queue_seconds"), _seconds_since(request.eta)
            if isinstance(waited, float) and since_due is not None:
                delivered.once["queue_seconds"] = min(waited, since_due)  # a delay on purpose is no wait

    @guarded(None)
    def _ended(self, task: Any = None, **_: Any) -> None:
        context = self._open.pop(id(task.request), None)
        if context is not None:
            context.__exit__(None, None, None)


def _header(request: Any) -> str | None:
    """Return our header of a request: beside celery's own if it came as a message, else among the custom ones."""
    text = request.get(HEADER)
    if text is None:
        custom: Mapping[str, Any] = request.headers or {}
        text = custom.get(HEADER)
    return text if isinstance(text, str) else None


def _seconds_since(eta: object) -> float | None:
    """Return how long ago a delayed task was due; None for a task without a delay."""
    if not isinstance(eta, str):
        return None
    due = datetime.fromisoformat(eta)
    return None if due.tzinfo is None else max(0.0, time.time() - due.timestamp())
