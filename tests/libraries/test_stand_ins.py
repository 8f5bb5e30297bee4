"""Stand-ins for libraries that are not installed here: what is hooked into is in them, and they are of the newest."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from libraries import stand_ins
from modeltally.instrument.libraries.llama_cpp import LlamaCppInstrumentor
from modeltally.instrument.libraries.vllm import VllmInstrumentor

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.instrument.libraries._instrumentor import Instrumentor

INSTRUMENTORS: Final[dict[str, type[Instrumentor]]] = {"llama_cpp": LlamaCppInstrumentor, "vllm": VllmInstrumentor}


@pytest.mark.parametrize("name", stand_ins.LIBRARIES)
def test_stand_in_is_hooked_into(name: str) -> None:
    """As the library would be: its version is known, and its modules have every place."""
    if importlib.util.find_spec(name) is not None:
        pytest.skip(f"{name} itself is here")
    instrumentor = INSTRUMENTORS[name]()
    with stand_ins.importable(name):
        assert importlib.metadata.version(stand_ins.LIBRARIES[name].distribution)
        instrumentor.instrument()
        for module in instrumentor.modules:
            importlib.import_module(module)
        assert instrumentor.is_instrumented
        assert set(instrumentor.hooked) == set(instrumentor.modules)
        instrumentor.uninstrument()


def test_library_without_a_place_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """One warning, whatever is missing, and nothing is hooked into."""
    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vllm itself is here")
    with stand_ins.importable("vllm"):
        engine: Any = importlib.import_module("vllm.entrypoints.llm").LLM
        makes = engine.__init__
        del engine.generate
        VllmInstrumentor().instrument()
        assert engine.__init__ is makes
        assert not VllmInstrumentor().is_instrumented
    assert [record.getMessage() for record in caplog.records if "vllm" in record.getMessage()]


@pytest.mark.skipif(
    not os.environ.get("MODELTALLY_NEWEST"), reason="make test-stand-ins downloads the newest releases, 400 MB"
)
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", stand_ins.LIBRARIES)
def test_stand_in_is_of_the_newest_release(name: str, tmp_path: Path) -> None:
    """Written anew, every file is the same to the letter."""
    (tmp_path / "release").mkdir()
    release = stand_ins.download(stand_ins.LIBRARIES[name], tmp_path / "release")
    stand_ins.write(name, release, tmp_path / "made")
    release.unlink()

    def files(folder: Path) -> dict[str, str]:
        return {
            str(file.relative_to(folder)): file.read_text()
            for file in folder.rglob("*")
            if file.suffix != ".pyc" and file.is_file()
        }

    assert files(tmp_path / "made") == files(stand_ins.FOLDER / name), "run make stand-ins"
