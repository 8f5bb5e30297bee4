"""celery: who asked, how long it waited and which try it is, from where a task is sent to where it runs.

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
from typing import TYPE_CHECKING, Any, Final, Self

from modeltally.instrument._guard import guarded, log, problem
from modeltally.instrument._received import message
from modeltally.instrument.carrier import HEADER, inject, received

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

__all__ = ["CeleryInstrumentor"]

SIGNALS: Final = ("before_task_publish", "task_prerun", "task_postrun")
UID: Final = "modeltally.celery"


class CeleryInstrumentor:
    """Instruments celery, in the form that ``opentelemetry-instrument`` expects; there is one of it in a process."""

    _only: Self | None = None

    def __new__(cls) -> Self:
        """Return the one there is."""
        if cls._only is None:
            only = cls._only = super().__new__(cls)
            only._celery = None
            only._open = {}
        return cls._only

    _celery: Any  # the package, while its signals are listened to
    _open: dict[int, received]  # by the identity of the request, which lives as long

    @property
    def is_instrumented(self) -> bool:
        """Whether it listens to celery's signals."""
        return self._celery is not None

    @guarded(None)
    def instrument(self, **kwargs: Any) -> None:
        """Begin; called again it changes nothing.

        Args:
            **kwargs: What ``opentelemetry-instrument`` passes. With ``skip_dep_check`` it is silent where there is no
                celery.
        """
        if self._celery is not None:
            return
        try:
            celery = importlib.import_module("celery")
            signals = importlib.import_module("celery.signals")
        except ImportError:
            if kwargs.get("skip_dep_check"):
                log.debug("celery is not installed; nothing to instrument")
            else:
                problem("celery", "celery cannot be imported; nothing is instrumented")
            return
        receivers = dict(zip(SIGNALS, (self._sent, self._begun, self._ended), strict=True))
        if not all(hasattr(getattr(signals, name, None), "connect") for name in receivers):
            problem("celery", "this version of celery is not known; tasks do not carry who asked for them")
            return
        self._celery = celery
        for name, receiver in receivers.items():
            getattr(signals, name).connect(receiver, weak=False, dispatch_uid=UID)

    @guarded(None)
    def uninstrument(self, **kwargs: Any) -> None:
        """End; called again it changes nothing.

        Args:
            **kwargs: Ignored.
        """
        del kwargs
        if self._celery is None:
            return
        signals = importlib.import_module("celery.signals")
        for name in SIGNALS:
            getattr(signals, name).disconnect(dispatch_uid=UID)
        self._celery = None

    @guarded(None)
    def _sent(self, headers: MutableMapping[str, Any] | None = None, **_: Any) -> None:
        """Say in a message who asks for the task, unless its sender has done so."""
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
        context = received(
            {name: value for name, value in carrier.items() if value is not None},
            attempt=int(request.retries or 0) + 1,
            redelivered=redelivered,
        )
        context.__enter__()
        self._open[id(request)] = context
        delivered = message.get()
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
    """Return our entry of a request: beside celery's own where it came as a message, else among the custom ones."""
    text = request.get(HEADER)
    if text is None:
        custom: Mapping[str, Any] = request.headers or {}
        text = custom.get(HEADER)
    return text if isinstance(text, str) else None


def _seconds_since(eta: object) -> float | None:
    """Tell how long ago a task was due that was not to run before a time; None when it could run at once."""
    if not isinstance(eta, str):
        return None
    due = datetime.fromisoformat(eta)
    return None if due.tzinfo is None else max(0.0, time.time() - due.timestamp())
