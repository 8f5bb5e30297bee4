"""Watch work that no wrapper can surround: a job that waits in a queue, runs in callbacks, and may be called off.

Run it beside ``modeltally up``.
"""

from __future__ import annotations

import modeltally

MODEL = "lumen/sketch-xl"


class Job:
    """One request of a render queue; the queue calls its methods, each at its time and from where it likes."""

    def __init__(self, user: str) -> None:
        """Ask for a picture."""
        self.operation = modeltally.begin("model.request", MODEL, queued=True, user=user, task="text_to_image")

    def on_start(self) -> None:
        """Begin to work: the wait is over."""
        self.operation.start()

    def on_step(self, step: int, steps: int) -> None:
        """Report a step."""
        self.operation.progress(step / steps)
        if step == 1:
            self.operation.mark("first_preview")

    def on_done(self) -> None:
        """Hand out the picture."""
        self.operation.set(output_count=1)
        self.operation.finish()

    def on_error(self, error: Exception) -> None:
        """Give up."""
        self.operation.fail(error)

    def on_cancel(self) -> None:
        """Stop, or never begin."""
        self.operation.cancel()


def main() -> None:
    """Run a few jobs: one good, one failing, one called off while it waits."""
    modeltally.configure(service_name="example")
    good, failing, called_off = Job("alice"), Job("bob"), Job("carol")
    good.on_start()
    for step in range(1, 5):
        good.on_step(step, 4)
    good.on_done()
    failing.on_start()
    failing.on_error(RuntimeError("out of paint"))
    called_off.on_cancel()
    # a kind of operation of your own, with an attribute of your own
    with modeltally.operation("acme.upscale", "lumen/enlarge") as operation:
        operation.set_attribute("acme.factor", 4)
    recent = modeltally.live()[MODEL]
    print(f"{recent.operations} requests in the last hour, success rate {recent.success_rate:.0%}")
    delivered = modeltally.flush()
    print(f"{modeltally.counters().started} operations, {'all delivered' if delivered else 'not all delivered'}")


if __name__ == "__main__":
    main()
