"""More entry points: what is told of operations, recorded afterwards, carried to other processes, and configured."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, Any, Final

import modeltally
from chaos.instrument.case import WATCHES, Case, Decorate, Event
from modeltally.instrument._config import Config
from modeltally.instrumentors import patched, watching

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MORE_ENTRIES", "configured"]

OPERATIONS: Final = ("model.request", "model.load", "pattern.run", "acme.upscale", "nonsense")
SETTINGS: Final = tuple(setting.name for setting in dataclasses.fields(Config) if setting.init)
configured: list[Callable[[], None]] = []  # how to configure the library again as the run wants it


def set_(case: Case) -> None:
    """Tell more of an operation, under keywords that exist and that do not."""
    with case.source.choice(WATCHES)("m") as operation:
        for _ in range(3):
            case.call(lambda: operation.set(**case.values()))


def set_attribute(case: Case) -> None:
    """Set an attribute, the object as its value and as its name."""
    with case.source.choice(WATCHES)("m") as operation:
        case.call(lambda: operation.set_attribute("acme.value", case.thing))
        case.call(lambda: operation.set_attribute(case.thing, case.thing))


def settle(case: Case) -> None:
    """Say how it ended, more than once."""
    with case.source.choice(WATCHES)("m") as operation:
        for _ in range(2):
            settles: tuple[Callable[[], Any], ...] = (
                lambda: operation.failed(case.thing),
                operation.partial,
                operation.cancel,
                lambda: operation.end(case.error),
                operation.end,
            )
            case.call(case.source.choice(settles))


def record(case: Case) -> None:
    """Record an operation that is over."""
    arguments: dict[str, Any] = {"started_at": 1, "ended_at": 2, "output_tokens": 1}
    for name in case.source.sample(
        ["started_at", "ended_at", "outcome", "error_type", "operation_id", "source", *case.values()], 2
    ):
        arguments[name] = case.thing
    arguments["source"] = "import" if arguments.get("source") is None else arguments["source"]
    operation = case.thing if case.source.random() < 0.2 else case.source.choice(OPERATIONS)
    case.call(lambda: modeltally.record(operation, **arguments))


def evaluate(case: Case) -> None:
    """Judge an operation."""
    good: dict[str, Any] = {"ref": modeltally.OperationRef("model.request", "1" * 32, "2" * 16, 3)}
    arguments = {**good, "name": "taste", "score": 0.5, "source": "user"}
    for name in case.source.sample(list(arguments), 2):
        arguments[name] = case.thing
    case.call(lambda: modeltally.evaluate(arguments.pop("ref"), **arguments))
    odd = modeltally.OperationRef(case.thing, case.thing, case.thing, case.thing)
    case.call(lambda: modeltally.evaluate(odd, name="taste", score=1))


def configure(case: Case) -> None:
    """Configure with the object among the arguments; then as before."""
    name = case.source.choice(SETTINGS)
    arguments = {} if name == "exporter" else {"exporter": Nowhere()}
    case.call(lambda: modeltally.configure(**{**arguments, name: case.thing}))
    case.call(lambda: _enter(modeltally.model_request("m", prompt="x", user="u")))
    if case.source.random() < 0.2:
        case.call(lambda: modeltally.shutdown(case.thing))
    for again in configured:
        again()


class Nowhere:
    """An exporter that takes everything."""

    def export(self, spans: Any) -> Any:
        """Say that it worked."""
        from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415 - as late as the library does

        del spans
        return SpanExportResult.SUCCESS


def ask(case: Case) -> None:
    """Ask for the current operation and the counters; flush, with the object as time limit."""
    operation = case.call(modeltally.current_operation)
    case.call(lambda: operation.set(**case.values()))
    case.call(lambda: operation.set_attribute("acme.x", case.thing))
    case.call(lambda: operation.end(case.error))
    counters = case.call(modeltally.counters)
    if counters is not None and min(counters.started, counters.finished, counters.in_flight, counters.lost) < 0:
        case.problems.append(f"a count is below zero: {counters}")
    if type(case.thing) is not float or not case.thing > 1:  # a number is a time limit, and is waited for
        case.call(lambda: modeltally.flush(case.thing))


def operation(case: Case) -> None:
    """Watch operations of the host's own kind, with the object as name, model or value."""
    names = (case.thing, "acme.upscale", "model.request", "Acme")

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        name = case.source.choice(names)

        def wrap(function: Any) -> Any:
            if decorate != case.decorate:
                return function
            return modeltally.operation(name, case.subject(), **case.values())(function)

        @wrap
        def host() -> Any:
            return case.finish()

        case.attempt(seen, host)

    case.compare(scenario)
    with contextlib.suppress(GeneratorExit):  # some objects are it
        case.call(lambda: _enter(modeltally.operation(case.source.choice(names), case.subject(), **case.values())))


def _enter(watch: Any) -> None:
    with watch as entered:
        entered.set(task="x")


def begin(case: Case) -> None:
    """Drive an operation by hand, in any order, with the object everywhere."""
    name = case.thing if case.source.random() < 0.2 else case.source.choice(OPERATIONS)
    is_queued = case.source.choice((True, False, case.thing))
    begun = case.call(lambda: modeltally.begin(name, case.subject(), queued=is_queued, **case.values()))
    if begun is None:
        return
    steps: tuple[Callable[[], Any], ...] = (
        begun.start,
        lambda: begun.progress(case.thing),
        lambda: begun.mark(case.thing),
        lambda: begun.mark("first"),
        lambda: begun.set(**case.values()),
        lambda: begun.failed(case.thing),
        lambda: begun.fail(case.thing),
        lambda: begun.fail(case.error),
        begun.finish,
        begun.cancel,
        lambda: _inside(begun, case),
    )
    for _ in range(case.source.randrange(6)):
        case.call(case.source.choice(steps))


def _inside(begun: Any, case: Case) -> None:
    with begun.inside():
        case.act()


def inject(case: Case) -> None:
    """Put what is known into a carrier that may be anything."""
    carrier = case.thing if case.source.random() < 0.5 else {}
    values = dict.fromkeys(case.source.sample(["user", "project", "attempt", "session_id", "x"], 3), case.thing)
    if carrier is case.thing and type(carrier) is dict:
        carrier = {}  # it is shared by many cases
    with case.source.choice(WATCHES)("m", user="u"):
        case.call(lambda: _same(case, modeltally.inject(carrier, **values), carrier))


def _same(case: Case, result: Any, carrier: Any) -> None:
    if result is not carrier:
        case.problems.append("inject() returned another carrier")


def extract(case: Case) -> None:
    """Work on a message whose headers are anything."""
    headers = case.source.choice(
        [case.thing, {"modeltally-context": case.thing}, {"Modeltally-Context": case.thing}, {case_key(case): "x"}]
    )

    def block() -> None:
        with modeltally.extract(headers, attempt=case.source.choice((None, case.thing)), redelivered=case.thing):
            with modeltally.model_request("m"):
                pass
            modeltally.inject({})

    case.call(block)


def case_key(case: Case) -> Any:
    """Return the object if it can be a key."""
    kind = type(case.thing)
    return case.thing if any(kind is one for one in (str, int, float, bytes)) else "x"


def live(case: Case) -> None:
    """Ask for the last hour."""
    case.call(lambda: modeltally.live(case.thing))
    figures = case.call(modeltally.live)
    if figures is not None and not hasattr(figures, "keys"):
        case.problems.append("live() returned no mapping")


def adapter(case: Case) -> None:
    """Call a library's function through an adapter that reads the object, raises, or says nonsense."""

    def say(call: Any, *_: Any) -> Any:
        does = case.source.randrange(5)
        if does == 0:
            raise ValueError("an adapter's own mistake")
        if does == 1:
            return case.thing
        if does == 2:
            return None
        return {"model": call.argument("what", "other"), "prompt": case.thing.text, **case.values()}

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        class Library:
            def paint(self, what: Any, /, *rest: Any, other: Any = None) -> Any:
                del what, rest, other
                return case.finish()

        if decorate == case.decorate:
            around = watching(case.source.choice(("model.request", "model.load")), say, say)
            patched(Library, "paint", around, is_on=lambda: True).install()
        case.attempt(seen, lambda: Library().paint(case.thing, case.thing, other=case.thing))

    case.compare(scenario)


def toggled(case: Case) -> None:
    """Switch telemetry off and on in the middle of a stream."""

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        @decorate
        def host() -> Any:
            yield case.thing
            yield case.finish()

        chunks = host()
        try:
            case.attempt(seen, lambda: next(chunks))
            os.environ["MODELTALLY_DISABLED"] = case.source.choice(["1", "nonsense", ""])
            case.attempt(seen, lambda: next(chunks))
        finally:
            os.environ.pop("MODELTALLY_DISABLED", None)
        case.attempt(seen, lambda: next(chunks))

    case.compare(scenario)


_NEWER: Final = {"operation": operation, "begin": begin, "inject": inject, "extract": extract, "live": live}

MORE_ENTRIES: Final[dict[str, Callable[[Case], None]]] = {
    "set": set_,
    "set_attribute": set_attribute,
    "failed, end": settle,
    "record": record,
    "evaluate": evaluate,
    "configure": configure,
    "ask, flush": ask,
    "kill switch": toggled,
    **{name: entry for name, entry in _NEWER.items() if hasattr(modeltally, name)},
    "adapter": adapter,
}
MISSING: Final = tuple(name for name in _NEWER if not hasattr(modeltally, name))
