"""What is known of the reports that were made by themselves, in a file of the data directory."""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from modeltally.analytics.window import format_moment
from modeltally.show.report.place import write_file

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

__all__ = ["Made"]

_LOGGER: Final = logging.getLogger(__name__)
_FILE_NAME: Final = "reports.json"


def _instance() -> str:
    return secrets.token_hex(4)


@dataclass(slots=True)
class Made:
    """What was made, by deliveries: a report of a schedule in a format to a place.

    Attributes:
        done: The last that was delivered, or when the delivery was first wanted: a time that one is due at.
        failures: How often the next one failed, and when it is tried again.
        instance: Tells this deployment's deliveries from another's.
    """

    done: dict[str, datetime] = field(default_factory=dict)
    failures: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    instance: str = field(default_factory=_instance)
    _written: bytes = b""

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read the file; one that is missing or broken is begun anew, and reports begin with what is due next."""
        path = directory / _FILE_NAME
        try:
            written = path.read_bytes()
            content = json.loads(written)
            return cls(
                done={str(key): _time(value) for key, value in content["done"].items()},
                failures={str(key): (int(count), _time(at)) for key, (count, at) in content["failures"].items()},
                instance=str(content["instance"])[:64],
                _written=written,
            )
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _LOGGER.warning("%s cannot be read (%r): reports begin anew with what is due next", path, error)
            return cls()

    def write(self, directory: Path) -> None:
        """Write the file, where anything has changed.

        Raises:
            InputError: It cannot be written.
        """
        content: dict[str, Any] = {
            "instance": self.instance,
            "done": {key: format_moment(at) for key, at in self.done.items()},
            "failures": {key: [count, format_moment(at)] for key, (count, at) in self.failures.items()},
        }
        text = json.dumps(content, indent=2).encode()
        if text != self._written:
            write_file(directory / _FILE_NAME, text)
            self._written = text

    def keep(self, keys: AbstractSet[str], *, since: datetime) -> None:
        """Forget deliveries that are not wanted any more; one that is new begins now."""
        self.done = {key: self.done.get(key, since) for key in sorted(keys)}
        self.failures = {key: value for key, value in self.failures.items() if key in keys}

    def is_waiting(self, key: str, as_of: datetime) -> bool:
        """Tell whether a delivery that failed is to be left alone for a while."""
        return key in self.failures and as_of < self.failures[key][1]

    def succeed(self, key: str, due: datetime) -> None:
        """Note what was delivered."""
        self.done[key] = due
        self.failures.pop(key, None)

    def fail(self, key: str, *, as_of: datetime, first: timedelta, longest: timedelta) -> None:
        """Note that it was not; each time the pause doubles."""
        count = self.failures.get(key, (0, as_of))[0]
        self.failures[key] = (count + 1, as_of + min(first * 2 ** min(count, 20), longest))


def _time(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no zone")
    return moment
