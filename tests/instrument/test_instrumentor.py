"""What instrumentors share: versions, hooks that come and go, and finding them; on a library made for the test."""

from __future__ import annotations

import importlib
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest
import wrapt

from modeltally.instrument import _guard
from modeltally.instrument.libraries import _installed
from modeltally.instrument.libraries._installed import InstalledInstrumentor
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, patched
from modeltally.instrument.libraries.celery import CeleryInstrumentor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LIBRARY: Final = "modeltally_standin"
CODE: Final = """
class Base:
    def inherited(self, text):
        return "base " + text

class Model(Base):
    def method(self, text):
        return "method " + text

    @classmethod
    def made(cls, text):
        return cls.__name__ + " " + text

    @staticmethod
    def plain(text):
        return "plain " + text

def function(text):
    return "function " + text
"""


class StandInInstrumentor(Instrumentor):
    """Puts a word before what each function returns."""

    library = LIBRARY
    versions = ("1.2", "3")
    loss = "words are missing"

    def hooks(self, library: Any) -> Iterable[Hook]:
        """Patch every kind of function."""
        for name in ("method", "made", "plain", "inherited"):
            yield self._patched(library.Model, name)
        yield self._patched(library, "function")

    def _patched(self, owner: Any, name: str) -> Hook:
        return patched(owner, name, self._around, is_on=lambda: self.is_instrumented)

    @staticmethod
    def _around(function: Callable[..., str], _instance: object, args: Any, kwargs: Any) -> str:
        return f"watched {function(*args, **kwargs)}"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Install the library, version 2.5.1."""
    (tmp_path / f"{LIBRARY}.py").write_text(CODE)
    release(tmp_path, "2.5.1")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(LIBRARY)
    StandInInstrumentor().uninstrument()
    del sys.modules[LIBRARY]


def release(folder: Path, version: str) -> None:
    """Say which version is installed."""
    metadata = folder / f"{LIBRARY}-0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {LIBRARY}\nVersion: {version}\n")
    importlib.invalidate_caches()


def answers(library: Any) -> list[str]:
    """Call everything."""
    model = library.Model()
    return [
        *(model.method("a"), library.Model.made("b"), model.plain("c"), model.inherited("d")),
        *(library.function("e"), library.Base().inherited("f")),
    ]


PLAIN: Final = ["method a", "Model b", "plain c", "base d", "function e", "base f"]


def test_functions_are_patched_and_put_back(library: Any) -> None:
    """Methods of each kind, inherited ones and plain functions; afterwards every attribute is the object it was."""
    before = dict(vars(library.Model)), library.function
    StandInInstrumentor().instrument()
    StandInInstrumentor().instrument()
    assert answers(library) == [*(f"watched {text}" for text in PLAIN[:5]), "base f"]
    StandInInstrumentor().uninstrument()
    StandInInstrumentor().uninstrument()
    assert answers(library) == PLAIN
    assert (dict(vars(library.Model)), library.function) == before
    assert _guard.problems() == {}


def test_what_others_put_over_it_stays(library: Any) -> None:
    """A patch that came later is not thrown away with ours, which is passed over from then on."""
    StandInInstrumentor().instrument()
    theirs = wrapt.FunctionWrapper(library.function, lambda function, _, args, __: f"theirs {function(*args)}")
    library.function = theirs
    assert library.function("e") == "theirs watched function e"
    StandInInstrumentor().uninstrument()
    assert library.function is theirs
    assert library.function("e") == "theirs function e"


@pytest.mark.parametrize(
    ("version", "is_known"),
    [("1.1.9", False), ("1.2", True), ("1.2.0rc1", True), ("2.10", True), ("3.0.0", False), ("3.1", False)],
)
def test_version_must_be_known(library: Any, tmp_path: Path, version: str, *, is_known: bool) -> None:
    """One warning that names the library's version and those that are known; the library stays as it is."""
    release(tmp_path, version)
    StandInInstrumentor().instrument()
    assert StandInInstrumentor().is_instrumented is is_known
    assert (answers(library) == PLAIN) is not is_known
    assert _guard.problems() == ({} if is_known else {LIBRARY: 1})


def test_warning_says_what_is_missing(library: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Which library, which version, which ones are known, and what its user loses."""
    del library
    release(tmp_path, "4.0")
    StandInInstrumentor().instrument()
    assert caplog.messages == [
        f"this version of {LIBRARY} is not known (4.0; give 1.2 or newer, below 3): words are missing"
    ]


def test_library_that_changed_is_left_alone(library: Any) -> None:
    """Where one of the places is gone, none is hooked into: half of them would tell half of the truth."""
    method = library.Model.__dict__["method"]
    del library.function
    StandInInstrumentor().instrument()
    assert not StandInInstrumentor().is_instrumented
    assert library.Model.__dict__["method"] is method
    assert "inherited" not in vars(library.Model)
    assert _guard.problems() == {LIBRARY: 1}


@pytest.mark.parametrize("is_skipped", [True, False])
def test_missing_library_is_no_error(*, is_skipped: bool) -> None:
    """Where there is no library nothing happens; who asked for it by hand is told."""
    StandInInstrumentor().instrument(skip_dep_check=is_skipped)
    assert not StandInInstrumentor().is_instrumented
    assert _guard.problems() == ({} if is_skipped else {LIBRARY: 1})


def test_every_library_has_an_instrumentor_of_its_own() -> None:
    """A module is named as its library is imported, has one instrumentor, and two kinds are two objects."""
    for name in _installed.known():
        module = importlib.import_module(f"modeltally.instrument.libraries.{name.replace('.', '__')}")
        (kind,) = (
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Instrumentor) and value.__module__ == module.__name__
        )
        instrumentor = kind()
        assert instrumentor.library == name
        assert kind() is instrumentor is not StandInInstrumentor()
        assert instrumentor.instrumentation_dependencies()[0].startswith(f"{instrumentor.distribution or name} >= ")


def test_instrumentors_can_be_found() -> None:
    """The entry point of the package starts them, so that ``opentelemetry-instrument`` does."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    ((name, value),) = project["project"]["entry-points"]["opentelemetry_instrumentor"].items()
    assert EntryPoint(name, value, "opentelemetry_instrumentor").load() is InstalledInstrumentor


@pytest.mark.parametrize("disabled", ["", "flask, modeltally_celery"])
def test_installed_libraries_are_instrumented(monkeypatch: pytest.MonkeyPatch, disabled: str) -> None:
    """Those that are there, unless OpenTelemetry's variable names one; ending ends all of them."""
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", disabled)
    everything = InstalledInstrumentor()
    everything.instrument(skip_dep_check=True)
    assert CeleryInstrumentor().is_instrumented is not bool(disabled)
    everything.uninstrument()
    assert not CeleryInstrumentor().is_instrumented
    assert InstalledInstrumentor() is everything


def test_library_that_hides_where_it_is_from_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that stands for itself with an object that has no specification is instrumented like any other."""
    monkeypatch.setattr(importlib.import_module("celery"), "__spec__", None)
    InstalledInstrumentor().instrument(skip_dep_check=True)
    assert CeleryInstrumentor().is_instrumented
    InstalledInstrumentor().uninstrument()
    assert _guard.problems() == {}


def test_missing_libraries_are_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there costs nothing, not even the module that knows it."""
    for name in _installed.known():
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(_installed, "importlib", SimpleNamespace(util=importlib.util, import_module=pytest.fail))
    InstalledInstrumentor().instrument()
    assert _guard.problems() == {}
