"""The files that are added to ``collector.yaml``: each is valid, and the chain over TLS with a token delivers."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import ssl
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from collector.running import CONFIGURATIONS, Collector, StubStore
from receiver.bodies import PROTOBUF, Sender, body, only_span, request
from support.stores import stored

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TOKEN = "token-of-the-agents"  # noqa: S105 - a made-up one
OVERLAYS = ("agent.yaml", "debug.yaml", "fanout.yaml", "gateway.yaml")
SAMPLING_SECONDS = 60


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Make a certificate of this machine and a file of tokens; gives the variables that name them."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing: install the package of that name, it makes the certificate of this test")
    directory = tmp_path_factory.mktemp("secrets")
    certificate, key, tokens = directory / "tls.crt", directory / "tls.key", directory / "tokens"
    how = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gateway"]
    how += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(how, check=True, capture_output=True)
    tokens.write_text(f"{TOKEN}\nthe-next-token\n")
    return {
        "MODELTALLY_TLS_CERT": str(certificate),
        "MODELTALLY_TLS_KEY": str(key),
        "MODELTALLY_TLS_CA": str(certificate),
        "MODELTALLY_TOKEN_FILE": str(tokens),
    }


def test_every_file_is_tested_here() -> None:
    """A new file of the folder needs its name in this module."""
    found = {path.name for path in CONFIGURATIONS.glob("*.yaml")}
    assert found == {*OVERLAYS, "collector.yaml", "builder.yaml"}


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("overlay", [None, *OVERLAYS])
def test_each_file_is_valid(tmp_path: Path, secrets: Mapping[str, str], overlay: str | None) -> None:
    """The collector itself finds nothing wrong, with ``collector.yaml`` alone and with each file added."""
    files = ["collector.yaml", *([overlay] if overlay else [])]
    places = {"MODELTALLY_GATEWAY": "https://127.0.0.1:1", "MODELTALLY_SECOND_ENDPOINT": "http://127.0.0.1:1"}
    asked = Collector(tmp_path, "http://127.0.0.1:1", files, {**secrets, **places}).validate()
    assert asked.returncode == 0, asked.stderr


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("overlay", ["agent.yaml", "fanout.yaml", "gateway.yaml"])
def test_a_file_whose_variables_are_missing_is_refused(tmp_path: Path, overlay: str) -> None:
    """Nobody gets a gateway without TLS or an agent without a gateway because a variable was forgotten."""
    asked = Collector(tmp_path, "http://127.0.0.1:1", ["collector.yaml", overlay]).validate()
    assert asked.returncode != 0


def _post(port: int, ca: str, token: str | None) -> int:
    context = ssl.create_default_context(cafile=ca)
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    headers = {"Content-Type": PROTOBUF, **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        connection.request("POST", "/v1/traces", body(1, seed=999), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_an_agent_delivers_through_a_gateway_and_strangers_are_refused(
    tmp_path: Path, store: StubStore, secrets: Mapping[str, str]
) -> None:
    """Everything an agent took is stored; no token, a wrong one and a connection without TLS are refused."""
    gateway = Collector(tmp_path / "gateway", store.dsn, ["collector.yaml", "gateway.yaml"], secrets)
    with gateway:
        more = {**secrets, "MODELTALLY_GATEWAY": f"https://127.0.0.1:{gateway.otlp_port}"}
        with Collector(tmp_path / "agent", "http://127.0.0.1:1", ["collector.yaml", "agent.yaml"], more) as agent:
            sender = Sender(agent.url)
            for seed in range(20):
                assert sender.send(body(100, seed=seed)).status == 200
            sender.close()
            assert agent.wait_until_drained(), agent.log.read_text()[-2000:]
        ca = secrets["MODELTALLY_TLS_CA"]
        assert [_post(gateway.otlp_port, ca, token) for token in (None, "wrong", TOKEN + "x")] == [401, 401, 401]
        assert _post(gateway.otlp_port, ca, "the-next-token") == 200
        plain = Sender(gateway.url)
        # it says 400 and closes, so the answer may be lost
        with contextlib.suppress(OSError, http.client.HTTPException):
            assert plain.send(body(1, seed=998)).status == 400
        plain.close()
        assert gateway.wait_until_drained()
    store.stop()
    (row,) = stored(store.directory, "SELECT count() AS spans FROM otel_traces")
    assert row["spans"] == 2001


def test_debug_prints_what_is_stored(tmp_path: Path, store: StubStore) -> None:
    """What the debug file prints is there, and the spans are stored all the same."""
    with Collector(tmp_path / "collector", store.dsn, ["collector.yaml", "debug.yaml"]) as collector:
        sender = Sender(collector.url)
        assert sender.send(body(1)).status == 200
        sender.close()
        assert collector.wait_until_drained()
    assert "modeltally.model.id: Str(flux-dev)" in collector.log.read_text()
    store.stop()
    assert stored(store.directory, "SELECT count() AS spans FROM otel_traces") == [{"spans": 1}]


def test_a_second_backend_gets_a_sample_and_the_store_everything(tmp_path: Path, store: StubStore) -> None:
    """Of 200 traces, one with an error, the second backend gets that one and few others; the store gets all."""
    failed = request(1, seed=500)
    only_span(failed).status.code = 2
    with (
        StubStore(tmp_path / "second-data") as second_store,
        Collector(tmp_path / "second", second_store.dsn) as second,
    ):
        variables = {"MODELTALLY_SECOND_ENDPOINT": second.url}
        with Collector(tmp_path / "collector", store.dsn, ["collector.yaml", "fanout.yaml"], variables) as collector:
            sender = Sender(collector.url)
            for made in (body(199), failed.SerializeToString()):
                assert sender.send(made).status == 200
            sender.close()
            deadline = time.monotonic() + SAMPLING_SECONDS
            while collector.figures("otelcol_processor_tail_sampling_global_count_traces_sampled") < 200:
                assert time.monotonic() < deadline, "no decision"
                time.sleep(0.1)
            assert collector.wait_until_drained()
        # stopped in order, the first one has handed over what it had sampled
        assert second.wait_until_drained()
    store.stop()
    assert stored(store.directory, "SELECT count() AS spans FROM otel_traces") == [{"spans": 200}]
    sampled = {row["SpanId"] for row in stored(second_store.directory, "SELECT SpanId FROM otel_traces")}
    assert only_span(failed).span_id.hex() in sampled
    assert len(sampled) < 100


@pytest.mark.usefixtures("built")
def test_the_password_is_in_no_line_of_the_log(tmp_path: Path) -> None:
    """A store that cannot be reached is named with its error, and the password is not."""
    password = "not-for-the-log"  # noqa: S105 - a made-up one
    with Collector(tmp_path, "http://127.0.0.1:1", environment={"CLICKHOUSE_PASSWORD": password}) as collector:
        sender = Sender(collector.url)
        assert sender.send(body(1)).status == 200
        sender.close()
        deadline = time.monotonic() + SAMPLING_SECONDS
        while "Exporting failed" not in collector.log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
    assert "connection refused" in collector.log.read_text()
    assert password not in collector.log.read_text()
