"""Blocks of a page: each asks its own questions, and one that fails or takes long leaves the others alone."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modeltally.errors import ModelTallyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from jinja2 import Environment

    from modeltally.show.page.asking import Asker, Question

__all__ = ["Block", "Page", "written"]

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of a page.

    Attributes:
        name: Its id in the page, and what asks for it alone.
        title: Its heading; empty for none.
        template: Writes it.
        view: Makes of the answers what the template writes.
        questions: What it wants to know, by name.
        note: What stands beside the heading: the window and the zone.
        patience_seconds: How long after the request it waits for answers; None for as long as they take.
        is_live: It is fetched again when something changes.
        span: How wide it is: ``full``, ``half``, ``third``, ``two-thirds``.
        href: Where its heading leads to.
    """

    name: str
    title: str
    template: str
    view: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    questions: Mapping[str, Question] = field(default_factory=dict)
    note: str = ""
    patience_seconds: float | None = None
    is_live: bool = False
    span: str = "full"
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page.

    Attributes:
        title: Its heading, and the name of the tab.
        section: Which link of the menu is this page's.
        blocks: Its parts, in order.
        intro: A sentence below the heading.
        first: Names of questions to ask before all others, by block: ``block.question``.
    """

    title: str
    section: str
    blocks: Sequence[Block]
    intro: str = ""
    first: Sequence[str] = ()


def written(
    page: Page, *, asker: Asker, templates: Environment, shared: Mapping[str, Any], only: Sequence[str] = ()
) -> Iterator[str]:
    """Write a page piece by piece: its head at once, and each block as soon as its answers are there.

    Args:
        page: The page.
        asker: Asks.
        templates: Write.
        shared: What all templates know.
        only: Blocks to write, and nothing else; none for the whole page.

    Yields:
        Pieces of HTML.
    """
    begun = time.monotonic()
    blocks = [block for block in page.blocks if not only or block.name in only]
    waiting = _asked(page, blocks, asker)
    values = {**shared, "page": page}
    if not only:
        yield templates.get_template("head.html").render(values)
    for block in blocks:
        yield _written(block, waiting[block.name], templates=templates, values=values, begun=begun)
    if not only:
        yield templates.get_template("foot.html").render(values)


def _asked(page: Page, blocks: Sequence[Block], asker: Asker) -> dict[str, dict[str, Future[Any]]]:
    """Ask every question, those first that the page names first."""
    wanted = {
        (block.name, name): (question, block.patience_seconds is None and not question.is_optional)
        for block in blocks
        for name, question in block.questions.items()
    }
    order = {tuple(name.split(".", 1)): at for at, name in enumerate(page.first)}
    futures = {}
    for key in sorted(wanted, key=lambda key: order.get(key, len(order))):
        question, is_urgent = wanted[key]
        futures[key] = asker.ask(question, is_urgent=is_urgent)
    return {block.name: {name: futures[block.name, name] for name in block.questions} for block in blocks}


def _written(
    block: Block,
    waiting: Mapping[str, Future[Any]],
    *,
    templates: Environment,
    values: Mapping[str, Any],
    begun: float,
) -> str:
    shell = {**values, "block": block, "error": "", "is_late": False, "is_whole": True}
    try:
        answers, is_whole = _answers(block, waiting, begun)
        return templates.get_template(block.template).render({**shell, "is_whole": is_whole, **block.view(answers)})
    except TimeoutError:
        return templates.get_template("block.html").render({**shell, "is_late": True})
    except ModelTallyError as error:
        return templates.get_template("block.html").render({**shell, "error": str(error)})
    except Exception:
        _LOGGER.exception("the block %s of the page %s failed", block.name, values["page"].section)
        return templates.get_template("block.html").render(
            {**shell, "error": "this block failed, which is a mistake of ours; the server's log has the details"}
        )


def _answers(block: Block, waiting: Mapping[str, Future[Any]], begun: float) -> tuple[dict[str, Any], bool]:
    """Wait for answers; the optional ones that are not there by then are None. Tells whether all are there."""
    found: dict[str, Any] = {}
    is_whole = True
    for name, future in waiting.items():
        if not block.questions[name].is_optional:
            found[name] = future.result(_left(block, begun))
    for name, future in waiting.items():
        if block.questions[name].is_optional:
            found[name] = future.result() if future.done() and future.exception() is None else None
            is_whole = is_whole and future.done()
    return found, is_whole


def _left(block: Block, begun: float) -> float | None:
    if block.patience_seconds is None:
        return None
    return max(begun + block.patience_seconds - time.monotonic(), 0.0)
