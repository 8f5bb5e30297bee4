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

    # what an advice needs before it is given
    cleanup_history_days: float = Field(
        default=180, ge=0, description="Days the deployment must have been watched before a deletion is advised."
    )
    cleanup_age_days: float = Field(
        default=45, ge=0, description="Days a model must be here since its first sight or last download."
    )
    cleanup_never_used_days: float = Field(
        default=120, ge=0, description="Days a model that was never used must be here."
    )
    cleanup_threshold_days: float = Field(
        default=30, ge=0, description="Days a model must idle, and twice its longest gap so far."
    )
    cleanup_few_uses: int = Field(default=4, ge=0, description="Below so many uses a model's gaps say too little.")
    cleanup_few_uses_idle_days: float = Field(
        default=120, ge=0, description="Days a model with few uses must idle instead."
    )
    cleanup_evidence_idle_days: float = Field(
        default=7, ge=0, description="Days of idleness from which the evidence about a model is shown."
    )
    cleanup_seed_uses_per_day: float = Field(
        default=0.1, ge=0, description="The plain cleanup rule: fewer uses a day over 30 days."
    )
    cleanup_seed_success_rate: float = Field(
        default=0.5, ge=0, le=1, description="The plain cleanup rule: a lower success rate over 30 days."
    )
    preload_history_days: float = Field(default=14, ge=0, description="Days of use needed to see a trend.")
    preload_threshold_frequency: float = Field(
        default=0.5, ge=0, description="Uses a day above which a model may be preloaded."
    )
    preload_success_rate: float = Field(
        default=0.9, ge=0, le=1, description="Success rate above which a model may be preloaded."
    )
    preload_probability: float = Field(
        default=0.5, gt=0, lt=1, description="Chance of a use within the time of a load and one hour more."
    )
    preload_unknown_load_seconds: float = Field(
        default=60, ge=0, description="Seconds a load is taken to need where none was seen."
    )
    performance_tracking_window_days: int = Field(
        default=7, ge=1, description="Days the performance advice looks back where no window is given."
    )
    performance_slow_seconds: float = Field(
        default=300, gt=0, description="Mean seconds of a request above which a model counts as slow."
    )
    performance_success_rate: float = Field(
        default=0.8, ge=0, le=1, description="Success rate below which a model counts as unreliable."
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
