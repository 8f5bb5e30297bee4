"""Where spans go and why, the kill switches, the resource, the key; and what happens when a setting is unusable."""

from __future__ import annotations

import dataclasses
import inspect
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import pytest

import modeltally
from modeltally.instrument import _privacy, _runtime
from modeltally.instrument._checks import CHECKS
from modeltally.instrument._config import Config
from modeltally.instrument._destination import find_destination
from support.sink import Sink

if TYPE_CHECKING:
    from modeltally.testing import Captured

OURS = "MODELTALLY_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
STANDARD = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("argument", "environment", "url", "reason"),
    [
        (None, {}, "http://127.0.0.1:4318/v1/traces", "the default"),
        (None, {STANDARD: "http://c:1/"}, "http://c:1/v1/traces", STANDARD),
        (None, {STANDARD: "http://c:1", TRACES: "http://t:2/x"}, "http://t:2/x", TRACES),
        (None, {STANDARD: "http://c:1", OURS: "http://o:3"}, "http://o:3/v1/traces", OURS),
        ("https://a:4/otlp", {OURS: "http://o:3"}, "https://a:4/otlp/v1/traces", "argument endpoint"),
        ("http://a:4/v1/traces", {}, "http://a:4/v1/traces", "argument endpoint"),
    ],
)
def test_endpoint_is_the_most_specific_one(
    monkeypatch: pytest.MonkeyPatch, argument: str | None, environment: dict[str, str], url: str, reason: str
) -> None:
    """Argument, our variable, OpenTelemetry's, this machine; and it is known which it was."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    destination = find_destination(argument, None)
    assert (destination.url, destination.reason) == (url, reason)


def test_headers_belong_to_the_endpoint_they_were_set_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor's key does not travel to another address."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
    monkeypatch.setenv(STANDARD, "http://vendor:1")
    assert find_destination(None, None).headers == {"api-key": "secret"}
    monkeypatch.setenv(OURS, "http://here:2")
    assert find_destination(None, None).headers == {}


def test_log_says_where_and_why_without_secrets(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, the address without user name and password."""
    monkeypatch.setenv(OURS, "http://user:secret@collector:4318")
    with caplog.at_level(logging.INFO, logger="modeltally"):
        modeltally.configure(headers={"key": "secret"})
    assert caplog.messages == [f"exporting to http://collector:4318/v1/traces (from {OURS})"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"endpoint": "localhost:4318"}, "argument endpoint is 'localhost:4318/v1/traces'"),
        ({"endpoint": "file:///etc/passwd"}, "give an address such as"),
        ({"endpoint": "http://[::1"}, "give an address such as"),
        ({"endpoint": "http://host:port"}, "give an address such as"),
        ({"export_interval_seconds": 0}, "configure(export_interval_seconds=...) is 0"),
        ({"export_interval_seconds": float("nan")}, "export_interval_seconds=...) is nan"),
        ({"max_queue_items": -1}, "max_queue_items=...) is -1"),
        ({"heartbeat_interval_seconds": "30"}, "heartbeat_interval_seconds=...) is '30'"),
        ({"endpoint": b"http://localhost"}, "endpoint=...) is of type bytes"),
        ({"user_key": 5}, "user_key=...) is of type int"),
        ({"service_name": ["a"]}, "service_name=...) is of type list"),
        ({"exporter": object()}, "exporter=...) is of type object"),
        ({"headers": [("a", "b")]}, "headers=...) is of type list"),
        ({"headers": {"a b": "c"}}, "a header is named 'a b'"),
        ({"headers": {"a": "b\nc: d"}}, "header 'a' has a value that is no line of ASCII text"),
        ({"headers": {"a": 5}}, "header 'a' has a value that is no line of ASCII text"),
        ({"unfinished_after_seconds": True}, "unfinished_after_seconds=...) is True"),
    ],
)
def test_service_runs_without_telemetry_when_a_setting_is_unusable(
    caplog: pytest.LogCaptureFixture, arguments: dict[str, Any], said: str
) -> None:
    """One warning that names key, value and what is allowed; calls go through."""
    modeltally.configure(**arguments)
    with modeltally.model_request("m"):
        pass
    assert said in caplog.text
    assert "telemetry is off" in caplog.text
    assert modeltally.counters().dropped == {"not_configured": 1}


def test_every_setting_is_checked_and_told_of() -> None:
    """A field of the configuration is an argument of ``configure``, with its default, its meaning and a check."""
    settings = [setting for setting in dataclasses.fields(Config) if setting.init]
    assert {str(setting.type) for setting in settings} <= set(CHECKS)
    parameters = inspect.signature(modeltally.configure).parameters
    assert {name: parameter.default for name, parameter in parameters.items()} == {
        setting.name: setting.default for setting in settings
    }
    told = re.findall(r"^    (\w+): \S", inspect.getdoc(modeltally.configure) or "", re.MULTILINE)
    assert told == list(parameters)


def test_settings_have_types_for_checkers() -> None:
    """mypy, which runs over this file, refuses what the check refuses; an unknown setting is counted, not raised."""
    modeltally.configure(endpoint=5)  # type: ignore[arg-type]  # the point
    modeltally.configure(end_point="http://127.0.0.1:4318")  # type: ignore[call-arg]  # the point
    assert modeltally.counters().problems == {"configuration": 1, "configure": 1}


def test_grpc_endpoint_is_not_taken_for_http(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """An address that the host uses for gRPC would refuse every request of ours: better say it at once."""
    monkeypatch.setenv(STANDARD, "http://collector:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    modeltally.configure()
    assert "MODELTALLY_OTLP_ENDPOINT" in caplog.text
    assert "telemetry is off" in caplog.text


def test_timeout_variable_is_checked(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A standard variable that is no number is named."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")
    modeltally.configure()
    assert "OTEL_EXPORTER_OTLP_TIMEOUT is 'soon'" in caplog.text


def test_operations_are_counted_when_nobody_configured(caplog: pytest.LogCaptureFixture) -> None:
    """A library may use the wrappers; whether they record is the application's decision."""
    for _ in range(3):
        with modeltally.model_request("m") as operation:
            operation.set(output_tokens=1)
    assert modeltally.counters().dropped == {"not_configured": 3}
    assert sum("configure()" in message for message in caplog.messages) == 1
    assert modeltally.flush()
    assert modeltally.shutdown()


@pytest.mark.parametrize("variable", ["MODELTALLY_DISABLED", "OTEL_SDK_DISABLED"])
def test_nothing_is_recorded_while_switched_off(seen: Captured, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """The variables are read at each call; `false` is not off."""
    monkeypatch.setenv(variable, "true")
    with modeltally.model_request("m") as operation:
        operation.set(output_tokens=1)
    assert modeltally.record("model.load", started_at=1, ended_at=1) is None
    assert modeltally.evaluate(operation.ref, name="x", score=1) is None
    monkeypatch.setenv(variable, "false")
    with modeltally.model_request("m"):
        pass
    assert len(seen.spans()) == 1
    assert modeltally.counters().started == 1


def test_resource_says_what_the_host_says(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's variables hold; the instance id is ours, so that heartbeats can be told apart."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "painter")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=7,team=a%20b,service.instance.id=pod-1")
    modeltally.configure(endpoint=sink.url, environment="staging")
    with modeltally.model_request("m"):
        pass
    assert modeltally.flush()
    resource = sink.operations[0].resource
    assert resource["service.name"] == "painter"
    assert resource["service.version"] == "7"
    assert resource["team"] == "a b"
    assert resource["deployment.environment.name"] == "staging"
    assert resource["service.instance.id"] != "pod-1"


def test_argument_beats_environment_for_the_service_name(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that names its service means it."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "painter")
    modeltally.configure(endpoint=sink.url, service_name="sculptor", service_version="2")
    with modeltally.model_request("m"):
        pass
    assert modeltally.flush()
    assert sink.operations[0].resource["service.name"] == "sculptor"


def test_second_configure_replaces_the_first(sink: Sink) -> None:
    """What the first one had is delivered, what comes goes to the second."""
    second = Sink()
    modeltally.configure(endpoint=sink.url)
    with modeltally.model_request("first"):
        pass
    modeltally.configure(endpoint=second.url)
    with modeltally.model_request("second"):
        pass
    assert modeltally.flush()
    assert [item.attributes["modeltally.model.id"] for item in sink.operations] == ["first"]
    assert [item.attributes["modeltally.model.id"] for item in second.operations] == ["second"]
    assert sink.heartbeats[-1]["goodbye"] is True
    second.close()


def test_user_key_is_the_most_specific_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, environment, the data directory's key file; none is made up."""
    directory = tmp_path / "data"
    assert _privacy.find_user_key(None) is None
    assert not directory.exists()
    directory.mkdir()
    (directory / "user.key").write_text("from-file\n")
    assert _privacy.find_user_key(None) == "from-file"
    monkeypatch.setenv("MODELTALLY_USER_KEY", "from-environment")
    assert _privacy.find_user_key(None) == "from-environment"
    assert _privacy.find_user_key("given") == "given"


def test_no_user_is_recorded_without_a_key(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    """A key made up per process would count one person several times: better none, said once and counted."""
    modeltally.configure(endpoint=sink.url)
    for _ in range(3):
        with modeltally.model_request("m", user="alice", prompt="a fox"):
            pass
    assert modeltally.flush()
    for item in sink.operations:
        assert "user.hash" not in item.attributes
        assert "modeltally.user.key_id" not in item.attributes
        assert "modeltally.prompt.hash" not in item.attributes
        assert item.attributes["modeltally.prompt.length"] == 5
    assert modeltally.counters().problems["no_user_key"] == 3
    assert sum("MODELTALLY_USER_KEY" in message for message in caplog.messages) == 1


@pytest.mark.parametrize("data_home", [None, "", "/tmp/elsewhere"])  # noqa: S108 - a name, nothing is written there
def test_data_directory_is_where_the_other_commands_look(
    monkeypatch: pytest.MonkeyPatch, data_home: str | None
) -> None:
    """The rule stands here in small, since a service does not import what the command line uses."""
    monkeypatch.delenv("MODELTALLY_DIR")
    if data_home is None:
        monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_DATA_HOME", data_home)
    assert _privacy.data_directory() == platformdirs.user_data_path("modeltally", appauthor=False)


def test_data_directory_follows_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules of macOS and Windows, as platformdirs writes them."""
    monkeypatch.delenv("MODELTALLY_DIR")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert _privacy.data_directory() == Path.home() / "Library" / "Application Support" / "modeltally"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert _privacy.data_directory() == Path("/local/modeltally")


def test_equal_settings_change_nothing(exported: Sink) -> None:
    """A pool whose every task configures loses nothing: what runs goes on, under the same instance."""
    for _ in range(3):
        modeltally.configure(endpoint=exported.url, user_key="key", export_interval_seconds=60)
        with modeltally.model_request("m"):
            pass
    pipeline = _runtime.current()
    assert modeltally.counters().started == 3
    modeltally.configure(endpoint=exported.url, user_key="other", export_interval_seconds=60)
    assert _runtime.current() is not pipeline
    assert modeltally.counters().started == 0
    assert len(exported.operations) == 3
