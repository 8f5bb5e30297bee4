"""The models that should be there: ``models.toml``, read and checked to the line."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - read at run time
import difflib
import enum
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from modeltally.availability._toml_lines import KeyPath, lines_of
from modeltally.availability.disk import read_small
from modeltally.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "SOURCES",
    "DeclaredModel",
    "DeclaredModels",
    "DeclaredPrice",
    "ModelPriority",
    "declared_in",
    "read_declared",
]

_MOST_BYTES: Final = 4 * 1024**2
_SHOWN_ERRORS: Final = 20
_SHOWN_CHARACTERS: Final = 80
SOURCES: Final = ("huggingface", "comfyui", "ollama", "folder", "llamacpp", "vllm", "llama-swap")

Name = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]
Amount = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=6, allow_inf_nan=False)]


class ModelPriority(enum.StrEnum):
    """How soon a model has to be there."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class DeclaredPrice(_Checked):
    """What a model's work costs, as `modeltally price` sets it.

    Attributes:
        input_tokens: A million tokens of input.
        cached_tokens: A million of those that were kept from before.
        output_tokens: A million tokens of output.
        request: One request.
        gpu_hour: An hour of operations.
        currency: Which money.
        valid_from: The first day it is valid, UTC; None for always.
    """

    input_tokens: Amount | None = Field(default=None, alias="input-tokens", description="an amount, 0 or more")
    cached_tokens: Amount | None = Field(default=None, alias="cached-tokens", description="an amount, 0 or more")
    output_tokens: Amount | None = Field(default=None, alias="output-tokens", description="an amount, 0 or more")
    request: Amount | None = Field(default=None, description="an amount, 0 or more")
    gpu_hour: Amount | None = Field(default=None, alias="gpu-hour", description="an amount, 0 or more")
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(
        description='three capital letters, such as "USD"'
    )
    valid_from: dt.date | None = Field(default=None, alias="from", description="a day, such as 2026-03-01")


class DeclaredModel(_Checked):
    """A model that should be there.

    Attributes:
        model: What services call it.
        base: The model it belongs to, of a LoRA or other addition.
        task: What it is for; a model of the same task can stand in for it.
        priority: How soon it has to be there.
        pin: It is never proposed for removal.
        source: Where it comes from: the kind of store, and its name there.
        revision: A branch, tag or commit; empty for the newest of its source.
        files: Patterns of the files that are needed; none means those that are fetched.
        aliases: Other names that services call it by.
        price: What its work costs.
    """

    model: Name = Field(description='a name, such as "Wan-AI/Wan2.2-T2V-A14B"')
    base: Name | None = Field(default=None, description="the name of the model it belongs to")
    task: Name | None = Field(default=None, description='a word, such as "text-to-video"')
    priority: ModelPriority = Field(default=ModelPriority.MEDIUM, description=", ".join(ModelPriority))
    pin: Annotated[bool, Field(strict=True)] = Field(default=False, description="true or false")
    source: Name = Field(
        default="huggingface", description=f"KIND or KIND:NAME, where KIND is one of {', '.join(SOURCES)}"
    )
    revision: Annotated[str, StringConstraints(max_length=256, pattern=r"^[\w./-]*$")] = Field(
        default="", description="a branch, tag or commit"
    )
    files: tuple[Name, ...] = Field(default=(), description='patterns of file names, such as ["*.safetensors"]')
    aliases: tuple[Name, ...] = Field(default=(), description='names, such as ["t2v-A14B"]')
    price: DeclaredPrice | None = Field(
        default=None, description='a table, such as { gpu-hour = 2.5, currency = "USD" }'
    )

    @field_validator("source")
    @classmethod
    def _is_known(cls, value: str) -> str:
        kind, colon, name = value.partition(":")
        if kind not in SOURCES or (colon and not name):
            raise ValueError("not a known source")
        return value

    @property
    def store(self) -> str:
        """The kind of store it belongs in."""
        return self.source.partition(":")[0]

    @property
    def name_there(self) -> str:
        """What it is called in that store."""
        return self.source.partition(":")[2] or self.model

    @property
    def names(self) -> tuple[str, ...]:
        """Everything it is called."""
        return tuple(dict.fromkeys((self.model, self.name_there, *self.aliases)))


class DeclaredModels(_Checked):
    """All models that should be there.

    Attributes:
        models: The models, in the file's order.
    """

    models: tuple[DeclaredModel, ...] = Field(default=(), description="[[models]] tables, one for each model")


def declared_in(environ: Mapping[str, str]) -> DeclaredModels | None:
    """Read the file that ``MODELTALLY_MODELS`` names.

    Args:
        environ: The environment.

    Returns:
        What it declares; None where none is named.

    Raises:
        InputError: As :func:`read_declared` has it.
    """
    named = environ.get("MODELTALLY_MODELS")
    return read_declared(Path(named)) if named else None


def read_declared(path: Path) -> DeclaredModels:
    """Read and check a file of declared models.

    Args:
        path: The file.

    Returns:
        What it declares.

    Raises:
        InputError: It cannot be read or is no TOML, or a value is not allowed; the message tells of every one the line,
            the key, the value and what is allowed.
    """
    try:
        text = read_small(path, limit_bytes=_MOST_BYTES).decode("utf-8-sig")
        content = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"cannot read the declared models {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: is no text in UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path} is no TOML: {error or 'too deeply nested'}") from error
    try:
        declared = DeclaredModels.model_validate(content)
    except ValidationError as error:
        lines = lines_of(text)
        found = sorted(_told(each, content, lines) for each in error.errors(include_url=False))
        raise InputError(_message(path, found)) from error
    doubles = sorted(_doubles(declared, lines_of(text)))
    if doubles:
        raise InputError(_message(path, doubles))
    return declared


def _message(path: Path, found: list[tuple[int, str]]) -> str:
    shown = [f"line {line}: {what}" for line, what in found[:_SHOWN_ERRORS]]
    more = len(found) - len(shown)
    return f"{path}, {'; '.join(shown)}" + (f"; and {more} more" if more else "")


def _told(error: Any, content: object, lines: dict[KeyPath, int]) -> tuple[int, str]:
    """Tell where an error is, of which key, with which value, and what is allowed."""
    path: KeyPath = _existing(error["loc"], content)
    wanted = error["loc"]
    line = next((lines[wanted[:end]] for end in range(len(wanted), 0, -1) if wanted[:end] in lines), 1)
    shown = _written(wanted)
    if error["type"] == "missing":
        return line, f"{shown} is missing; allowed: {_allowed(wanted)}"
    if error["type"] == "extra_forbidden":
        known = _known_keys(wanted[:-1])
        close = difflib.get_close_matches(str(wanted[-1]), known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return line, f"{shown} is no key; {hint}allowed: {', '.join(known)}"
    value = repr(_value_at(content, path))
    value = value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}..."
    return line, f"{shown} is {value}; allowed: {_allowed(wanted)}"


def _existing(loc: tuple[str | int, ...], content: object) -> KeyPath:
    """Cut what pydantic adds to a place and the document does not have."""
    for end in range(len(loc), 0, -1):
        try:
            _value_at(content, loc[:end])
        except (KeyError, IndexError, TypeError):
            continue
        return loc[:end]
    return ()


def _value_at(content: Any, path: KeyPath) -> object:
    for key in path:
        content = content[key]
    return content


def _written(path: KeyPath) -> str:
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def _kind_at(path: KeyPath) -> type[BaseModel]:
    keys = [key for key in path if isinstance(key, str)]
    if not keys:
        return DeclaredModels
    return DeclaredPrice if keys[1:2] == ["price"] else DeclaredModel


def _known_keys(table: KeyPath) -> list[str]:
    return [field.alias or name for name, field in _kind_at(table).model_fields.items()]


def _allowed(path: KeyPath) -> str:
    keys = [key for key in path if isinstance(key, str)]
    if not keys:
        return DeclaredModels.model_fields["models"].description or ""
    if keys == ["models"]:
        is_table = isinstance(path[-1], int)
        return "a table [[models]]" if is_table else str(DeclaredModels.model_fields["models"].description)
    fields = _kind_at(("models", *keys[1:-1])).model_fields
    for name, field in fields.items():
        if keys[-1] in (name, field.alias):
            return field.description or ""
    return str(DeclaredModel.model_fields[keys[1]].description)


def _doubles(declared: DeclaredModels, lines: dict[KeyPath, int]) -> Iterator[tuple[int, str]]:
    """Find names that two models go by; disks and hubs often do not tell capital letters from small ones."""
    taken: dict[str, int] = {}
    for number, each in enumerate(declared.models):
        for key, name in [("model", each.model), *(("aliases", alias) for alias in each.aliases)]:
            other = taken.setdefault(name.casefold(), number)
            if other != number or (key == "aliases" and name == each.model):
                line = lines.get(("models", number, key), 1)
                where = "itself" if other == number else f"models[{other}]"
                yield line, f"models[{number}].{key} is {name!r}, the name of {where}; allowed: a name of its own"
