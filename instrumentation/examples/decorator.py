"""Count a model service of your own: a decorator for requests, a context manager for loads.

Run it beside ``modeltally up``, then ask ``modeltally stats models``.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import modeltally

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "northwind/chat-8b"


@modeltally.model_request(MODEL, task="text_generation", device="cpu")
def answer(question: str) -> str:
    """Answer at once."""
    time.sleep(0.01)
    return question.upper()


@modeltally.model_request(MODEL, task="text_generation", device="cpu")
def stream(question: str) -> Iterator[str]:
    """Answer word by word; the request ends with the last word."""
    for word in question.split():
        time.sleep(0.002)
        yield word


def main() -> None:
    """Load the model, use it, judge one answer."""
    modeltally.configure(service_name="example")
    with modeltally.load(MODEL) as operation:
        operation.set(load_source="disk", device="cpu")
        time.sleep(0.05)
    for number in range(20):
        answer(f"question {number}")
        " ".join(stream("a stream of words"))
    try:
        with modeltally.model_request(MODEL) as operation:
            raise TimeoutError("the model took too long")  # noqa: TRY301 - shows how a failure is counted
    except TimeoutError:
        pass
    modeltally.evaluate(operation.ref, name="helpfulness", score=random.random(), source="user")
    delivered = modeltally.flush()
    print(f"{modeltally.counters().started} operations, {'all delivered' if delivered else 'not all delivered'}")


if __name__ == "__main__":
    main()
