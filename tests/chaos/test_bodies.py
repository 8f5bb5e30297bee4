"""Damaged bodies get the verdict of the Collector's own decoder, and harm nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chaos.bodies import JUDGE, MISSING, Found, compare, judged, run, why_strict
from receiver.bodies import body, otlp_json, request

if TYPE_CHECKING:
    from pathlib import Path

SEED = 3
BODIES = 6000


@pytest.mark.slow(seconds=40, why="6,000 bodies, and the Collector's own decoder")
def test_the_verdict_on_damaged_bodies_is_the_decoders(tmp_path: Path) -> None:
    """Of both signals and encodings: none is a 5xx or hangs, none that the decoder takes is refused, check is clean."""
    if not JUDGE.is_file():
        pytest.skip(MISSING)
    found = run(tmp_path / "data", bodies=BODIES, seed=SEED)
    assert found.wrong == [], f"seed {SEED}"
    assert found.statuses.total() == BODIES
    assert all(found.statuses[kind, status] > BODIES // 40 for kind in "tTmM" for status in (200, 400))
    assert found.lenient.total() < BODIES // 20


@pytest.mark.slow(seconds=1, why="the Collector's own decoder")
def test_the_decoder_judges() -> None:
    """The program takes what is whole and says what is wrong with the rest."""
    if not JUDGE.is_file():
        pytest.skip(MISSING)
    whole, text = body(), otlp_json(request())
    said = judged([("t", whole), ("T", text), ("t", whole[:-1]), ("T", text[:-9]), ("m", b"\x0a"), ("M", b"[]")])
    assert [not words for words in said] == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("kind", "content", "status", "said"),
    [
        ("t", b"", 500, ""),
        ("t", b"", 0, ""),
        ("t", body(), 400, ""),
        ("T", b"{}", 400, ""),
        ("T", b"{}", 200, "what nobody has thought of"),
    ],
)
def test_a_wrong_verdict_is_seen(kind: str, content: bytes, status: int, said: str) -> None:
    """The comparison can fail: a 5xx, no answer, and each difference without a reason are found."""
    found = Found()
    compare(found, kind, content, status, said)
    assert len(found.wrong) == 1


def test_what_is_rightly_refused_has_its_reason() -> None:
    """Two quirks of the decoder are no OTLP: groups that others end, and brackets for commas."""
    assert why_strict("t", b"\x1b\x24" + body()) is not None
    assert why_strict("T", b'{"resourceSpans": [{} [{}]}') is not None
    assert why_strict("T", b'{"resourceSpans": [{},,"x": 1}]}') is not None
    assert why_strict("T", b'{"resourceSpans": [}') is None
