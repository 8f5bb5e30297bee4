"""A sampler that lets span processors see every span without changing which ones are exported.

Spans of other libraries follow the host's sampler: what it drops is not even recorded, so nothing can count it. This
sampler asks the host's own and turns a drop into "record, do not export". Start attributes stay on the span, which
OpenTelemetry's ``AlwaysRecordSampler`` loses, since its built-in samplers empty them when they drop.

::

    OTEL_TRACES_SAMPLER=modeltally_always_record
    OTEL_TRACES_SAMPLER_ARG=parentbased_traceidratio:0.1

or, in code, ``TracerProvider(sampler=AlwaysRecord(ParentBasedTraceIdRatio(0.1)))``. The variables are read by whatever
sets OpenTelemetry up from its environment; a ``TracerProvider()`` made without a sampler knows OpenTelemetry's own
names only.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Decision, Sampler, SamplingResult
from opentelemetry.trace import get_current_span

from modeltally.instrument._guard import problem, swallow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

__all__ = ["AlwaysRecord", "always_record"]

GROUP: Final = "opentelemetry_traces_sampler"
NAME: Final = "modeltally_always_record"
RATIO_SAMPLERS: Final = frozenset({"traceidratio", "parentbased_traceidratio"})
DEFAULT_NAME: Final = "parentbased_always_on"


class AlwaysRecord(Sampler):
    """Asks another sampler, and records what that one drops."""

    def __init__(self, root: Sampler) -> None:
        """Wrap a sampler.

        Args:
            root: The sampler that decides what is exported.
        """
        self._root = root

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide as the wrapped sampler does, except that a drop becomes a record that is not exported.

        A wrapped sampler that raises is counted, and the span is recorded and not exported: without it nobody knows
        whether it was meant to be.
        """
        try:
            result = self._root.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
            if result.decision is not Decision.DROP:
                return result
            # what a sampler returns is meant to be added to what the span starts with
            added = result.attributes
            kept = {**(attributes or {}), **added} if added else attributes
            return SamplingResult(Decision.RECORD_ONLY, kept, result.trace_state)
        except Exception as error:  # noqa: BLE001 - somebody else's code, and the host's call must go on
            swallow("sampler", error)
        return _recorded(parent_context, attributes)

    def get_description(self) -> str:
        """Return the wrapped sampler's description in ours."""
        try:
            return f"AlwaysRecord{{{self._root.get_description()}}}"
        except Exception as error:  # noqa: BLE001 - somebody else's code
            swallow("sampler", error)
            return f"AlwaysRecord{{{type(self._root).__qualname__}}}"


def always_record(argument: str | None = None) -> AlwaysRecord:
    """Make the sampler that ``OTEL_TRACES_SAMPLER=modeltally_always_record`` names. It never raises.

    Args:
        argument: ``OTEL_TRACES_SAMPLER_ARG``: the name of the sampler to wrap, any that ``OTEL_TRACES_SAMPLER`` takes,
            and after a colon that one's own argument: ``parentbased_traceidratio:0.1``. None or empty for
            ``parentbased_always_on``, which is also what an unusable one is replaced by, with a warning.

    Returns:
        The sampler.
    """
    text = "" if argument is None else str(argument).strip()
    name, _, own = text.partition(":")
    try:
        return AlwaysRecord(_find(name.strip().lower() or DEFAULT_NAME, own.strip() or None))
    except Exception as error:  # noqa: BLE001 - a setting must not keep the host from starting
        problem(
            "sampler_argument",
            "OTEL_TRACES_SAMPLER_ARG is %.128r (%s); give a sampler and its argument, such as"
            " parentbased_traceidratio:0.1; %s is used",
            text,
            str(error) if isinstance(error, _UnusableError) else type(error).__qualname__,
            DEFAULT_NAME,
        )
        return AlwaysRecord(DEFAULT_ON)


class _UnusableError(ValueError):
    """The argument names no sampler; the message says why. Never leaves this module."""


def _find(name: str, argument: str | None) -> Sampler:
    """Make the sampler of that name, as OpenTelemetry does."""
    if name == NAME:
        raise _UnusableError("it names this sampler itself")
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        raise _UnusableError("no sampler has that name")
    factory: Any = found.load()
    sampler = factory(_ratio(argument) if name in RATIO_SAMPLERS else argument)
    if not isinstance(sampler, Sampler):
        raise _UnusableError("what has that name is no sampler")
    return sampler


def _ratio(argument: str | None) -> float:
    try:
        ratio = float(argument or "")
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        raise _UnusableError("the ratio is no number from 0 to 1")
    return ratio


def _recorded(parent_context: Context | None, attributes: Attributes) -> SamplingResult:
    """Record without exporting, with the parent's trace state, as OpenTelemetry's own samplers pass it on."""
    try:
        parent = get_current_span(parent_context).get_span_context()
        return SamplingResult(Decision.RECORD_ONLY, attributes, parent.trace_state if parent.is_valid else None)
    except Exception as error:  # noqa: BLE001 - attributes that are no mapping, a span of another kind
        swallow("sampler", error)
        return SamplingResult(Decision.RECORD_ONLY)
