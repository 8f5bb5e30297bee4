"""One fuzzed case: an object at an entry point, run without the library and with it, and compared.

A scenario uses a function or a context manager and notes what it sees. It runs once with the bare function and once
with the wrapped one; what is returned, yielded and raised must be the same objects, and an exception must have passed
the same lines of the host's code.
"""

from __future__ import annotations

import contextlib
import random
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

import modeltally
from chaos.instrument import hostile, hostile_objects
from modeltally.instrument import _followed, _names

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_STEPS", "WATCHES", "Case", "Decorate", "Event", "bare"]

Event = tuple[str, Any]
Decorate = Callable[[Any], Any]
Scenario = Callable[[Decorate, list[Event]], None]

WATCHES: Final = tuple(
    getattr(modeltally, name)
    for name in ("model_request", "download", "load", "unload", "offload", "health_check", "pattern_run")
    if hasattr(modeltally, name)
)
KEYWORDS: Final = (*_names.ATTRIBUTES, _names.USER_KEYWORD, *_names.PROMPT_KEYWORDS)
ODD_NAMES: Final = ("", "modeltally.outcome", "a\udcff", "x" * 10_000, "self_", "kind", "error.type", "gen_ai.x", "\0")
HOST_SPAN: Final = NonRecordingSpan(SpanContext(7, 9, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
MAX_STEPS: Final = 50

_get_context: Final = BaseException.__dict__["__context__"]
_get_cause: Final = BaseException.__dict__["__cause__"]
_get_traceback: Final = BaseException.__dict__["__traceback__"]
_arguments: Final = BaseException.__dict__["args"].__get__


def bare(function: Any) -> Any:
    """Leave a function as it is."""
    return function


class Case:
    """One object at one entry point.

    Attributes:
        number: Which case of the run it is.
        source: Its own source of chance.
        thing: The object.
        error: The object as something to raise.
        problems: What was not as it must be.
        are_lines_compared: Whether an exception must have passed the same lines.
        is_at_limit: Whether the recursion limit is near.
        in_the_middle: What else happens in the middle of the host's function.
        host_span: The host's current span.
    """

    def __init__(self, number: int, seed: int, family: str) -> None:
        """Make the object."""
        self.number = number
        self.source = random.Random(f"{seed}:{number}")
        self.thing = hostile.FAMILIES[family](self.source)
        self.error = hostile.as_error(self.thing)
        self.problems: list[str] = []
        self.does_raise = self.source.random() < 0.4
        self.is_interrupting = family == "interrupting"
        self.are_lines_compared = family != "metaclasses"  # the interpreter itself asks those, here or there
        self.is_at_limit = False  # near the recursion limit the wrapped call may reach it a few frames sooner
        self.in_the_middle: Callable[[], None] | None = None
        self.host_span: Any = HOST_SPAN if self.source.random() < 0.5 else trace.get_current_span()
        self._is_in_span = False
        self._context = _get_context.__get__(self.error)
        self._script = [self._action() for _ in range(self.source.randrange(3))]

    def avoid_generator_exit(self) -> None:
        """Throw something else: it closes what a generator delegates to (PEP 380), with us as well."""
        if issubclass(type(self.error), GeneratorExit):
            self.error = hostile_objects.HostError(hostile_objects.TAG)
            self._context = None

    # what the host's code does

    def act(self) -> None:
        """Do in the middle of the host's function what a host may do there."""
        if self._is_in_span and trace.get_current_span() is not self.host_span:
            self.problems.append("the host's current span is another one inside the call")
        operation = modeltally.current_operation()
        for action in self._script:
            action(operation)
        if self.in_the_middle is not None:
            self.in_the_middle()

    def finish(self) -> Any:
        """Act, then return the object or raise it."""
        self.act()
        if self.does_raise:
            raise self.error
        return self.thing

    def values(self) -> dict[str, Any]:
        """Make keywords for a wrapper, with the object among their values."""
        made = {self.source.choice(KEYWORDS): self.thing, "output_tokens": 1}
        if self.source.random() < 0.2:
            made[self.source.choice(ODD_NAMES)] = self.thing
        return made

    def subject(self) -> Any:
        """Choose a model's name; no function, which would be taken for one decorated without parentheses."""
        kind = type(self.thing)
        is_function = kind is types.FunctionType or kind is types.MethodType or kind is types.BuiltinFunctionType
        return self.thing if self.source.random() < 0.5 and not is_function else "model"

    def watch(self) -> Any:
        """Make a watch with the object among its arguments."""
        return self.source.choice(WATCHES)(self.subject(), **self.values())

    def decorate(self, function: Any) -> Any:
        """Wrap a function."""
        return self.watch()(function)

    def _action(self) -> Callable[[Any], None]:
        kind, name = self.source.randrange(5), self.source.choice(("acme.x", *ODD_NAMES))
        values = self.values() if kind == 0 else {}
        if kind == 0:
            return lambda operation: operation.set(**values)
        if kind == 1:
            return lambda operation: operation.set_attribute(name, self.thing)
        if kind == 2:
            return lambda operation: operation.set_attribute(self.thing, 1)
        if kind == 3:
            return lambda operation: operation.failed(self.thing)
        return lambda operation: operation.partial()

    # how it is compared

    def compare(self, scenario: Scenario) -> None:
        """Run a scenario without the library and with it."""
        expected, seen = self._run(scenario, bare), self._run(scenario, self.decorate)
        if any(self._is_interrupted(event) for event in (*expected, *seen)):
            return  # what comes after it is another story in each run
        for index, (one, other) in enumerate(zip(expected, seen, strict=False)):
            if not _is_same(one, other, are_lines_compared=self.are_lines_compared):
                self.problems.append(f"event {index}: {_shown(other)} instead of {_shown(one)}")
                return
        if len(expected) != len(seen):
            self.problems.append(f"{len(seen)} events instead of {len(expected)}: {[_shown(item) for item in seen]}")

    def _is_interrupted(self, event: Event) -> bool:
        """Tell whether an event is an interruption from inside an object, or the recursion limit near it."""
        kind, what = event
        is_expected = self.is_interrupting or self.is_at_limit
        return is_expected and (kind == "caught" or (kind == "raised" and self._may_raise(what[0])))

    def is_interruption(self, error: BaseException) -> bool:
        """Tell whether an exception came from inside the object, to interrupt whatever ran."""
        return self.is_interrupting and error is not self.error and self._may_raise(error)

    def call(self, action: Callable[[], Any]) -> Any:
        """Call a function of the library's, which must not raise."""
        try:
            return action()
        except BaseException as error:  # noqa: BLE001 - what the case is about
            if not self._may_raise(error):
                self.problems.append(f"foreign exception: {_shown(('raised', note(error)))}")
            return None

    def attempt(self, seen: list[Event], action: Callable[[], Any]) -> Any:
        """Call a function that may raise, and note what it did."""
        try:
            result = action()
        except BaseException as error:  # noqa: BLE001 - compared afterwards
            seen.append(("raised", note(error)))
            return None
        seen.append(("returned", result))
        return result

    def _run(self, scenario: Scenario, decorate: Decorate) -> list[Event]:
        _get_traceback.__set__(self.error, None)
        _get_context.__set__(self.error, self._context)
        seen: list[Event] = []
        try:
            with self._in_span():
                self._is_in_span = not self.is_at_limit  # where even the harness may fail
                scenario(decorate, seen)
        except BaseException as error:  # noqa: BLE001 - it came from where the scenario expected none
            seen.append(("raised", note(error)))
        self._is_in_span = False
        return seen

    @contextlib.contextmanager
    def _in_span(self) -> Iterator[None]:
        if self.host_span is HOST_SPAN:
            with use_span(HOST_SPAN, record_exception=False, set_status_on_exception=False):
                yield
        else:
            yield

    def _may_raise(self, error: BaseException) -> bool:
        """Tell whether an exception is the host's own affair wherever it comes from.

        What is no Exception interrupts whatever runs, as Ctrl-C does, and must reach the host; near the recursion
        limit the wrapped call may reach it a few frames sooner.
        """
        if self.is_at_limit and issubclass(type(error), RecursionError):
            return True
        return not issubclass(type(error), Exception) and hostile_objects.is_hosts(error)


def note(error: BaseException) -> tuple[BaseException, Any, list[tuple[str, int]]]:
    """Keep of an exception what must be the same: itself, its context, and the host's lines that it passed."""
    lines = []
    step: types.TracebackType | None = _get_traceback.__get__(error)
    while step is not None:
        code = step.tb_frame.f_code
        if "/tests/chaos/instrument/" in code.co_filename and code.co_name not in _HARNESS:
            lines.append((code.co_qualname, step.tb_lineno))
        step = step.tb_next
    return error, (_get_context.__get__(error), _get_cause.__get__(error)), lines


_HARNESS: Final = frozenset({"attempt", "call", "_run"})


def _is_same(one: Event, other: Event, *, are_lines_compared: bool) -> bool:
    if one[0] != other[0]:
        return False
    if one[0] != "raised":
        return one[1] is _stood_for(other[1])
    (error, origins, lines), (found, found_origins, found_lines) = one[1], other[1]
    if error is not found:
        is_fresh = bool(lines) and lines[-1:] == found_lines[-1:]  # raised by an object's method, in each run anew
        if type(error) is not type(found) or (_is_other(error, found) and not is_fresh):
            return False
    are_origins_same = error is not found or all(
        first is second or (type(first) is type(second) and not hostile_objects.is_hosts(first))
        for first, second in zip(origins, found_origins, strict=True)
    )
    return are_origins_same and (lines == found_lines or not are_lines_compared)


def _stood_for(result: Any) -> Any:
    """Give what a function returned: a client library's stream object is handed out as its stand-in."""
    return result.__wrapped__ if issubclass(type(result), _followed._Stream) else result


def _is_other(error: BaseException, found: BaseException) -> bool:
    """Tell two exceptions apart that the interpreter may have made once for each run."""
    if hostile_objects.is_hosts(error):
        return True
    return [argument for argument in _arguments(error) if type(argument) is str] != [
        argument for argument in _arguments(found) if type(argument) is str
    ]


def _shown(event: Event) -> str:
    kind, what = event
    if kind != "raised":
        return f"{kind} a {object.__repr__(what)[:80]}"
    error, _, lines = what
    step = _get_traceback.__get__(error)
    place = ""
    while step is not None:
        place = f"{step.tb_frame.f_code.co_filename.rpartition('/')[2]}:{step.tb_lineno}"
        step = step.tb_next
    texts = [argument[:80] for argument in _arguments(error) if type(argument) is str]
    return f"raised {type.__getattribute__(type(error), '__qualname__')}{texts} at {place} past {lines}"
