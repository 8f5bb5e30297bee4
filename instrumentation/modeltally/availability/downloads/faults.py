"""What can go wrong with a download: whether it is worth another try, and what somebody has to do."""

from __future__ import annotations

import errno
import http.client
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import requests
import urllib3

from modeltally.availability.downloads.parts import BusyError

if TYPE_CHECKING:
    from modeltally.availability.downloads.source import Source

__all__ = ["FetchError", "NoSpaceError", "StoppedError", "fault_of"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_TEXT: Final = 300


class StoppedError(Exception):
    """Somebody said that it is to stop."""


class FetchError(Exception):
    """A download cannot go on.

    Attributes:
        error_type: What it is, in a word.
        is_worth_retrying: It may go well another time.
        action_required: What somebody has to do; empty where nobody has to.
        retry_after_seconds: How long the hub asks to be left alone.
    """

    def __init__(
        self,
        error_type: str,
        why: str,
        *,
        is_worth_retrying: bool = False,
        action_required: str = "",
        retry_after_seconds: float = 0.0,
    ) -> None:
        """Say it.

        Args:
            error_type: What it is, in a word.
            why: The same in a sentence.
            is_worth_retrying: It may go well another time.
            action_required: What somebody has to do.
            retry_after_seconds: How long the hub asks to be left alone.
        """
        super().__init__(why)
        self.error_type = error_type
        self.is_worth_retrying = is_worth_retrying
        self.action_required = action_required
        self.retry_after_seconds = retry_after_seconds


class NoSpaceError(FetchError):
    """The disk has no room for it."""

    def __init__(self, needed_bytes: int, free_bytes: int, where: str) -> None:
        """Say how much is lacking.

        Args:
            needed_bytes: What it takes, with what is to stay free.
            free_bytes: What is free.
            where: The folder, whose volume it is.
        """
        super().__init__(
            "no_space",
            f"needs {_size(needed_bytes)} on the volume of {where}, {_size(free_bytes)} free",
            is_worth_retrying=True,
            action_required=f"make room on the volume of {where}: `modeltally models list` says what could go",
        )


def _size(count: int) -> str:
    amount, units = float(max(0, count)), ["bytes", "kB", "MB", "GB", "TB", "PB"]
    while amount >= 1000 and len(units) > 1:  # noqa: PLR2004 - a thousand of one are one of the next
        amount, units = amount / 1000, units[1:]
    return f"{amount:,.0f} {units[0]}" if units[0] == "bytes" else f"{amount:,.1f} {units[0]}"


def fault_of(error: BaseException, source: Source) -> FetchError:  # noqa: PLR0911 - a table of causes
    """Say what an error means for a download.

    Args:
        error: What was raised: by this package, by huggingface_hub, by its HTTP library, by the system.
        source: What was fetched from where.

    Returns:
        The same, with what follows of it. What nobody foresaw is tried again.
    """
    if isinstance(error, FetchError):
        return error
    if isinstance(error, BusyError):
        return FetchError("busy", str(error), is_worth_retrying=True)
    names = {kind.__name__ for kind in type(error).__mro__}
    text = " ".join(str(error).split())[:_TEXT] or type(error).__name__
    if "OfflineModeIsEnabled" in names:
        return FetchError("offline", "HF_HUB_OFFLINE is set", action_required="unset HF_HUB_OFFLINE to go online")
    if "HFValidationError" in names:
        return FetchError("name", text, action_required="give the model's name as the hub has it, OWNER/NAME")
    if isinstance(error, ImportError):
        return FetchError("not_installed", text, action_required="pip install 'modeltally[manage]'")
    if isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError | http.client.HTTPException):
        return FetchError("network", text, is_worth_retrying=True)
    if status := _status_of(error):
        return refusal(status, source, names=names, headers=getattr(error.response, "headers", {}))  # type: ignore[attr-defined] # it has one
    if isinstance(error, OSError) and error.errno in _FULL:
        return FetchError(
            "no_space",
            f"no space left on the volume of {source.cache}",
            is_worth_retrying=True,
            action_required=f"make room on the volume of {source.cache}: `modeltally models list` says what could go",
        )
    if isinstance(error, OSError) and error.errno in _FORBIDDEN:
        return FetchError(
            "read_only",
            f"{error.filename or source.cache} cannot be written: {error.strerror}",
            action_required=f"let this user write to {source.cache}, or name another cache with --cache",
        )
    is_network = isinstance(error, ConnectionError | TimeoutError) or any(
        name.endswith(("ConnectError", "TransportError", "TimeoutException", "LocalEntryNotFoundError"))
        for name in names
    )
    return FetchError("network" if is_network else type(error).__name__, text, is_worth_retrying=True)


def _status_of(error: BaseException) -> int:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else 0


def refusal(
    status: int, source: Source, *, names: set[str] | frozenset[str] = frozenset(), headers: object = None
) -> FetchError:
    """Say what a hub's refusal means.

    Args:
        status: The HTTP status.
        source: What was asked for.
        names: What the error is called, where huggingface_hub looked closer.
        headers: What came with it.
    """
    given = headers if hasattr(headers, "get") else {}
    code = str(given.get("X-Error-Code") or "")
    if "GatedRepoError" in names or code == "GatedRepo":
        return FetchError(
            "gated",
            f"{source.model} is gated, and this token was not let in ({status})",
            action_required=f"accept its licence at {source.address}/{source.model}, then give a token: hf auth login",
        )
    if "RevisionNotFoundError" in names or code == "RevisionNotFound":
        return FetchError(
            "revision_not_found",
            f"{source.model} has no revision {source.revision or 'main'}",
            action_required="name a branch, tag or commit that the hub has",
        )
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return FetchError(
            "refused",
            f"{source.address} refuses {source.model} ({status})",
            action_required="check the name; what is private takes a token that may read it: hf auth login",
        )
    if status == HTTPStatus.NOT_FOUND:
        return FetchError(
            "not_found",
            f"{source.address} has no model {source.model}, or hides it ({status})",
            action_required="check the name; what is private takes a token that may read it: hf auth login",
        )
    after = str(given.get("Retry-After") or "")
    is_busy = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT)
    return FetchError(
        f"http_{status}",
        f"{source.address} answered {status}",
        is_worth_retrying=is_busy or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
        retry_after_seconds=float(after) if after.isdigit() else 0.0,
    )
