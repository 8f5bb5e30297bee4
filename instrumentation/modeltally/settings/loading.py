"""Reads settings from the file, the environment and flags, and says where a bad one was set."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from modeltally.errors import SettingError
from modeltally.settings.record import SECRETS, Settings

__all__ = ["MAX_FILE_BYTES", "load_settings"]

FILE_NAME: Final = "modeltally.toml"
PREFIX: Final = "MODELTALLY_"
MAX_FILE_BYTES: Final = 1024 * 1024
MAX_SHOWN: Final = 80


def load_settings(**flags: Any) -> Settings:
    """Read the settings; a flag that is None counts as not given.

    Args:
        **flags: Values from the command line, by field name.

    Returns:
        The validated record.

    Raises:
        SettingError: A value is not allowed; the message names the key, the value and what is allowed.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**{**_file(), **_environment(), **given})
    except ValidationError as error:
        raise SettingError("; ".join(_explain(problem, given) for problem in error.errors())) from None
    except OSError as error:
        raise SettingError(f"cannot read {FILE_NAME}: {error}") from None


def _environment() -> dict[str, str]:
    """Read the variables that are settings, in whatever case; an empty one is none, as OpenTelemetry's are."""
    given = {name.upper(): value for name, value in os.environ.items() if value}
    return {name: given[key] for name in Settings.model_fields if (key := PREFIX + name.upper()) in given}


def _file() -> dict[str, Any]:
    """Read the settings file, where there is one.

    Raises:
        SettingError: It is no file of settings; the message says where and why.
        OSError: It cannot be read.
    """
    path = Path(FILE_NAME)
    if not os.path.lexists(path):
        return {}
    if not path.is_file():
        raise SettingError(f"{FILE_NAME} is no file; remove it, or make it one")
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
        is_private = os.name != "posix" or not os.fstat(file.fileno()).st_mode & 0o077
    settings = _parsed(content)
    held = sorted(SECRETS.intersection(settings))
    if held and not is_private:
        raise SettingError(f"{FILE_NAME} holds {', '.join(held)} and others than its owner can read it; chmod 600 it")
    return settings


def _parsed(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_FILE_BYTES:
        raise SettingError(f"{FILE_NAME} is larger than {MAX_FILE_BYTES} bytes; it holds a line for each setting")
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise SettingError(f"{FILE_NAME}, line 1 begins with a byte order mark; save it as plain UTF-8")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingError(f"{FILE_NAME}, line {line} is not UTF-8; save it as that") from None
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SettingError(f"{FILE_NAME} is nested too deeply; it holds a line for each setting") from None
    except ValueError as error:  # not TOML; or a number longer than Python reads
        raise SettingError(f"{FILE_NAME}: {error}{_key_at(text, str(error))}; give lines of key = value") from None


def _key_at(text: str, message: str) -> str:
    """Name the key of the line that a message names; its value may be a password."""
    named = re.search(r"at line (\d+)", message)
    line = text.splitlines()[int(named[1]) - 1 :][:1] if named else []
    key = line[0].partition("=")[0].strip() if line else ""
    return f", at {key[:MAX_SHOWN]!r}" if key else ""


def _explain(problem: Any, flags: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if not key:  # several settings that do not go together
        return str(problem["ctx"]["error"])
    where = _where(key, flags)
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, Settings.model_fields, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(Settings.model_fields)}"
        return f"no setting is named {key[:MAX_SHOWN]!r}{where}; {hint}"
    message = problem["msg"].removeprefix("Value error, ")
    shown = "that is not shown" if key in SECRETS else _shown(problem["input"])
    return f"setting {key!r}{where} has the value {shown}: {message}"


def _shown(value: object) -> str:
    """Show a value without what may be a password in an address."""
    if isinstance(value, str):
        value = value.rpartition("@")[2]
    try:
        text = repr(value)
    except ValueError:  # a number longer than Python writes
        return "a very large number"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _where(key: str, flags: dict[str, Any]) -> str:
    """Say where a setting was set: the flag, else the variable, else the file, as they take precedence."""
    if key in flags:
        return f" (from --{key.replace('_', '-')})"
    variable = PREFIX + key.upper()
    if os.environ.get(variable):
        return f" (from {variable})"
    with Path(FILE_NAME).open(encoding="utf-8") as file:
        pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
        number = next((number for number, line in enumerate(file, 1) if pattern.match(line)), 0)
    return f" ({FILE_NAME}, line {number})" if number else f" ({FILE_NAME})"
