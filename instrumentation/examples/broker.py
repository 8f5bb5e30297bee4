"""Carry who asked, and since when, from the web side to a worker through any broker.

Run it beside ``modeltally up``.
"""

from __future__ import annotations

import queue
import threading
from typing import Any

import modeltally

MODEL = "lumen/sketch-xl"


def ask(broker: queue.Queue[dict[str, Any] | None], prompt: str, *, user: str) -> None:
    """Put a message into the broker; its headers say who asks, the user as a keyed hash."""
    headers = modeltally.inject({}, user=user, session_id="s-1", project="posters")
    broker.put({"headers": headers, "prompt": prompt})


@modeltally.model_request(MODEL, task="text_to_image")
def draw(prompt: str) -> str:
    """Draw a picture, or so."""
    return f"picture of {prompt}"


def work(broker: queue.Queue[dict[str, Any] | None]) -> None:
    """Take messages out of the broker; what is done for one says its user, project and wait."""
    while (message := broker.get()) is not None:
        with modeltally.extract(message["headers"]):
            draw(message["prompt"])


def main() -> None:
    """Send three messages to a worker."""
    modeltally.configure(service_name="example")
    broker: queue.Queue[dict[str, Any] | None] = queue.Queue()
    worker = threading.Thread(target=work, args=(broker,))
    worker.start()
    for user, prompt in (("alice", "a lighthouse"), ("bob", "a storm"), ("alice", "a harbour")):
        ask(broker, prompt, user=user)
    broker.put(None)
    worker.join()
    delivered = modeltally.flush()
    print(f"{modeltally.counters().started} operations, {'all delivered' if delivered else 'not all delivered'}")


if __name__ == "__main__":
    main()
