"""Blocks of the design documents run as they stand, with only imports mapped and placeholders given."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from compat.blocks import LISTED, RUN, Block, base_namespace
from compat.documents import DOCUMENTS, fenced, run

if TYPE_CHECKING:
    from modeltally.testing import Captured

pytestmark = pytest.mark.skipif(
    not DOCUMENTS.is_dir(),
    reason=f"{DOCUMENTS} is missing: name the folder of the design documents in MODELTALLY_SEEDS",
)


def run_block(block: Block, captured: Captured) -> None:
    """Run a block, then look at what it did."""
    language, text = fenced(block.document)[block.ordinal - 1]

    async def whole() -> None:
        namespace = base_namespace() | block.given()
        if language == "python":
            await run(text, namespace, block.imports)
        await block.then(namespace, captured)

    asyncio.run(whole())


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(
            block,
            id=block.id,
            marks=[pytest.mark.slow(seconds=block.seconds, why=block.why)] if block.seconds else [],
        )
        for block in RUN
    ],
)
def test_block_runs(block: Block, captured: Captured) -> None:
    """A block of the documents runs and does what it says."""
    assert fenced(block.document)[block.ordinal - 1][0] in {"python", "bash", "json"}
    run_block(block, captured)


def test_every_block_is_accounted_for() -> None:
    """Each block of each document runs, or is listed with its reason."""
    named = [(block.document, block.ordinal) for block in (*RUN, *LISTED)]
    found = [(document, at + 1) for document in range(1, 6) for at in range(len(fenced(document)))]
    assert sorted(named) == found
    assert all(block.reason for block in LISTED)
    assert not any(fenced(block.document)[block.ordinal - 1][0] == "python" for block in LISTED[1:])
