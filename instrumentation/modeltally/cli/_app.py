"""The commands, each loaded when it is asked for: in the order of ``COMMANDS``, as in the help."""

from __future__ import annotations

import builtins
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

__all__ = ["COMMANDS", "app"]

# name: what it does, in a line, and an example; a command is a function in a module of its own, both of its name
COMMANDS = {
    "up": ("Receive OTLP, store it, answer the other commands.", "modeltally up --dir ./data"),
    "open": ("Open the page of the running server.", "modeltally open --dir ./data"),
    "api": ("Answer programs before a ClickHouse server.", "modeltally api --http-port 4319"),
    "run": ("Start your service with its libraries instrumented.", "modeltally run python app.py"),
    "migrate": ("Bring the schema of a store up to date.", "modeltally migrate --dir ./data"),
    "jobs": ("Roll up, expire, look, where no server does it.", "modeltally jobs --once"),
    "export": ("Write everything a store knows to a directory.", "modeltally export --to ./moving"),
    "import": ("Bring an export into an empty store.", "modeltally import ./moving --dir ./data"),
    "replay": ("Import recorded operations from a log, CSV or JSON.", "modeltally replay trace.csv --skip-bad"),
    "comfyui": ("Record the prompts of a ComfyUI server.", "modeltally comfyui http://127.0.0.1:8188"),
    "stats": ("Show statistics of a window of time.", "modeltally stats models --since 7d --format json"),
    "query": ("Read a view of the store by its name.", "modeltally query usage_cover --param finest=day --format json"),
    "recommend": ("Advise what to keep, preload, clean up, mend.", "modeltally recommend cleanup --as-of 2024-12-01"),
    "accuracy": ("Show how often advice was right.", "modeltally accuracy --since 90d"),
    "backtest": (
        "Replay history to see what a policy would do.",
        "modeltally backtest keep trace.csv --since 2024-11-25 --slots 4,8",
    ),
    "report": (
        "Write a report: usage, performance, storage or advice.",
        "modeltally report usage --since 7d --output usage.pdf",
    ),
    "doctor": ("Say why nothing is seen, whether anything is lost.", "modeltally doctor --send"),
    "token": ("Print the password of the ClickHouse port.", "modeltally token --dir ./data"),
    "erase-user": ("Forget a user, for good, and keep the figures.", "modeltally erase-user alice --yes"),
    "alias": (
        "Count several names of a model as one.",
        "modeltally alias ./flux-dev.safetensors black-forest-labs/FLUX.1-dev",
    ),
    "layer": ("Say what other instrumentations stand for.", "modeltally layer litellm gateway"),
    "price": (
        "Show what your models cost you, or set it.",
        "modeltally price flux gpu-hour 2.50 USD --from 2026-03-01",
    ),
    "models": ("Show, fetch, check, remove models on this machine.", "modeltally models list"),
    "agent": ("Tell what lies on this machine's disks.", "modeltally agent --once"),
    "check": ("Ask a store every invariant, or for alerts.", "modeltally check --alerts --format json"),
    "demo": ("Simulate days of a small studio, show the answers.", "modeltally demo --days 365 --keep"),
}
_EXIT_CODES = "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + "."


class _Loader(Mapping[str, Any]):
    """Every command by its name; its module is imported when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        word = name.replace("-", "_")
        module = importlib.import_module(f"modeltally.cli._{word}")
        # a word of Python's own has another name there
        function = getattr(module, f"{word}_" if keyword.iskeyword(word) or hasattr(builtins, word) else word)
        if isinstance(function, typer.Typer):
            return typer.main.get_group(function)  # a command with commands of its own
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        # what follows another command's name is that command's
        settings = {"allow_interspersed_args": False} if name == "run" else {}
        alone.command(name, epilog=f"Example: {COMMANDS[name][1]}", context_settings=settings)(guarded(function))
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast("MutableMapping[str, Any]", _Loader())

    def list_commands(self, _: object) -> list[str]:
        """Name the commands, without loading them."""
        return list(self.commands)

    def format_commands(self, _: object, formatter: Any) -> None:
        """Write a line for each command, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (line, _) in COMMANDS.items()])


app = typer.Typer(
    name="modeltally",
    cls=_Group,
    help="Which generative models your services really use, how well, and what to do about it.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,  # plain help: the frames of rich take longer to load than a command to answer
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
