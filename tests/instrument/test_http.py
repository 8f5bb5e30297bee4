"""The way to the receiver: which certificates and proxies of the environment count, and what is said of bad ones."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest
from requests.exceptions import InvalidSchema

import modeltally
from support.sink import Sink
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# asked in no test: the name is never resolved, because a request fails before
ELSEWHERE = "http://receiver.example"


@pytest.fixture(autouse=True)
def _no_way_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without the developer's own proxies and certificates."""
    for name in (*PROXIES, *BUNDLES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a certificate of this machine and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing: install the package of that name, it makes the certificate of this test")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "tls.crt", folder / "tls.key"
    how = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    how += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(made)]
    subprocess.run(how, check=True, capture_output=True)
    return made, key


@pytest.fixture
def secure(sink: Sink, certificate: tuple[Path, Path]) -> Sink:
    """Listen with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    sink.use_tls(context)
    return sink


def deliver_one(endpoint: str) -> bool:
    """Make one request and deliver it."""
    modeltally.configure(endpoint=endpoint, user_key="key", metrics=False, export_interval_seconds=0.02)
    with modeltally.model_request("m"):
        pass
    return modeltally.flush(20)


@pytest.mark.parametrize("variable", BUNDLES)
def test_certificate_of_opentelemetry_is_preferred(
    secure: Sink, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    """Many images name the machine's certificates for every client; the one for telemetry counts all the same."""
    (tmp_path / "other.pem").write_bytes(ssl_certificate(tmp_path))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificate[0]))
    monkeypatch.setenv(variable, str(tmp_path / "other.pem"))
    assert deliver_one(secure.url.replace("http://127.0.0.1", "https://localhost"))
    assert len(secure.operations) == 1


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "corp proxy:port", "socks5h://127.0.0.1:9"])
def test_this_machine_is_reached_without_a_proxy(sink: Sink, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """A proxy elsewhere could not reach it, whatever the variables say."""
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("all_proxy", proxy)
    assert deliver_one(sink.url)
    assert len(sink.operations) == 1


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"])
def test_this_machine_is_reached_by_its_other_address(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """A receiver may listen on the sixth version's loopback alone; no proxy is asked for that one either."""
    monkeypatch.setenv("http_proxy", proxy)
    try:
        receiver = Sink(address="::1")
    except OSError:
        pytest.skip("this machine has no IPv6: switch it on, `sysctl net.ipv6.conf.all.disable_ipv6=0`")
    try:
        assert deliver_one(receiver.url)
        assert len(receiver.operations) == 1
    finally:
        receiver.close()


def test_file_that_is_gone_is_named_and_what_waits_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The variable that names it is in the log."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    check_kept("https://receiver.example", "REQUESTS_CA_BUNDLE names", caplog)


@pytest.mark.parametrize("proxy", ["corp proxy:port", "socks5h://127.0.0.1:9"])
def test_proxy_that_is_none_is_named_and_what_waits_is_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, proxy: str
) -> None:
    """The variable is in the log, its value, which may hold a password, is not."""
    monkeypatch.setenv("http_proxy", proxy)
    if proxy.startswith("socks"):  # what requests has where PySocks is missing
        monkeypatch.setattr("requests.adapters.SOCKSProxyManager", _no_socks)
    check_kept(ELSEWHERE, "http_proxy names no usable proxy", caplog)
    assert proxy not in caplog.text


def _no_socks(*_: object, **__: object) -> None:
    raise InvalidSchema


def check_kept(endpoint: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """Make one request that cannot be delivered; it waits."""
    modeltally.configure(endpoint=endpoint, user_key="key", metrics=False, export_interval_seconds=0.02)
    with modeltally.model_request("m"):
        pass
    assert wait_until(lambda: said in caplog.text), caplog.text
    counters = modeltally.counters()
    assert (counters.queued, counters.lost) == (1, 0)


def ssl_certificate(folder: Path) -> bytes:
    """Return a certificate that nobody here has the key of."""
    openssl = shutil.which("openssl")
    assert openssl is not None
    how = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other"]
    subprocess.run([*how, "-keyout", str(folder / "k"), "-out", str(folder / "c")], check=True, capture_output=True)
    return (folder / "c").read_bytes()
