"""Operations inside operations, and inside the host's spans."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import modeltally

if TYPE_CHECKING:
    from collections.abc import Generator

    from modeltally.testing import Captured


def test_inner_request_is_nested_when_inside_another(seen: Captured) -> None:
    """A request inside a request is marked, shares the trace, and has the outer as its parent."""
    with modeltally.model_request("outer"), modeltally.model_request("inner"):
        pass
    inner, outer = seen.spans()
    assert inner.attributes is not None
    assert outer.attributes is not None
    assert inner.context is not None
    assert outer.context is not None
    assert inner.parent is not None
    assert inner.attributes["modeltally.nested"] is True
    assert "modeltally.nested" not in outer.attributes
    assert inner.context.trace_id == outer.context.trace_id
    assert inner.parent.span_id == outer.context.span_id
    assert outer.parent is None


def test_other_kinds_are_not_nested_when_inside_a_request(seen: Captured) -> None:
    """A load inside a request is an operation of its own; so is a pattern inside a pattern."""
    with modeltally.model_request("m"), modeltally.load("m"):
        pass
    with modeltally.pattern_run("a"), modeltally.pattern_run("b"):
        pass
    assert all("modeltally.nested" not in attributes for attributes in seen.all())


def test_request_is_nested_when_a_load_lies_between(seen: Captured) -> None:
    """The nearest enclosing operation of the same kind counts, not only the nearest."""
    with modeltally.model_request("a"), modeltally.load("b"), modeltally.model_request("c"):
        pass
    assert [attributes.get("modeltally.nested") for attributes in seen.all()] == [True, None, None]


def test_inner_hands_facts_when_outer_lacks_them(seen: Captured) -> None:
    """The outer of the same kind learns what the inner knew, and keeps what it knew itself."""
    with modeltally.model_request("outer", input_tokens=1), modeltally.model_request("inner") as inner:
        inner.set(input_tokens=10, output_tokens=20, response_model="m-2024", time_to_first_chunk_seconds=0.5)
    outer = seen.all()[1]
    assert outer["gen_ai.usage.input_tokens"] == 1
    assert outer["gen_ai.usage.output_tokens"] == 20
    assert outer["gen_ai.response.model"] == "m-2024"
    assert outer["gen_ai.response.time_to_first_chunk"] == 0.5


def test_nothing_is_handed_when_kinds_differ(seen: Captured) -> None:
    """A pattern run does not get its requests' tokens: summing both would count twice."""
    with modeltally.pattern_run("p"), modeltally.model_request("m", output_tokens=20):
        pass
    assert "gen_ai.usage.output_tokens" not in seen.all()[1]


def test_task_that_outlives_its_request_is_not_nested(seen: Captured) -> None:
    """Work started inside a request and still going when it is over is not part of it, but of its trace."""

    async def later() -> None:
        await over.wait()
        with modeltally.model_request("late"):
            pass

    async def main() -> None:
        with modeltally.model_request("first"):
            task = asyncio.create_task(later())
            await asyncio.sleep(0)
        over.set()
        await task

    over = asyncio.Event()
    asyncio.run(main())
    first, late = seen.spans()
    assert first.context is not None
    assert late.context is not None
    assert late.attributes is not None
    assert "modeltally.nested" not in late.attributes
    assert late.context.trace_id == first.context.trace_id


def test_record_is_nested_when_made_inside_an_operation(seen: Captured) -> None:
    """A callback that reports a request made by the watched code does not count it twice."""
    with modeltally.model_request("outer"):
        modeltally.record("model.request", started_at=1, ended_at=2, model="inner", source="auto")
        modeltally.record("model.request", started_at=1, ended_at=2, model="import", operation_id="1")
    inner, imported, _ = seen.all()
    assert inner["modeltally.nested"] is True
    assert "modeltally.nested" not in imported


def test_memory_is_freed_when_operations_chain_through_tasks(seen: Captured) -> None:
    """Each task starts the next from inside its operation: finished ones must not pile up behind one another."""
    depths: list[int] = []

    async def step(left: int) -> None:
        with modeltally.model_request("m") as operation:
            depths.append(depth_of(operation))
            task = asyncio.create_task(wait_then_step(left - 1)) if left else None
        over.append(True)
        if task is not None:
            await task

    async def wait_then_step(left: int) -> None:
        await asyncio.sleep(0)
        await step(left)

    over: list[bool] = []
    asyncio.run(step(50))
    assert len(seen.spans()) == 51
    assert max(depths) == 0


def watched(model: str) -> Generator[int, None, None]:
    """Keep an operation open between two steps."""
    with modeltally.model_request(model):
        yield 1
        yield 2


def test_nothing_stays_current_when_operations_end_in_another_order(seen: Captured) -> None:
    """Generators stepped in turns each hold one open: afterwards none is the parent of what follows."""
    for _ in zip(watched("a"), watched("b"), strict=True):
        pass
    assert modeltally.current_operation().trace_id == 0
    with modeltally.model_request("after"):
        pass
    after = seen.spans()[-1]
    assert after.parent is None


def test_nothing_stays_current_when_the_inner_operation_ends_last(seen: Captured) -> None:
    """A generator given up after the operation around it is over does not bring that one back."""
    with modeltally.model_request("outer"):
        chunks = watched("inner")
        next(chunks)
    assert modeltally.current_operation().trace_id == 0
    chunks.close()
    assert modeltally.current_operation().trace_id == 0
    assert [attributes["modeltally.model.id"] for attributes in seen.all()] == ["outer", "inner"]


def test_one_watch_counts_each_operation_when_they_end_in_another_order(seen: Captured) -> None:
    """Two generators may share the object that watches."""
    watch = modeltally.model_request("m")

    def steps() -> Generator[int, None, None]:
        with watch:
            yield 1
            yield 2

    for _ in zip(steps(), steps(), strict=True):
        pass
    assert len(seen.spans()) == 2
    assert modeltally.current_operation().trace_id == 0


def test_memory_is_freed_when_the_outer_operation_ends_later(seen: Captured) -> None:
    """Each task begins while the one that started it still runs: no chain of them stays behind when all have ended."""
    operations: list[modeltally.Operation] = []

    async def step(left: int) -> None:
        with modeltally.model_request("m") as operation:
            operations.append(operation)
            task = asyncio.create_task(step(left - 1)) if left else None
            await asyncio.sleep(0)
        if task is not None:
            await task

    asyncio.run(step(20))
    assert len(seen.spans()) == 21
    assert max(depth_of(operation) for operation in operations) <= 1


def depth_of(operation: modeltally.Operation) -> int:
    """Count the operations that one keeps alive."""
    depth, outer = 0, operation.outer
    while outer is not None:
        depth, outer = depth + 1, outer.outer
    return depth
