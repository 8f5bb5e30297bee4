"""The one settings record: every setting with its default, what it does and what it may be."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from platformdirs import user_data_path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

__all__ = ["REPORT_FORMATS", "REPORT_NAMES", "SECRETS", "Settings"]

SECRETS: Final = frozenset(
    {
        "alerts_webhook_secret",
        "alerts_webhook_url",
        "api_token",
        "clickhouse_password",
        "reports_webhook_url",
        "reports_webhook_secret",
        "store_password",
    }
)
PLACEHOLDER: Final = "${"  # what a shell, a container or a template should have replaced

# far beyond any use, and within what clocks, waits and columns hold
MAX_DAYS: Final = 36_500
MAX_WAIT_SECONDS: Final = 7 * 86_400
MAX_BYTES: Final = 2**50
MAX_BODY_BYTES: Final = 2**31 - 1  # protobuf's own
MAX_COUNT: Final = 10**9
# what reports there are and how they are written: told here, since a wrong name stops a command before it loads them
REPORT_NAMES: Final = ("usage", "performance", "storage", "advice")
REPORT_FORMATS: Final = ("json", "csv", "md", "html", "pdf")
_SCHEDULE: Final = re.compile(r"(daily|weekly|monthly) ([01][0-9]|2[0-3]):([0-5][0-9]) ([A-Za-z0-9._+/-]{1,64})")

Port = Annotated[int, Field(ge=0, le=65535)]


def _default_directory() -> Path:
    return user_data_path("modeltally", appauthor=False)


class Settings(BaseModel):
    """Everything an operator can set; immutable once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    dir: Path = Field(
        default_factory=_default_directory,
        description="Data directory: database, spool, user key.",
    )
    store: str = Field(
        default="",
        description="A ClickHouse server that is the store, `https://user@host:8443/modeltally`;"
        " empty for the engine in the data directory.",
    )
    store_password: SecretStr = Field(default=SecretStr(""), description="The password of that user.")
    store_password_file: Path | None = Field(default=None, description="A file that holds it instead.")
    store_ca_file: Path | None = Field(
        default=None, description="Certificates to trust that server by, where the usual ones do not."
    )
    host: str = Field(default="127.0.0.1", description="Address the local server listens on.")
    allowed_hosts: str = Field(
        default="",
        description="Names, with commas between, that requests may call the server by besides loopback names.",
    )
    otlp_port: Port = Field(default=4318, description="Port for OTLP over HTTP; 0 picks a free one.")
    otlp_grpc_port: Port = Field(default=4317, description="Port for OTLP over gRPC; 0 picks a free one.")
    http_port: Port = Field(
        default=4319, description="Port for health, status and the control channel; 0 picks a free one."
    )
    clickhouse_port: Port = Field(
        default=8123, description="Port for ClickHouse's HTTP interface, to read with; 0 picks a free one."
    )
    clickhouse_password: SecretStr = Field(
        default=SecretStr(""),
        description="A password for that port that stays; the token in `server.json` always opens it.",
    )
    api_token: SecretStr = Field(
        default=SecretStr(""),
        description="The token that `modeltally api` wants to see; empty for a new one at each start, which it prints.",
    )
    clickhouse_query_seconds: float = Field(
        default=120.0, gt=0, le=MAX_WAIT_SECONDS, description="Seconds a query there may take."
    )
    clickhouse_query_memory_bytes: int = Field(
        default=1024**3, ge=16 * 1024**2, le=MAX_BYTES, description="Bytes of memory a query there may take."
    )
    clickhouse_result_rows: int = Field(
        default=1_000_000, ge=1, le=MAX_COUNT, description="Most rows of an answer there; more are refused, not cut."
    )
    clickhouse_result_bytes: int = Field(
        default=100 * 1024**2, ge=1024, le=MAX_BODY_BYTES, description="Most bytes of an answer there."
    )
    clickhouse_queries: int = Field(
        default=4, ge=1, le=64, description="Queries there that run at once; 32 more wait, others get 503."
    )
    max_body_bytes: int = Field(
        default=16 * 1024**2,
        ge=1024,
        le=MAX_BODY_BYTES,
        description="Largest OTLP body accepted, measured after decompression.",
    )
    max_body_spans: int = Field(
        default=50_000, ge=1, le=MAX_COUNT, description="Most spans, or points of metrics, accepted in one OTLP body."
    )
    spool_max_bytes: int = Field(
        default=1024**3,
        ge=1024**2,
        le=MAX_BYTES,
        description="Most bytes the spool holds before the server answers 503.",
    )
    metrics_spool_max_bytes: int = Field(
        default=256 * 1024**2,
        ge=1024**2,
        le=MAX_BYTES,
        description="The same for metrics, which have a spool of their own.",
    )
    min_free_disk_bytes: int = Field(
        default=512 * 1024**2, ge=0, le=MAX_BYTES, description="Free disk below which the server answers 503."
    )
    roll_interval_seconds: float = Field(
        default=60.0,
        gt=0,
        le=MAX_WAIT_SECONDS,
        description="Seconds between two rollups of new events into hours and days.",
    )
    expire_interval_seconds: float = Field(
        default=3600.0,
        gt=0,
        le=MAX_WAIT_SECONDS,
        description="Seconds between two searches for events past their retention.",
    )
    verify_interval_seconds: float = Field(
        default=6 * 3600.0,
        gt=0,
        le=MAX_WAIT_SECONDS,
        description="Seconds between two readings of every file of the engine against its checksum.",
    )
    landing_retention_days: int = Field(
        default=7, ge=1, le=MAX_DAYS, description="Days the landing table keeps spans after receipt."
    )
    metrics_retention_days: int = Field(
        default=30, ge=1, le=MAX_DAYS, description="Days metrics are kept after receipt."
    )
    event_retention_days: int = Field(default=90, ge=1, le=MAX_DAYS, description="Days events are kept after receipt.")
    cache_ttl_minutes: float = Field(
        default=15.0,
        ge=0,
        le=MAX_WAIT_SECONDS / 60,
        description="Minutes for which an answer is given again while nothing it was read from has changed; 0: never.",
    )
    abandoned_after_seconds: float = Field(
        default=6 * 3600.0,
        gt=0,
        le=MAX_DAYS * 86_400,
        description="Seconds without an end after which an unfinished operation counts as abandoned.",
    )
    silent_after_seconds: float = Field(
        default=180.0,
        gt=0,
        le=MAX_WAIT_SECONDS,
        description="Seconds without a sign after which a process, and what it has loaded, counts as gone.",
    )
    anomaly_min_score: float = Field(
        default=4.0, gt=0, le=1000, description="Standard deviations from which an hour counts as out of the ordinary."
    )
    waiting_weight: float = Field(
        default=10.0,
        ge=0,
        le=MAX_COUNT,
        description="What an hour of waiting for a load costs, in hours of an idle place in memory.",
    )
    excellent_ms: float = Field(
        default=500.0,
        gt=0,
        le=MAX_WAIT_SECONDS * 1000,
        description="Milliseconds up to which the p95 of a pattern is excellent.",
    )

    # what is told of this machine's disks
    inventory_hours: float = Field(
        default=6.0,
        ge=0,
        le=MAX_WAIT_SECONDS / 3600,
        description="Hours between two looks at the models on this machine's disks; 0: `modeltally up` never looks.",
    )
    inventory_poll_seconds: float = Field(
        default=30.0,
        ge=1,
        le=MAX_WAIT_SECONDS,
        description="Seconds between two questions to a model server what it has in memory.",
    )
    models_verify_days: float = Field(
        default=0.0,
        ge=0,
        le=MAX_DAYS,
        description="Days after which all files of a model are read again and compared with their sums; 0: never.",
    )
    models_verify_hours: str = Field(
        default="",
        description="The hours in which that may run: `01:00-05:00 Europe/Berlin`; empty: at any time.",
    )
    models_verify_bytes_per_second: float = Field(
        default=50e6, ge=1, le=MAX_BYTES, description="The most that it reads in a second."
    )
    trash_days: float = Field(
        default=14.0,
        ge=0,
        le=MAX_DAYS,
        description="Days for which what was removed can be brought back; `models purge` takes what is older.",
    )

    # reports that are made by themselves
    reports_schedule: str = Field(
        default="",
        description="When reports are made: `daily`, `weekly` (on Mondays) or `monthly` (on the first), an hour and a"
        " zone, as `weekly 07:00 Europe/Berlin`, about the days, week or month before; empty: never.",
    )
    reports_names: str = Field(
        default=",".join(REPORT_NAMES), description="Which reports these are, with commas between."
    )
    reports_formats: str = Field(
        default="html", description="Their formats, with commas between: json, csv, md, html, pdf."
    )
    reports_directory: Path | None = Field(
        default=None,
        description="The folder they go to; where neither it nor `reports_webhook_url` is set, `reports` in the data"
        " directory.",
    )
    reports_webhook_url: SecretStr = Field(
        default=SecretStr(""), description="An address that each of them is posted to."
    )
    reports_webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="What these posts are signed with; empty: they are not."
    )
    reports_check_seconds: float = Field(
        default=60.0, gt=0, le=MAX_WAIT_SECONDS, description="Seconds between two looks at whether a report is due."
    )

    # what an advice needs before it is given
    advice_interval_seconds: float = Field(
        default=3600.0,
        gt=0,
        le=MAX_WAIT_SECONDS,
        description="Seconds between two looks at what to advise, each kind once a day (UTC), and at what came of it.",
    )
    cleanup_history_days: float = Field(
        default=180,
        ge=0,
        le=MAX_DAYS,
        description="Days the deployment must have been watched before a deletion is advised.",
    )
    cleanup_age_days: float = Field(
        default=45, ge=0, le=MAX_DAYS, description="Days a model must be here since its first sight or last download."
    )
    cleanup_never_used_days: float = Field(
        default=150, ge=0, le=MAX_DAYS, description="Days a model that was never used must be here."
    )
    cleanup_threshold_days: float = Field(
        default=30,
        ge=0,
        le=MAX_DAYS,
        description="Days a model must idle; never fewer than 120 and three times its longest pause so far.",
    )
    cleanup_few_uses_idle_days: float = Field(
        default=150, ge=0, le=MAX_DAYS, description="Days a model used on fewer than four days must idle instead."
    )
    cleanup_evidence_idle_days: float = Field(
        default=7, ge=0, le=MAX_DAYS, description="Days of idleness from which the evidence about a model is shown."
    )
    cleanup_source_days: float = Field(
        default=30,
        ge=0,
        le=MAX_DAYS,
        description="Days since a download that worked within which a model is advised to be deleted, else moved away.",
    )
    cleanup_run_models: int = Field(default=3, ge=0, le=MAX_COUNT, description="Models that one run names at most.")
    cleanup_run_bytes_share: float = Field(
        default=0.1, ge=0, le=1, description="Part of all models' bytes that one run names at most."
    )
    cleanup_disk_price: float = Field(
        default=0, ge=0, le=MAX_COUNT, description="What 10^9 bytes on disk cost for 30 days; 0 where nobody knows."
    )
    cleanup_fetch_bytes_per_second: float = Field(
        default=100e6, gt=0, le=MAX_BYTES, description="How fast a model that was deleted comes back."
    )
    cleanup_transfer_price: float = Field(
        default=0, ge=0, le=MAX_COUNT, description="What it costs to bring 10^9 bytes back."
    )
    cleanup_waiting_price: float = Field(
        default=0, ge=0, le=MAX_COUNT, description="What an hour costs in which somebody waits for that."
    )
    cleanup_gone_chance: float = Field(
        default=0.02, ge=0, le=1, description="The chance that a model cannot be had again where it came from."
    )
    cleanup_gone_price: float = Field(
        default=0, ge=0, le=MAX_COUNT, description="What it costs if it cannot; 0 where nobody knows."
    )
    cleanup_seed_uses_per_day: float = Field(
        default=0.1, ge=0, le=MAX_COUNT, description="The plain cleanup rule: fewer uses a day over 30 days."
    )
    cleanup_seed_success_rate: float = Field(
        default=0.5, ge=0, le=1, description="The plain cleanup rule: a lower success rate over 30 days."
    )
    preload_history_days: float = Field(default=14, ge=0, le=MAX_DAYS, description="Days that must have been watched.")
    preload_threshold_frequency: float = Field(
        default=0.5, ge=0, le=MAX_COUNT, description="Uses a day above which a model may be preloaded."
    )
    preload_success_rate: float = Field(
        default=0.9, ge=0, le=1, description="Success rate above which a model may be preloaded."
    )
    preload_probability: float = Field(
        default=0.5, gt=0, lt=1, description="Chance of a use within the time of a load and one hour more."
    )
    preload_unknown_load_seconds: float = Field(
        default=60, ge=0, le=MAX_WAIT_SECONDS, description="Seconds a load is taken to need where none was seen."
    )
    performance_tracking_window_days: int = Field(
        default=7, ge=1, le=MAX_DAYS, description="Days the performance advice looks back where no window is given."
    )
    performance_slow_seconds: float = Field(
        default=300,
        gt=0,
        le=MAX_WAIT_SECONDS,
        description="Mean seconds of a request above which a model counts as slow.",
    )
    performance_success_rate: float = Field(
        default=0.8, ge=0, le=1, description="Success rate below which a model counts as unreliable."
    )
    keep_slots: int = Field(
        default=0,
        ge=0,
        le=MAX_COUNT,
        description="How many models fit on the device at once; 0: unknown, and what to keep is not advised.",
    )
    keep_room_bytes: int = Field(
        default=0,
        ge=0,
        le=MAX_BYTES,
        description="How many bytes of models fit there, where that is what limits; it takes the size of each model.",
    )
    advice_zone: str = Field(
        default="UTC", description="Whose clocks the hours of the day go by that models are kept warm in."
    )
    advice_directory: Path | None = Field(
        default=None, description="A folder with rules of your own in SQL, a file each: docs/own-rules.md."
    )

    # what is looked at, and whom to tell
    alerts_interval_seconds: float = Field(
        default=300.0, gt=0, le=MAX_WAIT_SECONDS, description="Seconds between two looks for alerts."
    )
    alerts_window_hours: float = Field(
        default=1.0, gt=0, le=24 * 31, description="Hours back over which rates, durations and quality are looked at."
    )
    alerts_min_operations: int = Field(
        default=20,
        ge=1,
        le=MAX_COUNT,
        description="Operations a rate, a p95 or a quality must be of to be told; a p99 five times as many.",
    )
    alerts_success_rate: float = Field(default=0.8, ge=0, le=1, description="Success rate below which it is told.")
    alerts_error_rate: float = Field(default=0.2, ge=0, le=1, description="Error rate above which it is told.")
    alerts_uneven_factor: float = Field(
        default=2.0, ge=1, le=MAX_COUNT, description="Medians that a p95 may take before it is told."
    )
    alerts_quality: float = Field(default=0.7, ge=0, le=1, description="Mean quality below which it is told.")
    alerts_quality_gate_failures: int = Field(
        default=0, ge=0, le=MAX_COUNT, description="Failed quality gates above which it is told."
    )
    alerts_unused_hours: float = Field(
        default=168.0, gt=0, le=MAX_DAYS * 24, description="Hours without use above which it is told."
    )
    alerts_lost: int = Field(default=0, ge=0, le=MAX_COUNT, description="Lost operations above which it is told.")
    alerts_no_data_minutes: float = Field(
        default=60.0, gt=0, le=7 * 1440, description="Minutes without anything received above which it is told."
    )
    alerts_disk_percent: float = Field(
        default=90.0, gt=0, le=100, description="Percent of the data directory's disk in use above which it is told."
    )
    alerts_hours_behind: int = Field(
        default=0, ge=0, le=MAX_COUNT, description="Settled hours without a current rollup above which it is told."
    )
    alerts_quarantined: int = Field(
        default=0, ge=0, le=MAX_COUNT, description="Spans that came and cannot be counted above which it is told."
    )
    alerts_off: str = Field(default="", description="Rules that are not looked at: names with commas between.")
    alerts_severity: Literal["notice", "warning", "critical"] = Field(
        default="notice", description="The least severity that is sent, and counts for `check --alerts`."
    )
    alerts_hold_looks: int = Field(
        default=2, ge=1, le=1000, description="Looks in a row that must find it before it is told, or that it is over."
    )
    alerts_reminder_hours: float = Field(
        default=24.0,
        ge=0,
        le=MAX_WAIT_SECONDS / 3600,
        description="Hours after which what still fires is told again, notices excepted; 0: never.",
    )
    alerts_quiet_hours: str = Field(
        default="",
        description="When nothing but what is critical is sent: `22:00-07:00 Europe/Berlin`; UTC without a zone.",
    )
    alerts_webhook_url: SecretStr = Field(
        default=SecretStr(""), description="Where alerts are sent: `https://...`; empty: nowhere."
    )
    alerts_webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="What deliveries are signed with; empty: they are not."
    )
    download_bytes_per_second: float = Field(
        default=0, ge=0, le=MAX_BYTES, description="How fast models may be fetched; 0: no limit."
    )
    download_night_bytes_per_second: float = Field(
        default=0, ge=0, le=MAX_BYTES, description="The same for the hours of the night; 0: no limit then."
    )
    download_night_hours: str = Field(
        default="",
        description="When that is: `22:00-06:00 Europe/Berlin`; UTC without a zone; empty: never.",
    )
    page_url: str = Field(
        default="", description="Where people open the page, for links in what is sent: `https://host`."
    )

    @field_validator("dir", "reports_directory", "advice_directory", mode="before")
    @classmethod
    def _check_dir(cls, value: object) -> object:
        if not isinstance(value, str | Path):
            return value
        text = str(value)
        if (isinstance(value, str) and not text.strip()) or PLACEHOLDER in text or "\0" in text:
            raise ValueError("give a directory, with nothing left to replace in it")
        try:
            return Path(text).expanduser()
        except RuntimeError as error:
            raise ValueError(str(error)) from None

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._:%-]+", value):
            raise ValueError("give a host name or an address such as 127.0.0.1")
        return value

    @field_validator("reports_schedule")
    @classmethod
    def _check_schedule(cls, value: str) -> str:
        found = _SCHEDULE.fullmatch(value)
        if value and found is None:
            raise ValueError("give daily, weekly or monthly, an hour and a zone, as: weekly 07:00 Europe/Berlin")
        if found is not None:
            try:
                ZoneInfo(found[4])
            except (KeyError, ValueError, OSError):
                raise ValueError(f"{found[4]!r} is no time zone; give one of the IANA database") from None
        return value

    @field_validator("advice_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone; give one of the IANA database") from None
        return value

    @field_validator("reports_names", "reports_formats")
    @classmethod
    def _check_reports(cls, value: str, info: ValidationInfo) -> str:
        allowed = REPORT_NAMES if info.field_name == "reports_names" else REPORT_FORMATS
        given = [name.strip() for name in value.split(",")]
        if not set(given) <= set(allowed):
            raise ValueError(f"give some of {', '.join(allowed)}, with commas between")
        return ",".join(dict.fromkeys(given))

    @field_validator("allowed_hosts")
    @classmethod
    def _check_allowed_hosts(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._:\-\[\], ]*", value):
            raise ValueError("give names of hosts with commas between, without ports")
        return value

    @field_validator("alerts_quiet_hours", "models_verify_hours", "download_night_hours")
    @classmethod
    def _check_quiet_hours(cls, value: str) -> str:
        _quiet_hours(value)
        return value

    @field_validator("alerts_webhook_url", "reports_webhook_url")
    @classmethod
    def _check_webhook(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text and (not re.match(r"https?://[^/?#\s]", text) or not text.isprintable() or " " in text):
            raise ValueError("give an address that begins with https:// or http://, and nothing else")
        return value

    @field_validator("page_url")
    @classmethod
    def _check_page(cls, value: str) -> str:
        if not re.fullmatch(r"(https?://[^/?#\s@]+(/[^?#\s]*)?)?", value) or not value.isprintable():
            raise ValueError("give an address such as https://usage.example, without a name, a query or a fragment")
        return value.rstrip("/")

    @property
    def quiet_hours(self) -> tuple[time, time, ZoneInfo] | None:
        """When the quiet hours begin and end, and by which zone's clocks; None where there are none."""
        return _quiet_hours(self.alerts_quiet_hours)

    @property
    def verify_hours(self) -> tuple[time, time, ZoneInfo] | None:
        """When the files of models may be read, and by which zone's clocks; None for at any time."""
        return _quiet_hours(self.models_verify_hours)

    @property
    def rules_off(self) -> frozenset[str]:
        """The names in ``alerts_off``."""
        return frozenset(name.strip() for name in self.alerts_off.split(",") if name.strip())

    @property
    def allowed_host_names(self) -> list[str]:
        """The names in ``allowed_hosts``, without brackets around an address."""
        return [name.strip(" []") for name in self.allowed_hosts.split(",") if name.strip(" []")]

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.event_retention_days < self.landing_retention_days:
            raise ValueError(
                f"event_retention_days is {self.event_retention_days} and landing_retention_days"
                f" {self.landing_retention_days}: events are kept at least as long as the spans they are made of"
            )
        if self.max_body_bytes > self.spool_max_bytes:
            raise ValueError(
                f"max_body_bytes is {self.max_body_bytes} and spool_max_bytes {self.spool_max_bytes}:"
                " one body must fit into the spool"
            )
        ports = [port for port in (self.otlp_port, self.otlp_grpc_port, self.http_port, self.clickhouse_port) if port]
        if len(set(ports)) < len(ports):
            raise ValueError(
                f"otlp_port is {self.otlp_port}, otlp_grpc_port {self.otlp_grpc_port}, http_port {self.http_port} and"
                f" clickhouse_port {self.clickhouse_port}: give each a port of its own, or 0"
            )
        return self


def _quiet_hours(text: str) -> tuple[time, time, ZoneInfo] | None:
    """Read hours such as ``22:00-07:00 Europe/Berlin``.

    Raises:
        ValueError: It is something else.
    """
    if not text.strip():
        return None
    read = re.fullmatch(r"([0-2][0-9]:[0-5][0-9])-([0-2][0-9]:[0-5][0-9])(?: +([A-Za-z0-9_+/-]{1,64}))?", text.strip())
    first, last, name = read.groups() if read is not None else ("", "", "")
    try:
        begin, end, zone = time.fromisoformat(first), time.fromisoformat(last), ZoneInfo(name or "UTC")
    except (ValueError, KeyError, OSError):  # what a zone's name leads to may be no zone, or a folder
        raise ValueError("give hours and a zone such as 22:00-07:00 Europe/Berlin") from None
    if begin == end:
        raise ValueError("these hours end when they begin; leave it empty for none")
    return begin, end, zone
