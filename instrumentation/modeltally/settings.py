"""The one settings record: defaults, a file, environment variables, flags, in rising order of precedence.

A setting is a field below; its environment variable is ``MODELTALLY_`` and the field's name in upper case,
its key in the file ``modeltally.toml`` is the field's name. The table in the README is made from this record.
"""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation at run time
from typing import Annotated, Any

from platformdirs import user_data_path
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from modeltally.errors import SettingError

__all__ = ["Settings", "load_settings"]

FILE_NAME = "modeltally.toml"

Port = Annotated[int, Field(ge=0, le=65535)]


def _default_directory() -> Path:
    return user_data_path("modeltally", appauthor=False)


class Settings(BaseSettings):
    """Everything an operator can set; immutable once read."""

    model_config = SettingsConfigDict(
        env_prefix="MODELTALLY_", frozen=True, extra="forbid", toml_file=FILE_NAME, populate_by_name=True
    )

    dir: Path = Field(
        default_factory=_default_directory,
        description="Data directory: database, spool, user key.",
    )
    host: str = Field(default="127.0.0.1", description="Address the local server listens on.")
    otlp_port: Port = Field(default=4318, description="Port for OTLP over HTTP; 0 picks a free one.")
    http_port: Port = Field(
        default=4319, description="Port for health, status and the control channel; 0 picks a free one."
    )
    max_body_bytes: int = Field(
        default=16 * 1024**2, ge=1024, description="Largest OTLP body accepted, measured after decompression."
    )
    max_body_spans: int = Field(default=50_000, ge=1, description="Most spans accepted in one OTLP body.")
    spool_max_bytes: int = Field(
        default=1024**3, ge=1024**2, description="Most bytes the spool holds before the server answers 503."
    )
    min_free_disk_bytes: int = Field(
        default=512 * 1024**2, ge=0, description="Free disk below which the server answers 503."
    )
    roll_interval_seconds: float = Field(
        default=60.0, gt=0, description="Seconds between two rolls of new events into hours and days."
    )
    expire_interval_seconds: float = Field(
        default=3600.0, gt=0, description="Seconds between two looks for events past their retention."
    )
    landing_retention_days: int = Field(
        default=7, ge=1, description="Days the landing table keeps spans after receipt."
    )
    event_retention_days: int = Field(default=90, ge=1, description="Days events are kept after receipt.")
    abandoned_after_seconds: float = Field(
        default=6 * 3600.0,
        gt=0,
        description="Seconds without an end after which an unfinished operation counts as abandoned.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags beat the environment, the environment beats the file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


def load_settings(**flags: Any) -> Settings:
    """Read the settings; a flag that is None counts as not given.

    Args:
        **flags: Values from the command line, by field name.

    Returns:
        The validated record.

    Raises:
        SettingError: A value is not allowed; the message names the key, the value and what is allowed.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise SettingError("; ".join(_explain(problem) for problem in error.errors())) from None
    except OSError as error:
        raise SettingError(f"cannot read {FILE_NAME}: {error}") from None


def _explain(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "settings"
    variable = f"MODELTALLY_{key.upper()}"
    where = f" (from {variable})" if variable in os.environ else ""
    return f"setting {key!r}{where} has the value {problem['input']!r}: {problem['msg']}"
