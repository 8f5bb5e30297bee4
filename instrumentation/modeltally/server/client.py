"""Finding a running server of a data directory, and asking it."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import json
import logging
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from modeltally.errors import ParameterError, ServerError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modeltally.store import Row

__all__ = ["ADDRESS_FILE_NAME", "RemoteStore", "ServerAddress", "find_server", "is_alive"]

_LOGGER: Final = logging.getLogger(__name__)

ADDRESS_FILE_NAME: Final = "server.json"
_CONTROL_TIMEOUT_SECONDS: Final = 600.0  # a job over years of data takes minutes
_LINK_TIMEOUT_SECONDS: Final = 10.0
_BAD_REQUEST, _UNAUTHORIZED, _NOT_FOUND, _OK = 400, 401, 404, 200


@dataclass(frozen=True)
class ServerAddress:
    """Where a server is.

    Attributes:
        pid: Its process.
        http_url: Health, status and the control channel.
        otlp_url: OTLP over HTTP; exporters add ``/v1/traces`` or ``/v1/metrics``.
        token: What the control channel wants to see.
        otlp_grpc_url: OTLP over gRPC.
        clickhouse_url: ClickHouse's HTTP interface; the token is the password of the user ``default``.
    """

    pid: int
    http_url: str
    otlp_url: str
    token: str
    otlp_grpc_url: str = ""
    clickhouse_url: str = ""

    def write(self, directory: Path) -> None:
        """Leave the address in a data directory, readable by its owner alone."""
        path = directory / ADDRESS_FILE_NAME
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        temporary.replace(path)

    @classmethod
    def read(cls, directory: Path) -> ServerAddress | None:
        """Read the address left in a data directory; None when there is none that can be read."""
        try:
            content = json.loads((directory / ADDRESS_FILE_NAME).read_text(encoding="utf-8"))
            return cls(
                pid=int(content["pid"]),
                http_url=str(content["http_url"]),
                otlp_url=str(content["otlp_url"]),
                token=str(content["token"]),
                otlp_grpc_url=str(content.get("otlp_grpc_url", "")),
                clickhouse_url=str(content.get("clickhouse_url", "")),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove(self, directory: Path) -> None:
        """Take the address away if it is still this one; where the disk keeps it, its process is known to be gone."""
        if ServerAddress.read(directory) != self:
            return
        path = directory / ADDRESS_FILE_NAME
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _LOGGER.warning("%s cannot be deleted: %s; the next start replaces it", path, error.strerror)


def find_server(directory: Path) -> RemoteStore | None:
    """Find the server that runs on a data directory.

    Args:
        directory: The data directory.

    Returns:
        What asks the server; None when none runs (an address left by a process that is gone is ignored).
    """
    address = ServerAddress.read(directory)
    if address is None or not is_alive(address.pid):
        return None
    return RemoteStore(address)


class RemoteStore:
    """A store behind a running server. Implements ``Store``.

    Attributes:
        address: Where the server is.
    """

    def __init__(self, address: ServerAddress) -> None:
        self.address = address

    def read(self, name: str, parameters: Mapping[str, object]) -> list[Row]:
        """Rows of a view, by its name.

        Raises:
            UnknownNameError: There is no such view.
            ParameterError: A parameter is missing, unknown or of the wrong type.
            ServerError: The server could not be asked, or failed.
        """
        return _rows(self._ask("view", name, {"parameters": dict(parameters)}))

    def run(self, job: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run a job by its name and give the rows it reports.

        Raises:
            UnknownNameError: There is no such job.
            ParameterError: A parameter is not usable.
            ServerError: The server could not be asked, or failed.
        """
        return _rows(self._ask("job", job, {"parameters": dict(parameters)}))

    def answer(self, topic: str, question: Mapping[str, object]) -> dict[str, Any]:
        """Answer a topic whole.

        Args:
            topic: Its name.
            question: The window and the view's parameters, as :class:`modeltally.analytics.statistics.Statistics`
                words them.

        Returns:
            ``rows``, what they rest on as ``trust``, why there are none as ``empty``.

        Raises:
            UnknownNameError: There is no such topic.
            ParameterError: A parameter is not usable.
            ServerError: The server could not be asked, or failed.
        """
        content = self._ask("topic", topic, question)
        trust = _from_json(content["trust"], content["trust_types"])
        return {"rows": _rows(content), "trust": trust, "empty": content["empty"]}

    def status(self, *, timeout_seconds: float = _CONTROL_TIMEOUT_SECONDS) -> dict[str, Any]:
        """What the server says of itself.

        Args:
            timeout_seconds: How long to wait for it.

        Raises:
            ServerError: The server could not be asked, or failed.
        """
        status, content = self._request("GET", "/status", None, timeout_seconds=timeout_seconds)
        if status != _OK:
            raise ServerError(f"the server at {self.address.http_url} answered {status}: {content}")
        return content

    def page_link(self) -> str:
        """Make a link that opens the server's page with a session, once, within ten minutes.

        Raises:
            ServerError: The server could not be asked, or failed.
        """
        status, content = self._request("POST", "/open", b"{}", timeout_seconds=_LINK_TIMEOUT_SECONDS)
        if status != _OK:
            raise ServerError(f"the server at {self.address.http_url} gives no link to its page: {content}")
        return f"{self.address.http_url}{content['path']}"

    def _ask(self, kind: str, name: str, asked: Mapping[str, object]) -> dict[str, Any]:
        body = json.dumps(dict(asked), default=_to_json).encode()
        status, content = self._request("POST", f"/control/{kind}s/{quote(name, safe='')}", body)
        if status == _OK:
            return content
        message = str(content.get("error", f"HTTP status {status}"))
        if status == _NOT_FOUND:
            unknown = UnknownNameError(kind, name, [content["nearest"]] if content.get("nearest") else [])
            unknown.args = (message,)
            raise unknown
        if status == _BAD_REQUEST:
            raise ParameterError(message)
        if status == _UNAUTHORIZED:
            raise ServerError(f"the server at {self.address.http_url} does not know this client; was it restarted?")
        raise ServerError(f"the server at {self.address.http_url} failed: {message}")

    def _request(
        self, method: str, path: str, body: bytes | None, *, timeout_seconds: float = _CONTROL_TIMEOUT_SECONDS
    ) -> tuple[int, dict[str, Any]]:
        url = urlsplit(self.address.http_url)
        connection = http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=timeout_seconds)
        with contextlib.closing(connection):
            try:
                connection.request(
                    method,
                    path,
                    body,
                    {"Authorization": f"Bearer {self.address.token}", "Content-Type": "application/json"},
                )
                response = connection.getresponse()
                content = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise ServerError(
                    f"the server at {self.address.http_url} (process {self.address.pid}) does not answer: {error!r}"
                ) from error
        if not isinstance(content, dict):
            raise ServerError(f"the server at {self.address.http_url} answered with {type(content).__name__}")
        return response.status, content


def is_alive(pid: int) -> bool:
    """Tell whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _to_json(value: object) -> str:
    if isinstance(value, dt.datetime):
        utc = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
        return utc.isoformat().replace("+00:00", "Z")
    return str(value)


def _rows(content: Mapping[str, Any]) -> list[Row]:
    return [_from_json(row, content.get("types", {})) for row in content["rows"]]


def _from_json(row: dict[str, Any], types: Mapping[str, str]) -> Row:
    for column, kind in types.items():
        value = row.get(column)
        if isinstance(value, str):
            row[column] = dt.datetime.fromisoformat(value) if kind == "datetime" else dt.date.fromisoformat(value)
    return row
