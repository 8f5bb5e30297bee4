"""What a server must have to itself: its data directory and its ports."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import socket
from typing import TYPE_CHECKING, Final

from modeltally.errors import SettingError
from modeltally.server.client import is_alive
from modeltally.store.lock import lock, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["bind", "is_locked", "lock_directory", "url"]

LOCK_FILE_NAME: Final = "lock"


@contextlib.contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    """Hold a data directory's lock, which ends with the process however that ends.

    Raises:
        SettingError: The directory cannot be used.
        StoreInUseError: Another process holds it.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / LOCK_FILE_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingError(
            f"cannot use the data directory {directory}: {error.strerror}; choose another --dir"
        ) from error
    try:
        lock(descriptor, directory)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise SettingError(
                f"cannot use the data directory {directory}: {error.strerror}; choose another --dir"
            ) from error
        yield
    finally:
        os.close(descriptor)


def is_locked(directory: Path) -> bool:
    """Tell whether a server holds a data directory, also one that is starting or ending and answers nobody."""
    try:
        descriptor = os.open(directory / LOCK_FILE_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        owner = owner_of(descriptor)
        if owner is None or not is_alive(int(owner)):
            return False  # unasked: to ask takes the lock for a moment, which a server may want just then
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def bind(host: str, port: int, *, name: str, is_guarded: bool = False) -> Iterator[socket.socket]:
    """Bind a port.

    Args:
        host: An IP address of this machine, or ``localhost``.
        port: The port; 0 picks a free one.
        name: The setting the port comes from, for messages.
        is_guarded: Whoever comes from elsewhere must show a token.

    Raises:
        SettingError: The port is taken, or the address is no loopback address.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise SettingError(
            f"setting 'host' has the value {host!r}: give an IP address, for example 127.0.0.1"
        ) from None
    if not address.is_loopback and not is_guarded:
        raise SettingError(
            f"setting 'host' has the value {host!r}: this server has no passwords and no TLS, so it listens on"
            " this machine only; put the OpenTelemetry Collector in front of it"
        )
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004 - the version's number
    # The protocol is named because asyncio turns Nagle's delay off only on sockets that name it (40 ms an answer).
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((str(address), port))
        except OSError as error:
            raise SettingError(
                f"setting {name!r}: cannot listen on {address} port {port}: {error.strerror};"
                f" stop what uses it, or choose another port with --{name.replace('_', '-')} (0 picks a free one)"
            ) from error
        yield listening


def url(listening: socket.socket) -> str:
    """Write a bound port as an address."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
