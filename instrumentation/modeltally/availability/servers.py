"""Model servers, asked over HTTP what they have and what is in memory. Nothing asked here is a use of a model."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from modeltally.availability.held import HeldModel, Listing, LoadedModel, Revision
from modeltally.availability.states import ModelAvailabilityStatus
from modeltally.availability.store import StoreUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["SERVERS", "LlamaCpp", "LlamaSwap", "ModelServer", "Ollama", "Vllm"]

_TIMEOUT_SECONDS: Final = 3.0
_ANSWER_SECONDS: Final = 10.0
_ANSWER_BYTES: Final = 16 * 1024**2
_PIECE_BYTES: Final = 1 << 16
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _UNAVAILABLE = 200, 401, 403, 404, 503
_HEX_DIGITS: Final = 64

UNKNOWN: Final = "unknown"


class _AbsentError(StoreUnreadableError):
    """The server does not know the address asked for."""


class ModelServer:
    """What the servers share: an address, and answers that may be broken in every way."""

    kind: ClassVar[str]

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Say where it is; nothing is asked yet.

        Args:
            url: Its address, such as ``http://127.0.0.1:8080``.
            clock: Tells seconds, for how long an answer may take.
        """
        self._url = url.rstrip("/")
        self._clock = clock

    @property
    def location(self) -> str:
        """The address, without a name and password."""
        parts = urlsplit(self._url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def listing(self) -> Listing:
        """Ask what it has; see :class:`modeltally.availability.store.ModelStore`."""
        try:
            models = tuple(self._models())
        except StoreUnreadableError as error:
            return Listing(self.kind, self.location, is_readable=False, problems=(str(error),))
        return Listing(self.kind, self.location, models=models)

    def loaded(self) -> tuple[LoadedModel, ...]:
        """Ask what it holds in memory; a server that does not answer holds nothing that is known."""
        try:
            return self.in_memory()
        except StoreUnreadableError:
            return ()

    def in_memory(self) -> tuple[LoadedModel, ...]:
        """Ask the same, and tell where there was no answer.

        Raises:
            StoreUnreadableError: There was none, or none that can be used.
        """
        return tuple(self._loaded())

    def _models(self) -> Iterator[HeldModel]:
        raise NotImplementedError

    def _loaded(self) -> Iterator[LoadedModel]:
        raise NotImplementedError

    def _get(self, path: str) -> Any:
        """Ask for JSON.

        Raises:
            StoreUnreadableError: There is no answer, or none that can be used.
        """
        import requests  # noqa: PLC0415 - most listings ask no server

        address = f"{self.location}{path}"
        deadline = self._clock() + _ANSWER_SECONDS
        try:
            with (
                requests.Session() as session,
                # nothing of this user's goes there: no proxy, no password of a .netrc
                _plain(session).get(
                    f"{self._url}{path}", timeout=_TIMEOUT_SECONDS, stream=True, allow_redirects=False
                ) as answer,
            ):
                if answer.status_code == _NOT_FOUND:
                    raise _AbsentError(f"{address} is not there: is it a server of this kind and version?")
                if answer.status_code in (_UNAUTHORIZED, _FORBIDDEN):
                    raise StoreUnreadableError(f"{address} wants a key (status {answer.status_code})")
                if answer.status_code != _OK:
                    raise StoreUnreadableError(f"{address} answers with status {answer.status_code}")
                content = b""
                for piece in answer.iter_content(_PIECE_BYTES):
                    content += piece
                    if len(content) > _ANSWER_BYTES or self._clock() > deadline:
                        raise StoreUnreadableError(f"{address} does not come to an end")
        except (requests.RequestException, OSError, UnicodeError) as error:
            raise StoreUnreadableError(f"{self.location} does not answer: {_short(error)}") from error
        if not content:
            return {}
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise StoreUnreadableError(f"{address} does not answer in JSON") from error

    def _entries(self, path: str, key: str) -> list[Mapping[str, Any]]:
        """Ask for a list of objects."""
        answer = self._get(path)
        entries = answer.get(key) if isinstance(answer, dict) else None
        if entries is None:
            entries = []
        if not isinstance(answer, dict) or not isinstance(entries, list):
            raise StoreUnreadableError(f"{self.location}{path} answers something else than a list of {key}")
        return [entry for entry in entries if isinstance(entry, dict)]

    def _held(self, name: str, *, size_bytes: int = 0, revision: str = "", kind: str = "") -> HeldModel:
        revisions = (Revision(revision),) if revision else ()
        return HeldModel(
            name,
            self.kind,
            self.location,
            ModelAvailabilityStatus.AVAILABLE,
            "as the server says; its files are not looked at",
            revisions,
            size_bytes,
            kind=kind,
        )

    def _in_memory(self, name: str, state: str, **more: Any) -> LoadedModel:
        return LoadedModel(name, self.kind, self.location, state, **more)


class Ollama(ModelServer):
    """Ollama: ``/api/tags`` and ``/api/ps``, which do not keep a model in memory any longer."""

    kind = "ollama-server"

    def _models(self) -> Iterator[HeldModel]:
        for entry in self._entries("/api/tags", "models"):
            name = _text(entry, "name") or _text(entry, "model")
            if name:
                size = _count(entry, "size") or 0
                yield self._held(name, size_bytes=size, revision=_text(entry, "digest").removeprefix("sha256:"))

    def _loaded(self) -> Iterator[LoadedModel]:
        for entry in self._entries("/api/ps", "models"):
            name = _text(entry, "name") or _text(entry, "model")
            if name:
                yield self._in_memory(
                    name,
                    "loaded",
                    memory_bytes=_count(entry, "size"),
                    gpu_memory_bytes=_count(entry, "size_vram"),
                    expires_at=_text(entry, "expires_at"),
                )


class LlamaCpp(ModelServer):
    """llama.cpp's server: ``/models`` of its router, ``/v1/models`` of one that serves a single model."""

    kind = "llamacpp"

    def _list(self) -> list[Mapping[str, Any]]:
        try:
            return self._entries("/models", "data")
        except _AbsentError:
            return self._entries("/v1/models", "data")

    def _models(self) -> Iterator[HeldModel]:
        for entry in self._list():
            if name := _text(entry, "id"):
                meta = entry.get("meta")
                yield self._held(name, size_bytes=_count(meta, "size") or 0 if isinstance(meta, dict) else 0)

    def _loaded(self) -> Iterator[LoadedModel]:
        for entry in self._list():
            if not (name := _text(entry, "id")):
                continue
            status = entry.get("status")
            # what failed and with which code is not told reliably; a server of one model says no status
            state = _text(status, "value") if isinstance(status, dict) else "loaded" if status is None else UNKNOWN
            if state != "unloaded":
                yield self._in_memory(name, state if state in _STATES else UNKNOWN)


class Vllm(ModelServer):
    """vLLM: ``/v1/models``; ``/is_sleeping`` where its development mode is on."""

    kind = "vllm"

    def _models(self) -> Iterator[HeldModel]:
        for entry in self._entries("/v1/models", "data"):
            if name := _text(entry, "id"):
                yield self._held(name, kind="lora" if _text(entry, "parent") else "")

    def _loaded(self) -> Iterator[LoadedModel]:
        names = [_text(entry, "id") for entry in self._entries("/v1/models", "data")]
        try:
            self._get("/health")
            state = "sleeping" if self._is_sleeping() else "loaded"
        except StoreUnreadableError:
            state = UNKNOWN  # it lists models, and cannot serve them
        for name in filter(None, names):
            yield self._in_memory(name, state)

    def _is_sleeping(self) -> bool:
        try:
            answer = self._get("/is_sleeping")
        except StoreUnreadableError:
            return False
        return isinstance(answer, dict) and answer.get("is_sleeping") is True


class LlamaSwap(ModelServer):
    """llama-swap: ``/v1/models`` and ``/running``; never ``/upstream``, which would load a model and keep it."""

    kind = "llama-swap"

    def _models(self) -> Iterator[HeldModel]:
        for entry in self._entries("/v1/models", "data"):
            if name := _text(entry, "id"):
                yield self._held(name)

    def _loaded(self) -> Iterator[LoadedModel]:
        for entry in self._entries("/running", "running"):
            if (name := _text(entry, "model")) and (state := _text(entry, "state")) not in ("stopped", "shutdown"):
                yield self._in_memory(name, _SWAP_STATES.get(state, UNKNOWN))


_STATES: Final = frozenset({"loaded", "loading", "unloading", "sleeping"})
_SWAP_STATES: Final = {"ready": "loaded", "starting": "loading", "stopping": "unloading"}
SERVERS: Final[dict[str, type[ModelServer]]] = {each.kind: each for each in (Ollama, LlamaCpp, Vllm, LlamaSwap)}


def _plain(session: Any) -> Any:
    session.trust_env = False
    return session


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value[:512] if isinstance(value, str) else ""


def _count(entry: Mapping[str, Any], key: str) -> int | None:
    value = entry.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _short(error: BaseException) -> str:
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__)[:200]
