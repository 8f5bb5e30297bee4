"""Which libraries are instrumented in a service started here, and why the others are not."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from modeltally.doctor.findings import ok, warn
from modeltally.instrument.libraries._installed import found
from modeltally.instrument.zero_code import LIBRARIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.doctor.findings import Finding
    from modeltally.instrument.libraries._instrumentor import Instrumentor

__all__ = ["examine_libraries"]

_AREA: Final = "libraries"


def examine_libraries() -> Iterator[Finding]:
    """Look for each library there is an instrumentor for: installed, known, left out."""
    every = found()
    missing = [each.library for each in every if each.instrumentor is None]
    for each in every:
        if each.instrumentor is not None:
            yield _judge(each.library, each.instrumentor, left_out=each.left_out)
    if missing:
        yield ok(_AREA, f"not installed here, else instrumented: {', '.join(missing)}")
    if not os.environ.get(LIBRARIES) and len(missing) < len(every):
        yield ok(_AREA, "instrumented where a service is started with `modeltally run`, or calls auto_instrument()")


def _judge(library: str, instrumentor: Instrumentor, *, left_out: str) -> Finding:
    named = f"{library} {_version(instrumentor.distribution or library)}"
    first, last = instrumentor.versions
    if left_out:
        return ok(_AREA, f"{named}: left out by {left_out}")
    if instrumentor.unknown_version() is not None:
        return warn(
            _AREA,
            f"{named} is not instrumented: versions from {first} up to, not including, {last} are known;"
            f" {instrumentor.loss}",
            "update modeltally, or install a version that is known",
        )
    return ok(_AREA, f"{named}: instrumented ({first} up to, not including, {last})")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of an unknown version"
