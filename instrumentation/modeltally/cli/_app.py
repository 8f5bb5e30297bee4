"""The commands, each loaded when it is asked for: in the order of ``_EXAMPLES``, which the help has too."""

from __future__ import annotations

import importlib
import keyword
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperGroup

from modeltally.cli._console import guarded
from modeltally.cli._exit import ExitCode

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["app"]

# a command is a function in a module of its own, both of its name
_EXAMPLES = {
    "up": "modeltally up --dir ./data",
    "migrate": "modeltally migrate --dir ./data",
    "jobs": "modeltally jobs --once",
    "export": "modeltally export --to ./moving",
    "import": "modeltally import ./moving --dir ./data",
    "replay": "modeltally replay trace.csv --skip-bad",
    "stats": "modeltally stats models --since 7d --format json",
    "recommend": "modeltally recommend cleanup --as-of 2024-12-01",
    "doctor": "modeltally doctor --send",
    "check": "modeltally check --format json",
    "demo": "modeltally demo --days 200 --keep",
}
_EXIT_CODES = "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + "."


class _Commands(Mapping[str, Any]):
    """Every command by its name; its module is imported when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        if name not in _EXAMPLES:
            raise KeyError(name)
        module = importlib.import_module(f"modeltally.cli._{name}")
        function = getattr(module, f"{name}_" if keyword.iskeyword(name) else name)
        alone = typer.Typer(add_completion=False)
        alone.command(name, epilog=f"Example: {_EXAMPLES[name]}")(guarded(function))
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(_EXAMPLES)

    def __len__(self) -> int:
        return len(_EXAMPLES)


class _Group(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast("MutableMapping[str, Any]", _Commands())

    def list_commands(self, _: object) -> list[str]:
        """Name the commands, without loading them."""
        return list(self.commands)


app = typer.Typer(
    name="modeltally",
    cls=_Group,
    help="Which generative models your services really use, how well, and what to do about it.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    # a traceback is for a bug report: plain, whole, and without the values of local variables
    pretty_exceptions_enable=False,
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        from modeltally.cli._version import print_version

        print_version()
        raise typer.Exit


@app.callback()
def _common(
    *,
    version_: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda wanted: _print_version(wanted=wanted), is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del version_  # its callback has done it
