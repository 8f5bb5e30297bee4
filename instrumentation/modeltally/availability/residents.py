"""What model servers hold in memory, watched from outside: what came and what went between two looks.

Only lists are asked for, which no server takes for use of a model and which keep none in memory any longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modeltally.availability.store import StoreUnreadableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.availability.held import LoadedModel
    from modeltally.availability.servers import ModelServer

__all__ = ["Moved", "Residents"]

_MISSES: Final = 3  # looks without an answer after which what a server held counts as gone


@dataclass(frozen=True, slots=True)
class Moved:
    """A model that came into memory, or left it, since the look before.

    Attributes:
        model: Its name in the server.
        server: The kind of server.
        is_loaded: It came; else it went.
        reason: Why it went, as far as that can be told: ``sleep``, ``server gone``; empty where it cannot.
        memory_bytes: What it takes in memory; None where the server does not say.
    """

    model: str
    server: str
    is_loaded: bool
    reason: str = ""
    memory_bytes: int | None = None


@dataclass
class Residents:
    """Remembers what each server held.

    Attributes:
        servers: What is asked.
    """

    servers: Sequence[ModelServer]
    _held: dict[str, dict[str, LoadedModel]] = field(default_factory=dict)
    _missed: dict[str, int] = field(default_factory=dict)

    def look(self) -> list[Moved]:
        """Ask every server, and tell what moved since the look before; at the first look all that is there came."""
        moved: list[Moved] = []
        for server in self.servers:
            place = f"{server.kind} {server.location}"
            before = self._held.get(place, {})
            try:
                answered = {each.name: each for each in server.in_memory()}
            except StoreUnreadableError:
                # one answer that is late says nothing of what is loaded
                self._missed[place] = self._missed.get(place, 0) + 1
                if self._missed[place] >= _MISSES:
                    moved += [Moved(name, server.kind, is_loaded=False, reason="server gone") for name in before]
                    self._held[place] = {}
                continue
            self._missed[place] = 0
            # what is on its way stays what it was, and so does what the server cannot tell
            undecided = {name for name, each in answered.items() if each.state in ("loading", "unloading", "unknown")}
            now = {name: each for name, each in answered.items() if each.state == "loaded"}
            now |= {name: each for name, each in before.items() if name in undecided}
            for name in sorted(now.keys() - before.keys()):
                moved.append(Moved(name, server.kind, is_loaded=True, memory_bytes=now[name].memory_bytes))
            for name in sorted(before.keys() - now.keys()):
                slept = name in answered and answered[name].state == "sleeping"
                moved.append(
                    Moved(
                        name,
                        server.kind,
                        is_loaded=False,
                        reason="sleep" if slept else "",
                        memory_bytes=before[name].memory_bytes,
                    )
                )
            self._held[place] = now
        return moved
