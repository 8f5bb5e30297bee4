"""Everything between the listeners and the store, put together: for each signal an acceptor, a spool and a shipper."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final, Self

from modeltally.errors import SettingError
from modeltally.receiver.accept import Acceptor, InFlight, Parsers
from modeltally.receiver.counters import Counters
from modeltally.receiver.signals import signals
from modeltally.receiver.spool.shipper import Shipper
from modeltally.receiver.spool.spool import Spool, SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modeltally.receiver.signals import ReceiverStore
    from modeltally.settings import Settings

__all__ = ["Receiver"]

DRAIN_TIMEOUT_SECONDS: Final = 30.0
# Bodies that senders usually send: without room for one the health check says so. More than a share of a small spool
# would be too much to ask.
_SPARE_BYTES: Final = 1024**2
_SPARE_SHARE: Final = 10
_TRACES: Final = "traces"


class Receiver:
    """Receives into one data directory; a context manager.

    Attributes:
        acceptors: What takes bodies, one for each signal, once it is entered.
        counters: What was counted, by signal.
    """

    def __init__(
        self,
        store: ReceiverStore,
        *,
        directory: Path,
        settings: Settings,
        user_key: str,
        stored: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what it works with.

        Args:
            store: Where everything goes.
            directory: The data directory.
            settings: Limits.
            user_key: The key of the pseudonyms that replace user ids.
            stored: Called after each batch that the store has; it must not wait.
        """
        self.acceptors: list[Acceptor] = []
        self.counters: dict[str, Counters] = {}
        self._spools: dict[str, Spool] = {}
        self._shippers: dict[str, Shipper] = {}
        self._directory = directory
        self._settings = settings
        self._stored = stored
        self._signals = signals(store, directory=directory, user_key=user_key)
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as cleanup:
            parsers, in_flight = Parsers(), InFlight()
            for signal, sink in self._signals:
                counters = self.counters[signal.name] = Counters(items=signal.items, rejected=signal.rejected)
                spool = self._spools[signal.spool] = self._open_spool(
                    signal.spool, signal.spool_max_bytes(self._settings)
                )
                cleanup.callback(spool.close)
                shipper = Shipper(spool, sink, counters=counters, name=signal.name, stored=self._stored)
                self._shippers[signal.name] = shipper
                shipper.start()
                cleanup.callback(shipper.stop, timeout_seconds=DRAIN_TIMEOUT_SECONDS)
                self.acceptors.append(
                    Acceptor(
                        signal,
                        spool,
                        settings=self._settings,
                        counters=counters,
                        parsers=parsers,
                        in_flight=in_flight,
                    )
                )
            cleanup.callback(parsers.close)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def wait_until_stored(self, *, timeout_seconds: float) -> bool:
        """Wait until everything acknowledged is in the store; tells whether it is."""
        deadline = time.monotonic() + timeout_seconds
        return all(
            spool.wait_until_empty(timeout_seconds=max(0.0, deadline - time.monotonic()))
            for spool in self._spools.values()
        )

    def problem(self) -> str | None:
        """What keeps it from taking or storing what is sent at the moment; None when all is well."""
        for spool in self._spools.values():
            try:
                spool.check_room(spare_bytes=min(_SPARE_BYTES, spool.max_bytes // _SPARE_SHARE))
            except (SpoolFullError, OSError) as error:
                return str(error)
            if spool.problem:
                return spool.problem
        return self._gone() or self._store_failure()

    def status(self) -> dict[str, object]:
        """Give all counters and how full the spools are; those of spans come first, without a name of their own."""
        counted = {name: counters.status() for name, counters in self.counters.items()}
        return {
            **counted.pop(_TRACES),
            **counted,
            "store_failure": self._store_failure(),
            **{name: _spool_status(spool) for name, spool in self._spools.items()},
        }

    def _gone(self) -> str | None:
        return next((shipper.problem for shipper in self._shippers.values() if shipper.problem), None)

    def _store_failure(self) -> str | None:
        return next((counters.store_failure for counters in self.counters.values() if counters.store_failure), None)

    def _open_spool(self, name: str, max_bytes: int) -> Spool:
        directory = self._directory / name
        try:
            return Spool(directory, max_bytes=max_bytes, min_free_disk_bytes=self._settings.min_free_disk_bytes)
        except OSError as error:
            raise SettingError(f"cannot use the spool {directory}: {error}; choose another --dir") from error


def _spool_status(spool: Spool) -> dict[str, object]:
    return {
        "bytes": spool.used_bytes,
        "records": spool.records,
        "oldest_age_seconds": round(spool.oldest_age_seconds, 3),
        "cap_bytes": spool.max_bytes,
        "problem": spool.problem,
        "damaged_records": spool.damaged,
        "damaged_segments": spool.refused.damaged,
        "set_aside": spool.refused.count - spool.refused.damaged,
    }
