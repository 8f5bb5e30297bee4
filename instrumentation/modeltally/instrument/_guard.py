"""The guard around all code of ours: it catches, counts, and logs at most once a minute per place.

Telemetry must never break the call it watches. Whatever can fail runs inside :func:`guarded`, or in a ``try`` that
calls :func:`swallow`; the user's own function always runs outside of both.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import signal
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from modeltally.instrument._lock import Lock

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["guarded", "internal_error", "log", "log_info", "problem", "problem_kinds", "problems", "swallow"]

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")

log = logging.getLogger("modeltally")

LOG_INTERVAL_SECONDS = 60.0
MAX_KIND = 40
MAX_KINDS = 24  # told to others
_NOT_A_NAME = re.compile("[^a-z]+")

_lock = Lock()  # a signal handler may use the library while we count
_counts: dict[str, int] = {}
_logged_at: dict[str, float] = {}


def problem(site: str, message: str, *arguments: object) -> None:
    """Count a problem; log it at most once a minute per site.

    Args:
        site: A short constant naming the kind of problem.
        message: What, which value, what to do; ``%``-style.
        *arguments: Plain scalars for the message, never a caller's object.
    """
    for _ in _lock.taken:
        try:
            _counts[site] = _counts.get(site, 0) + 1
            now = time.monotonic()
            if now - _logged_at.get(site, -LOG_INTERVAL_SECONDS) < LOG_INTERVAL_SECONDS:
                return
            _logged_at[site] = now
        finally:
            _lock.release()
        break
    with contextlib.suppress(Exception):  # a logging handler of the host's: the log must not break what it tells of
        log.warning(message, *arguments)


def log_info(message: str, *arguments: object) -> None:
    """Log something worth knowing; ``%``-style."""
    with contextlib.suppress(Exception):  # as above
        log.info(message, *arguments)


def internal_error(site: str, error: BaseException) -> None:
    """Count an error of our own; the log names its class and place, never its message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "unknown place"
    problem(site, "internal error in %s: %s at %s; the call goes on", site, type(error).__qualname__, place)


def problems() -> dict[str, int]:
    """Return how often each problem was counted in this process."""
    counts: dict[str, int] = {}
    for _ in _lock.taken:
        try:
            counts.update(_counts)
        finally:
            _lock.release()
        break
    return counts


def problem_kinds() -> dict[str, int]:
    """Return the same counts by names that are valid in an attribute name: small letters and underscores."""
    kinds: dict[str, int] = {}
    for site, count in problems().items():
        kind = _NOT_A_NAME.sub("_", site.lower()).strip("_")[:MAX_KIND] or "other"
        kind = kind if kind in kinds or len(kinds) < MAX_KINDS else "other"
        kinds[kind] = kinds.get(kind, 0) + count
    return kinds


def swallow(site: str, error: Exception) -> None:
    """Count an error of our own and let the call go on; the hot path calls this from a ``try`` of its own.

    Args:
        site: Where it happened.
        error: What happened.
    """
    if _is_from_a_signal(error):
        raise error  # a time limit of the host's, which happened to run out while it was in our code
    try:  # noqa: SIM105 - `suppress` is a call, which fails too at the recursion limit
        internal_error(site, error)
    except Exception:  # noqa: BLE001, S110 - a logging handler or the recursion limit: nothing is left to do
        pass


def _is_from_a_signal(error: Exception) -> bool:
    """Return whether a signal handler of the host raised the exception: then it is not ours to swallow."""
    try:
        codes = set()
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            codes.add(getattr(getattr(handler, "__func__", handler), "__code__", None))
        codes.discard(None)
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code in codes:
                return True
            trace = trace.tb_next
    except Exception:  # noqa: BLE001 - the recursion limit: most probably it is ours
        return False
    return False


def guarded(default: D) -> Callable[[Callable[P, R]], Callable[P, R | D]]:
    """Keep a function of ours from raising into the caller.

    Args:
        default: What the function returns when it failed.

    Returns:
        A decorator.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R | D]:
        site = function.__qualname__

        @functools.wraps(function)
        def guard(*args: P.args, **kwargs: P.kwargs) -> R | D:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the guard exists to catch everything
                swallow(site, error)
                return default

        return guard

    return decorate


def after_fork() -> None:
    """Give a forked child a free lock and counts of its own."""
    global _lock  # noqa: PLW0603 - the parent's lock may be held by a thread that does not exist here
    _lock = Lock()
    _counts.clear()


def reset() -> None:
    """Forget what was counted and what was logged."""
    for _ in _lock.taken:
        try:
            _counts.clear()
            _logged_at.clear()
        finally:
            _lock.release()
        break
