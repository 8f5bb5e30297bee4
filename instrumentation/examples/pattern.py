"""Count the runs of a pattern: an agent, a workflow, any reusable piece that calls models.

Run it beside ``modeltally up``.
"""

from __future__ import annotations

import asyncio

import modeltally

MODEL = "lumen/sketch-xl"


@modeltally.model_request(MODEL, task="text_to_image")
async def draw(prompt: str) -> str:
    """Draw a picture, or so."""
    await asyncio.sleep(0.005)
    return f"picture of {prompt}"


async def storyboard(scenes: list[str]) -> list[str]:
    """Draw a few scenes; good only when every scene has a picture."""
    async with modeltally.pattern_run("storyboard", pattern_kind="workflow", user="alice") as run:
        pictures = [await draw(scene) for scene in scenes]
        run.set(quality_score=len(set(pictures)) / len(scenes))
        if len(set(pictures)) < len(scenes):
            run.failed("quality_gate")
        return pictures


def main() -> None:
    """Run the pattern a few times, once below its quality."""
    modeltally.configure(service_name="example")
    for scenes in (["a lighthouse", "a storm"], ["a harbour", "a boat"], ["fog", "fog"]):
        asyncio.run(storyboard(scenes))
    delivered = modeltally.flush()
    print(f"{modeltally.counters().started} operations, {'all delivered' if delivered else 'not all delivered'}")


if __name__ == "__main__":
    main()
