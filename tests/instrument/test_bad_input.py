"""What a service may be given by mistake: arguments of ``configure``, environment variables, key files, odd values.

The rule: one warning that names the key, the value (never a secret) and what is allowed; telemetry is off; the service
runs. Where each kind of bad input is tested:

Calls
    None, huge text, bytes and tensors, raising ``__str__ __repr__ __hash__ __eq__ __len__ __bool__ __getattr__`` and
    more, infinite iterators, cycles, depth 3000, lone surrogates, 2**63, 10**5000, NaN, Infinity, Decimal, numpy,
    bytes, enumerations, naive datetimes, slots, frozen and C classes, metaclasses, mocks, proxies
        ``chaos/instrument`` (every kind at every entry point); one by one in ``test_values.py``
    generators, partial consumption, CancelledError, KeyboardInterrupt, StopIteration, SystemExit
        ``test_streams.py``, ``test_outcomes.py``, ``test_frameworks.py``, ``chaos/instrument``
    naive and impossible times of ``record``
        ``test_recording.py``
    methods, class methods, static methods, pickling, copying
        ``test_wrappers.py``; properties and cached properties here
    recursion 900 deep, near the limit, re-entrance from destructors and signal handlers, 200 threads
        ``chaos/instrument``, ``test_guard.py``
    fork in the middle, the interpreter's end
        ``test_processes.py``, ``test_endings.py``
    decorated twice
        ``chaos/instrument``
    downloads: size unknown, 0, negative, above 2**63, resumed, 404, disk full; a clock that steps back
        here

Configuration
    endpoint without scheme, ``file://``, broken; NaN, 0, negative and mistyped numbers; wrong types; headers
        ``test_configuration.py``; everything else that is in no other place, here
    a redirecting receiver
        ``test_export.py`` (307 is a loss, not a delivery)
    what is contradictory, unknown or duplicate in a file: a service reads none; ``tests/cli/test_bad_settings.py``
"""

from __future__ import annotations

import functools
import logging
import os
import time
import urllib.error
from decimal import Decimal
from email.message import Message
from typing import TYPE_CHECKING, Any

import pytest

import modeltally
from modeltally.instrument import _clock, _privacy
from modeltally.instrument._destination import find_destination

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.testing import Captured
    from support.sink import Sink

OURS = "MODELTALLY_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
STANDARD = "OTEL_EXPORTER_OTLP_ENDPOINT"
BOM = "\ufeff"
NOT_UTF8 = "\udcff"  # as Python reads a byte that is no UTF-8 from the environment
SECRET = "hush-hush"  # noqa: S105 - nobody's


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as a warning or worse."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def call() -> int:
    """Call a watched function."""

    @modeltally.model_request("m", user="u")
    def generate() -> int:
        return 7

    return generate()


def assert_off(caplog: pytest.LogCaptureFixture, *said: str) -> None:
    """See that there was one warning that says so, that telemetry is off and the service runs."""
    (warning,) = warnings(caplog)
    for part in said:
        assert part in warning
    assert warning.endswith("telemetry is off")
    assert len(warning) < 1000
    assert SECRET not in caplog.text
    assert call() == 7
    assert modeltally.counters().dropped == {"not_configured": 1}


# -- environment variables ---------------------------------------------------------------------------------------------

ENDPOINTS = [
    (OURS, BOM + "http://127.0.0.1:4318"),
    (OURS, "http://127.0.0.1:43\t18"),
    (OURS, "http://127.0.0.1 :4318"),
    (OURS, "${OTLP_ENDPOINT}"),
    (OURS, "http://${OTLP_HOST}:4318"),
    (OURS, "http://collector:${OTLP_PORT}"),
    (OURS, "http://collector/${TENANT}"),
    (OURS, f"http://collect{NOT_UTF8}r:4318"),
    (OURS, "file:///etc/passwd"),
    (OURS, "collector:4318"),
    (OURS, "ftp://collector:4318"),
    (OURS, "http://"),
    (OURS, "http://:4318"),
    (OURS, "http://collector:0"),
    (OURS, "http://collector:99999"),
    (OURS, " "),
    (OURS, "none"),
    (OURS, f"http//user:{SECRET}@collector"),
    (OURS, "x" * 10_000),
    (OURS, "http://169.254.169.254"),
    (OURS, "http://169.254.169.254./latest"),
    (OURS, "http://2852039166"),
    (OURS, "http://0xa9fea9fe:80"),
    (OURS, "http://[::ffff:169.254.169.254]"),
    (OURS, "http://[fd00:ec2::254]:4318"),
    (OURS, "http://Metadata.Google.Internal"),
    (TRACES, "\thttp://127.0.0.1:4318/v1/traces"),
    (TRACES, "http://127.0.0.1:4318/v1/traces\r"),
    (TRACES, "${ENDPOINT}"),
    (STANDARD, BOM),
    (STANDARD, "localhost"),
    (STANDARD, "unix:///var/run/otlp.sock"),
]


@pytest.mark.parametrize(("variable", "value"), ENDPOINTS, ids=[f"{name}={value!r:.40}" for name, value in ENDPOINTS])
def test_endpoint_in_the_environment_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    """The warning names the variable and says what an endpoint looks like."""
    monkeypatch.setenv(variable, value)
    modeltally.configure()
    assert_off(caplog, f"{variable} is ", "give an address such as http://127.0.0.1:4318")


def test_blanks_around_an_endpoint_are_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tabs and line ends that a file of variables left over are taken away."""
    monkeypatch.setenv(OURS, "\t http://127.0.0.1:4318/\r\n")
    assert find_destination(None, None).url == "http://127.0.0.1:4318/v1/traces"


OTHERS = [
    ("MODELTALLY_OTLP_HEADERS", SECRET, "entry 1 of MODELTALLY_OTLP_HEADERS is no pair; give key=value,key=value"),
    ("MODELTALLY_OTLP_HEADERS", f"a=b,=x,{SECRET}", "entry 2 of MODELTALLY_OTLP_HEADERS is no pair"),
    ("MODELTALLY_OTLP_HEADERS", f"authorization: Bearer {SECRET}", "entry 1 of MODELTALLY_OTLP_HEADERS is no pair"),
    ("MODELTALLY_OTLP_HEADERS", "api-key=${TOKEN}", "header 'api-key' has a value in which nobody replaced ${...}"),
    ("MODELTALLY_OTLP_HEADERS", f"api-key={SECRET}%0d%0aX: y", "header 'api-key' has a value that is no line of ASCII"),
    ("MODELTALLY_OTLP_HEADERS", f"api-key={NOT_UTF8}{SECRET}", "header 'api-key' has a value that is no line of ASCII"),
    ("MODELTALLY_OTLP_HEADERS", f"{BOM}api-key={SECRET}", "give letters, digits and dashes"),
    ("MODELTALLY_OTLP_HEADERS", f"api key={SECRET}", "a header is named 'api key'; give letters, digits and dashes"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "OTEL_EXPORTER_OTLP_TIMEOUT is 'soon'; give seconds above 0, at most 86400"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "OTEL_EXPORTER_OTLP_TIMEOUT is '10s'"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "OTEL_EXPORTER_OTLP_TIMEOUT is '0'"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1", "OTEL_EXPORTER_OTLP_TIMEOUT is '-1'"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan", "OTEL_EXPORTER_OTLP_TIMEOUT is 'nan'"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "inf", "OTEL_EXPORTER_OTLP_TIMEOUT is 'inf'"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "1e300", "OTEL_EXPORTER_OTLP_TIMEOUT is '1e300'"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "${TIMEOUT}", "OTEL_EXPORTER_OTLP_TIMEOUT is '${TIMEOUT}'"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", BOM + "5", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT is '\\ufeff5'"),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem", "OTEL_EXPORTER_OTLP_CERTIFICATE is '/nowhere/ca.pem'"),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/", "give a file that can be read"),
    ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "${CA}", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE is '${CA}'"),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/nowhere/key.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY is '/nowhere/key.pem'"),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", __file__, "OTEL_EXPORTER_OTLP_CLIENT_KEY, or none"),
]


@pytest.mark.parametrize(("variable", "value", "said"), OTHERS, ids=[f"{row[0]}={row[1]!r:.40}" for row in OTHERS])
def test_other_variable_that_is_not_usable_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str, said: str
) -> None:
    """The warning names the variable, or the header in it, and what is allowed; what may be a password is not shown."""
    monkeypatch.setenv(variable, value)
    modeltally.configure(endpoint="http://127.0.0.1:9")
    assert_off(caplog, said)


def test_header_of_the_standard_family_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The family's own variable is the one to mend."""
    monkeypatch.setenv(STANDARD, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", SECRET)
    modeltally.configure()
    assert_off(caplog, "entry 1 of OTEL_EXPORTER_OTLP_TRACES_HEADERS is no pair")


def test_credentials_in_an_endpoint_are_used_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sink: Sink
) -> None:
    """They are a way to say a password; neither the log nor a warning repeats it."""
    monkeypatch.setenv(OURS, sink.url.replace("://", f"://user:{SECRET}@"))
    with caplog.at_level(logging.DEBUG, logger="modeltally"):
        modeltally.configure(user_key="key")
        assert call() == 7
        assert modeltally.flush()
    assert "authorization" in sink.headers[0]
    assert warnings(caplog) == []
    assert SECRET not in caplog.text


HARMLESS = [
    *[
        (variable, "")
        for variable in (
            "MODELTALLY_OTLP_HEADERS",
            "MODELTALLY_DISABLED",
            "OTEL_SDK_DISABLED",
            "OTEL_SERVICE_NAME",
            "OTEL_RESOURCE_ATTRIBUTES",
            TRACES,
            STANDARD,
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            "OTEL_METRICS_EXPORTER",
        )
    ],
    ("MODELTALLY_OTLP_HEADERS", " , \t,"),
    ("MODELTALLY_DISABLED", "no"),
    ("MODELTALLY_DISABLED", "${DISABLED}"),
    ("MODELTALLY_DISABLED", NOT_UTF8),
    ("MODELTALLY_DISABLED", BOM + "true"),
    ("OTEL_SDK_DISABLED", "0"),
    ("OTEL_SERVICE_NAME", NOT_UTF8),
    ("OTEL_SERVICE_NAME", "${SERVICE}"),
    ("OTEL_SERVICE_NAME", "x" * 100_000),
    ("OTEL_RESOURCE_ATTRIBUTES", "a"),
    ("OTEL_RESOURCE_ATTRIBUTES", "=,a=,=b,,"),
    ("OTEL_RESOURCE_ATTRIBUTES", f"a={NOT_UTF8},b=%ff"),
    ("OTEL_RESOURCE_ATTRIBUTES", "\ta\t=\t1\t"),
    ("OTEL_RESOURCE_ATTRIBUTES", "${ATTRIBUTES}"),
    ("OTEL_RESOURCE_ATTRIBUTES", ",".join(f"k{index}=v" for index in range(3000))),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "${PROTOCOL}"),
]


@pytest.mark.parametrize(("variable", "value"), HARMLESS, ids=[f"{name}={value!r:.40}" for name, value in HARMLESS])
def test_variable_that_says_nothing_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, sink: Sink, variable: str, value: str
) -> None:
    """Empty is as good as not set, and what concerns a part only does not stop the operations."""
    monkeypatch.setenv(OURS, sink.url)
    monkeypatch.setenv(variable, value)
    modeltally.configure(user_key="key")
    assert call() == 7
    assert modeltally.flush()
    assert [span.attributes["modeltally.outcome"] for span in sink.operations] == ["success"]


def test_metrics_alone_are_off_when_their_variable_is_not_usable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sink: Sink
) -> None:
    """Operations are recorded all the same."""
    monkeypatch.setenv(TRACES, sink.url + "/v1/traces")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "${METRICS}")
    modeltally.configure(user_key="key")
    (warning,) = warnings(caplog)
    assert warning.startswith("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is '${METRICS}'")
    assert warning.endswith("metrics are off")
    assert call() == 7
    assert modeltally.flush()
    assert len(sink.operations) == 1


# -- arguments of configure --------------------------------------------------------------------------------------------

SECONDS = [
    "export_interval_seconds",
    "unfinished_after_seconds",
    "heartbeat_interval_seconds",
    "metrics_interval_seconds",
]
NUMBERS = [*SECONDS, "max_queue_items", "max_queue_bytes"]
NO_NUMBERS: list[Any] = [0, -1, float("nan"), float("inf"), -(10**5000), "30", b"1", [1], True, Decimal("NaN"), 1j]


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize(
    "value", NO_NUMBERS, ids=[f"{value!s:.9}" if value != -(10**5000) else "huge" for value in NO_NUMBERS]
)
def test_number_that_is_none_is_named(caplog: pytest.LogCaptureFixture, key: str, value: Any) -> None:
    """The warning names the argument and says what is allowed."""
    modeltally.configure(**{key: value})
    assert_off(caplog, f"configure({key}=...) is ", "give a number above 0")


@pytest.mark.parametrize("key", SECONDS)
@pytest.mark.parametrize("value", [1e10, 1e300, 10**5000], ids=["1e10", "1e300", "10**5000"])
def test_time_longer_than_any_wait_is_named(caplog: pytest.LogCaptureFixture, key: str, value: Any) -> None:
    """The operating system cannot wait so long: the background thread would end with an error."""
    modeltally.configure(**{key: value})
    assert_off(caplog, f"configure({key}=...) is ")


class Loud(str):
    """Text of a class of its own, as settings libraries have them, whose methods must not run."""

    __slots__ = ()

    def isascii(self) -> bool:
        """Refuse."""
        raise AssertionError("the caller's code ran")

    encode = strip = startswith = isascii  # type: ignore[assignment]  # all of them refuse


def test_text_loses_its_class(sink: Sink) -> None:
    """What the background thread handles is plain, so nothing of the caller's runs there."""
    modeltally.configure(endpoint=sink.url, service_name=Loud("studio"), environment=Loud("test"), user_key=Loud("key"))
    assert call() == 7
    assert modeltally.flush()
    assert sink.operations[0].resource["service.name"] == "studio"


@pytest.mark.parametrize(
    "arguments",
    [
        {"endpoint": "x" * 10_000},
        {"headers": {"k" * 10_000 + " ": "v"}},
        {"export_interval_seconds": ["x"] * 10_000},
        {"max_queue_items": "9" * 10_000},
    ],
    ids=["endpoint", "headers", "export_interval_seconds", "max_queue_items"],
)
def test_warning_stays_short_when_the_value_is_huge(
    caplog: pytest.LogCaptureFixture, arguments: dict[str, Any]
) -> None:
    """A log line is no place for what is longer than a screen."""
    modeltally.configure(**arguments)
    assert_off(caplog, next(iter(arguments)).removesuffix("s"))


@pytest.mark.parametrize("seconds", [float("inf"), 1e300, 10**30])
def test_flush_may_wait_for_ever(seen: Captured, seconds: float) -> None:
    """However long the limit, what is delivered at once is waited for no longer."""
    assert call() == 7
    assert modeltally.flush(seconds)
    assert len(seen.exporter.get_finished_spans()) >= 1
    assert modeltally.shutdown(seconds)


@pytest.mark.parametrize("seconds", [float("nan"), -1, "soon", None, [1]])
def test_flush_answers_when_its_limit_is_none(seen: Captured, seconds: Any) -> None:
    """It returns a truth value, and telemetry goes on."""
    assert call() == 7
    assert modeltally.flush(seconds) in {True, False}
    assert len(seen.spans()) == 1


# -- the user key ------------------------------------------------------------------------------------------------------


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Name the key file of the data directory."""
    path = tmp_path / "data" / "user.key"
    path.parent.mkdir()
    return path


def write_key(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a key file."""
    path.write_bytes(content)
    path.chmod(mode)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_key_file_that_others_can_read_is_named(key_file: Path, caplog: pytest.LogCaptureFixture, mode: int) -> None:
    """One warning says what to do; the key itself is used, for it is the deployment's, and never shown."""
    write_key(key_file, SECRET.encode(), mode=mode)
    assert _privacy.find_user_key(None) == SECRET
    (warning,) = warnings(caplog)
    assert str(key_file) in warning
    assert "chmod 600" in warning
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"", None),
        (b" \t\r\n", None),
        (b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n", SECRET),
        (b"\t" + SECRET.encode() + b"\t\n", SECRET),
    ],
)
def test_key_file_is_read_without_what_editors_add(
    key_file: Path, caplog: pytest.LogCaptureFixture, content: bytes, key: str | None
) -> None:
    """A byte order mark and line ends are not part of the key, or one person would count as two."""
    write_key(key_file, content)
    assert _privacy.find_user_key(None) == key
    assert warnings(caplog) == []


BAD_KEYS = [
    SECRET.encode("utf-16"),
    b"\xff\xfe\xfd",
    SECRET.encode() + b"\n" + SECRET.encode(),
    b"${USER_KEY}",
    b"k" * 5000,
    SECRET.encode() + b"\0",
]


@pytest.mark.parametrize("content", BAD_KEYS, ids=[f"{content!r:.20}" for content in BAD_KEYS])
def test_key_file_without_a_key_is_named(key_file: Path, caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    """No user is recorded then, the log says why, and never what the file holds."""
    write_key(key_file, content)
    assert _privacy.find_user_key(None) is None
    (warning,) = warnings(caplog)
    assert "user key" in warning
    assert SECRET not in caplog.text


def test_key_file_that_is_no_file_is_not_waited_for(key_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A named pipe would hold the background thread up for ever, and a directory holds no key."""
    key_file.mkdir()
    assert _privacy.find_user_key(None) is None
    key_file.rmdir()
    os.mkfifo(key_file)
    assert _privacy.find_user_key(None) is None
    assert len(warnings(caplog)) == 1  # at most one a minute
    assert modeltally.counters().problems["user_key"] == 2


@pytest.mark.parametrize("value", ["${USER_KEY}", f"{SECRET}{NOT_UTF8}", f"{SECRET}\n{SECRET}"])
def test_key_in_the_environment_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, seen: Captured, value: str
) -> None:
    """The same mistake elsewhere would give the same key: users would be joined, or guessed."""
    monkeypatch.setenv("MODELTALLY_USER_KEY", value)
    modeltally.configure(exporter=seen.exporter)
    assert call() == 7
    assert "user.hash" not in seen.one()
    assert sum("MODELTALLY_USER_KEY" in warning for warning in warnings(caplog)) >= 1
    assert SECRET not in caplog.text


@pytest.mark.parametrize("value", ["", " ", "\t\n", BOM])
def test_empty_key_in_the_environment_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A variable that nobody filled is no key."""
    monkeypatch.setenv("MODELTALLY_USER_KEY", value)
    assert _privacy.find_user_key(None) is None


@pytest.mark.parametrize("value", ["", "/nowhere", "/etc/hostname", "${HOME}/data", NOT_UTF8, "~nobody-of-that-name/x"])
def test_data_directory_that_is_none_has_no_key(
    monkeypatch: pytest.MonkeyPatch, seen: Captured, tmp_path: Path, value: str
) -> None:
    """The operation is recorded without a user, and nothing is made in that place."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("MODELTALLY_DIR", value)
    modeltally.configure(exporter=seen.exporter)
    assert call() == 7
    assert "user.hash" not in seen.one()
    assert list(tmp_path.iterdir()) == []


def test_data_directory_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Container and service files do not replace it, so we do."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MODELTALLY_DIR", "~/data")
    assert _privacy.data_directory() == tmp_path / "data"


# -- calls -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "recorded"),
    [(None, None), (0, 0), (-1, -1), (2**63 - 1, 2**63 - 1), (2**63, None), (-(2**70), None), (float("nan"), None)],
)
def test_download_is_recorded_whatever_its_size(seen: Captured, size: Any, recorded: int | None) -> None:
    """A size that is unknown or does not fit is left out; a resumed download says what it moved."""
    with modeltally.download("m", download_resumed=True, download_resumed_bytes=5) as operation:
        operation.set(download_size_bytes=size, download_bytes=10)
    attributes = seen.one()
    assert attributes.get("modeltally.download.size") == recorded
    assert attributes["modeltally.download.bytes"] == 10
    assert attributes["modeltally.download.resumed"] is True
    assert attributes["modeltally.outcome"] == "success"


@pytest.mark.parametrize(
    ("error", "error_type"),
    [
        (urllib.error.HTTPError("http://x/secret", 404, "gone", Message(), None), "HTTPError"),
        (OSError(28, "No space left on device: /secret"), "OSError"),
        (ConnectionResetError("secret"), "ConnectionResetError"),
    ],
)
def test_download_is_an_error_when_it_fails(seen: Captured, error: Exception, error_type: str) -> None:
    """The kind is recorded, the message is not: it may name files and people."""
    with pytest.raises(type(error)) as caught, modeltally.download("m", download_size_bytes=10):
        raise error
    assert caught.value is error
    attributes = seen.one()
    assert (attributes["modeltally.outcome"], attributes["error.type"]) == ("error", error_type)
    assert "secret" not in str(attributes)


def test_duration_is_right_when_the_clock_steps_back(seen: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is measured by a clock that never steps: the end is not before the start."""
    with modeltally.download("m"):
        stepped = time.time_ns() - 3600 * 10**9
        monkeypatch.setattr(_clock, "time_ns", lambda: stepped)
    monkeypatch.undo()
    (span,) = seen.spans()
    assert span.start_time is not None
    assert span.end_time is not None
    assert 0 <= span.end_time - span.start_time < 60 * 10**9


class Gallery:
    """Has descriptors around decorated functions."""

    @property
    @modeltally.model_request("property")
    def picture(self) -> object:
        """Return itself."""
        return self

    @functools.cached_property
    @modeltally.model_request("cached")
    def poster(self) -> object:
        """Return itself."""
        return self

    method = functools.partialmethod(modeltally.model_request("partial")(lambda self, value: (self, value)), 3)


def test_descriptors_work_around_decorated_functions(seen: Captured) -> None:
    """A property computes, a cached one once, a partial method is bound."""
    gallery: Any = Gallery()
    assert gallery.picture is gallery.poster is gallery.poster is gallery
    assert gallery.method() == (gallery, 3)
    assert [item["modeltally.model.id"] for item in seen.all()] == ["property", "cached", "partial"]
