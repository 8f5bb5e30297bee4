"""What this machine gives to a service started on it: versions, variables, the user key."""

from __future__ import annotations

import difflib
import os
import stat
import sys
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import TYPE_CHECKING, Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from modeltally.doctor.findings import Finding, ok, warn
from modeltally.instrument._privacy import KEY_FILE_NAME, Hasher, data_directory
from modeltally.instrument._switch import is_disabled
from modeltally.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["examine_environment", "examine_user_key", "examine_versions"]

# read by the instrumentation; all others are settings
_OWN_VARIABLES: Final = frozenset(
    {
        *("MODELTALLY_OTLP_ENDPOINT", "MODELTALLY_OTLP_HEADERS", "MODELTALLY_USER_KEY", "MODELTALLY_DISABLED"),
        *("MODELTALLY_INSTRUMENT", "MODELTALLY_RUN_LIBRARIES", "MODELTALLY_USER_HEADER", "MODELTALLY_GPU_METRICS"),
    }
)
_SWITCHES: Final = ("MODELTALLY_DISABLED", "OTEL_SDK_DISABLED")
_PACKAGES: Final = (
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp",
    "opentelemetry-exporter-otlp-proto-http",
    "chdb-core",
    "clickhouse-connect",
)


def examine_versions() -> Iterator[Finding]:
    """Look at the versions that matter, and whether they are ones this package supports."""
    found = {"python": ".".join(map(str, sys.version_info[:3])), "modeltally": _version("modeltally") or "0"}
    found |= {name: number for name in _PACKAGES if (number := _version(name))}
    yield ok("versions", ", ".join(f"{name} {number}" for name, number in found.items()))
    for name, supported in _supported().items():
        if name in found and not supported.contains(found[name], prereleases=True):
            # the lower bound first, as people write it
            bounds = ",".join(sorted(map(str, supported), reverse=True))
            yield warn(
                "versions", f"{name} {found[name]} is not supported: {bounds} is", f"pip install '{name}{bounds}'"
            )
    if "chdb-core" not in found:
        yield ok("versions", "no engine here: pip install 'modeltally[local]' where `modeltally up` is to run")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _supported() -> dict[str, SpecifierSet]:
    """The ranges this package names, by package."""
    try:
        ranges = {"python": SpecifierSet(metadata("modeltally")["Requires-Python"] or "")}
        named = [Requirement(text) for text in requires("modeltally") or []]
    except PackageNotFoundError:
        return {}
    return ranges | {each.name: each.specifier for each in named if each.name in _PACKAGES and each.specifier}


def examine_environment() -> Iterator[Finding]:
    """Look at the variables a service inherits: kill switches, contradictions, names nobody reads."""
    present = os.environ.get
    if is_disabled():
        switches = " and ".join(name for name in _SWITCHES if present(name))
        yield warn("environment", f"{switches} switches telemetry off in a service started here", "unset it to record")
    endpoint, standard = present("MODELTALLY_OTLP_ENDPOINT"), _standard_endpoint()
    if endpoint and present("OTEL_EXPORTER_OTLP_HEADERS"):
        yield warn(
            "environment",
            "OTEL_EXPORTER_OTLP_HEADERS is set and not used: the address comes from MODELTALLY_OTLP_ENDPOINT",
            "put what that address needs into MODELTALLY_OTLP_HEADERS",
        )
    if standard and not endpoint and present("MODELTALLY_OTLP_HEADERS"):
        yield warn(
            "environment",
            f"MODELTALLY_OTLP_HEADERS is set and not used: the address comes from {standard}",
            "set MODELTALLY_OTLP_ENDPOINT too, or put them into OTEL_EXPORTER_OTLP_HEADERS",
        )
    if present("OTEL_TRACES_EXPORTER", "").strip().lower() == "none" and not is_disabled():
        yield warn(
            "environment",
            "OTEL_TRACES_EXPORTER=none does not switch modeltally off: it has an exporter of its own",
            "set MODELTALLY_DISABLED=1 to switch it off",
        )
    yield from _unknown_variables()


def _standard_endpoint() -> str | None:
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return next((name for name in names if os.environ.get(name)), None)


def _unknown_variables() -> Iterator[Finding]:
    settings = {f"MODELTALLY_{name.upper()}" for name in Settings.model_fields}
    known = _OWN_VARIABLES | settings
    given = sorted(name for name in os.environ if name.upper().startswith("MODELTALLY_"))
    for name in given:
        if name not in _OWN_VARIABLES and name.upper() not in settings:
            close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
            todo = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(known))}"
            yield warn("environment", f"nobody reads the variable {name}", todo)
    if given:
        yield ok("environment", f"set: {', '.join(given)}")


def examine_user_key(directory: Path, *, has_server: bool) -> Iterator[Finding]:
    """Look at the key that makes pseudonyms of user ids, in a service and in the local server.

    Args:
        directory: The data directory the server uses.
        has_server: Whether one runs there.
    """
    path, served_path = data_directory() / KEY_FILE_NAME, directory / KEY_FILE_NAME
    served = _read(served_path)
    owner = "server" if has_server else "data directory"
    key = (os.environ.get("MODELTALLY_USER_KEY") or "").strip()
    where = "MODELTALLY_USER_KEY"
    if not key:
        key, where = _read(path), str(path)
    if not key:
        yield warn(
            "user key",
            f"none: MODELTALLY_USER_KEY is not set and {path} cannot be read; users are not recorded",
            f"put the {owner}'s, {served_path}, into MODELTALLY_USER_KEY of every service"
            if served
            else "`modeltally up` makes one; put it into MODELTALLY_USER_KEY of every service",
        )
        return
    key_id = Hasher(key).key_id
    yield ok("user key", f"from {where}, key id {key_id}")
    if served and Hasher(served).key_id != key_id:
        yield warn(
            "user key",
            f"the {owner} has another: {served_path}, key id {Hasher(served).key_id}; a person hashed under both"
            " counts twice",
            "use one key everywhere",
        )
    for file in {path.resolve(), served_path.resolve()}:
        yield from _permissions(file)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _permissions(path: Path) -> Iterator[Finding]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield warn("user key", f"{path} can be read by others (mode {mode:04o})", f"chmod 600 {path}")
