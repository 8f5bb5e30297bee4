"""``modeltally run``: a service that nobody changed is instrumented, its workers too, and is else as without us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND: Final = Path(sys.executable).with_name("modeltally")
LIBRARY: Final = "modeltally_standin"
NO_EXPORTS: Final = dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none")
# A library of somebody else's, and the instrumentor that they ship with it.
FILES: Final = {
    f"{LIBRARY}.py": """
        def paint(what):
            return "painted " + what
        """,
    "standin_instrumentor.py": f"""
        from modeltally.instrumentors import Instrumentor, patched

        class StandIn(Instrumentor):
            library = "{LIBRARY}"
            versions = ("1", "2")
            loss = "paintings are not counted"

            def hooks(self, module):
                yield patched(module, "paint", self._around, is_on=lambda: self.is_instrumented)

            def _around(self, function, _instance, args, kwargs):
                return "watched " + function(*args, **kwargs)
        """,
    f"{LIBRARY}-1.0.dist-info/METADATA": f"""
        Metadata-Version: 2.1
        Name: {LIBRARY}
        Version: 1.0
        """,
    f"{LIBRARY}-1.0.dist-info/entry_points.txt": f"""
        [modeltally_instrumentor]
        {LIBRARY} = standin_instrumentor:StandIn
        """,
    "service.py": f"""
        import json, multiprocessing, os, subprocess, sys

        def work(what):
            from {LIBRARY} import paint
            return paint(what)

        def provider():
            api = sys.modules.get("opentelemetry.trace")
            return api and type(api.get_tracer_provider()).__name__

        if __name__ == "__main__":
            before = sorted(name for name in sys.modules if name.partition(".")[0] in ("modeltally", "opentelemetry"))
            spawned = multiprocessing.get_context("spawn").Pool(1)
            forked = multiprocessing.get_context("fork").Pool(1)
            code = "from {LIBRARY} import paint; print(paint('below'))"
            below = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            print(json.dumps({{
                "loaded": before, "path": [path for path in sys.path if "zero_code" in path], "arguments": sys.argv[1:],
                "here": work("here"), "spawned": spawned.apply(work, ("spawned",)),
                "forked": forked.apply(work, ("forked",)), "below": below.stdout.strip(), "said": below.stderr,
                "next": os.environ.get("NEXT") == str(os.getpid()), "provider": provider(),
            }}))
        """,
}


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """Write the library, its instrumentor and a service that uses it."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text).lstrip())
    return tmp_path


def run(service: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the service's folder, with its library to be found."""
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(service), **variables}
    return subprocess.run(command, cwd=service, env=environment, capture_output=True, text=True, check=False)


def answer(service: Path, *command: str, **variables: str) -> dict[str, Any]:
    """What the service says when it is started by a command."""
    ran = run(service, *command, **variables)
    assert ran.returncode == 0, ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


@pytest.mark.parametrize("how", [("service.py",), ("-m", "service")])
def test_service_and_its_workers_are_instrumented(service: Path, how: tuple[str, ...]) -> None:
    """In the process itself, in spawned and forked workers, and in a Python it starts; its words stay its own."""
    said = answer(service, str(COMMAND), "run", sys.executable, *how, "--only", "a word", "--help")
    assert {name: said[name] for name in ("here", "spawned", "forked", "below")} == {
        name: f"watched painted {name}" for name in ("here", "spawned", "forked", "below")
    }
    assert said["arguments"] == ["--only", "a word", "--help"]
    assert said["said"] == ""


def test_nothing_is_loaded_before_a_library_is(service: Path) -> None:
    """A Python that uses none of the libraries loads nothing of ours, and looks for modules where it did."""
    said = answer(service, str(COMMAND), "run", sys.executable, "service.py")
    assert said["loaded"] == []
    assert said["path"] == []


def test_next_sitecustomize_is_run(service: Path) -> None:
    """What would have run at the start of each Python still does."""
    (service / "sitecustomize.py").write_text("import os\nos.environ['NEXT'] = str(os.getpid())\n")
    said = answer(service, str(COMMAND), "run", sys.executable, "service.py")
    assert (said["next"], said["here"]) == (True, "watched painted here")


@pytest.mark.parametrize("how", [("--only", "celery"), ("--only", "none")])
def test_libraries_can_be_chosen(service: Path, how: tuple[str, ...]) -> None:
    """Those that are not named stay as they are."""
    said = answer(service, str(COMMAND), "run", *how, sys.executable, "service.py")
    assert said["here"] == "painted here"


def test_variable_chooses_as_the_option_does(service: Path) -> None:
    """``MODELTALLY_INSTRUMENT`` names libraries too."""
    said = answer(service, str(COMMAND), "run", sys.executable, "service.py", MODELTALLY_INSTRUMENT=f"celery,{LIBRARY}")
    assert said["here"] == "watched painted here"
    said = answer(service, str(COMMAND), "run", sys.executable, "service.py", MODELTALLY_INSTRUMENT="celery")
    assert said["here"] == "painted here"


def test_unknown_library_is_refused_with_the_nearest(service: Path) -> None:
    """Nothing is started, and the message names what was meant."""
    ran = run(service, str(COMMAND), "run", "--only", "celry", sys.executable, "service.py")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "there is no instrumentor for 'celry'; did you mean 'celery'?" in " ".join(ran.stderr.split())


def test_command_that_is_not_there_is_named(service: Path) -> None:
    """A clear word instead of a traceback."""
    ran = run(service, str(COMMAND), "run", "no-such-program", "x")
    assert ran.returncode == 2
    assert "there is no command 'no-such-program'" in " ".join(ran.stderr.split())


def test_exit_code_is_the_commands(service: Path) -> None:
    """The command takes the place of ours: its code, its process id."""
    code = "import os, sys; print(os.getpid()); sys.exit(7)"
    process = subprocess.Popen(
        [str(COMMAND), "run", sys.executable, "-c", code], cwd=service, stdout=subprocess.PIPE, text=True
    )
    said, _ = process.communicate()
    assert (process.returncode, int(said)) == (7, process.pid)


def test_python_without_modeltally_says_so_once(service: Path, tmp_path: Path) -> None:
    """In another environment the service runs as it is, and one line tells what to do."""
    environment = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    said = answer(service, str(COMMAND), "run", str(environment / "bin" / "python"), "service.py")
    assert said["here"] == "painted here"
    ran = run(service, str(COMMAND), "run", str(environment / "bin" / "python"), "-c", f"import {LIBRARY}")
    assert ran.stderr.count("install modeltally there") == 1
    assert ran.returncode == 0


@pytest.mark.parametrize("how", [("service.py",), ("-m", "service")])
def test_opentelemetrys_own_command_does_the_same(service: Path, how: tuple[str, ...]) -> None:
    """With nothing but what is installed; OpenTelemetry is configured, which nobody else does here."""
    said = answer(service, str(COMMAND.with_name("opentelemetry-instrument")), sys.executable, *how, **NO_EXPORTS)
    assert (said["here"], said["spawned"]) == ("watched painted here", "watched painted spawned")
    assert said["provider"] == "TracerProvider"


def test_configurator_steps_back_where_there_is_another(service: Path) -> None:
    """The other one configures, once."""
    (service / "theirs.py").write_text(
        "class Theirs:\n    def configure(self, **kwargs):\n        print('configured', *kwargs, flush=True)\n"
    )
    metadata = service / "aaa-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: aaa\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[opentelemetry_configurator]\ntheirs = theirs:Theirs\n")
    command = str(COMMAND.with_name("opentelemetry-instrument"))
    ran = run(service, command, sys.executable, "-c", "print('ran')", **NO_EXPORTS)
    assert ran.stdout.split() == ["configured", "auto_instrumentation_version", "ran"], ran.stderr
    ours = run(
        service, command, sys.executable, "-c", "print('ran')", **NO_EXPORTS, OTEL_PYTHON_CONFIGURATOR="modeltally"
    )
    assert ours.stdout.split() == ["configured", "auto_instrumentation_version", "ran"], ours.stderr


def test_both_commands_together_instrument_once(service: Path) -> None:
    """One inside the other."""
    command = str(COMMAND.with_name("opentelemetry-instrument"))
    said = answer(service, str(COMMAND), "run", command, sys.executable, "service.py", **NO_EXPORTS)
    assert said["here"] == "watched painted here"
