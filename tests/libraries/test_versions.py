"""The oldest version of a library that is said to be known is the one that ``make test-libraries-matrix`` runs."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from modeltally.instrument import libraries
from modeltally.instrument.libraries._installed import known
from modeltally.instrument.libraries._instrumentor import Instrumentor, _release

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST: Final = Path(__file__).with_name("oldest.txt")
# what these versions need at a version of its own
BESIDE: Final = {"accelerate", "pydantic"}
# what is not in the environment of the libraries, or is tested elsewhere, and why
ELSEWHERE: Final = {
    "celery": "tests/instrument runs a broker",
    "comfy": "it is no package, and tests/comfyui runs it",
    "django": "it has one version that is known",
    "flask": "it has one version that is known",
    "llama-cpp-python": "it is compiled",
    "starlette": "our own server needs a newer one",
    "vllm": "it is a stand-in",
}


def instrumentors() -> Iterator[type[Instrumentor]]:
    """Every class of ours."""
    for name in known():
        module = importlib.import_module(f"{libraries.__name__}.{name.replace('.', '__')}")
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Instrumentor) and kind.__module__ == module.__name__:
                yield kind


def declared() -> dict[str, str]:
    """The versions in the file."""
    lines = [line for line in OLDEST.read_text().splitlines() if "==" in line]
    return {name: version for name, _, version in (line.partition("==") for line in lines)}


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.library) for kind in instrumentors()])
def test_first_known_version_is_the_oldest_that_is_run(kind: type[Instrumentor]) -> None:
    """Neither older ones are promised than are run, nor newer."""
    name = kind.distribution or kind.library.replace("_", "-")
    if name in ELSEWHERE:
        assert name not in declared(), ELSEWHERE[name]
        return
    assert _release(declared()[name]) == _release(kind.versions[0])


def test_nothing_else_is_declared() -> None:
    """A library that is not instrumented any more leaves the file."""
    names = {kind.distribution or kind.library.replace("_", "-") for kind in instrumentors()}
    assert set(declared()) - names == BESIDE
