"""A script that hands what it defines to other processes, by dill or joblib: ``sent.py bare|watched dill|joblib``.

It prints what came back for each thing, or the kind of the error; with ``watched`` everything is decorated. What dill
sent is unpacked by a process that knows nothing of this script.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from typing import TYPE_CHECKING, Any

import modeltally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IS_BARE = sys.argv[1:2] == ["bare"]
FAR_SIDE = """
import asyncio, json, os, sys
import dill, modeltally
modeltally.configure(endpoint="http://127.0.0.1:9", metrics=False)
answers = {}
for name, content in dill.load(sys.stdin.buffer).items():
    before = modeltally.counters().started
    try:
        result = dill.loads(content)(1)
        result = asyncio.run(result) if hasattr(result, "__await__") else result
        result = list(result) if hasattr(result, "__next__") else result
        answers[name] = [result, modeltally.counters().started - before]
    except Exception as error:
        answers[name] = [type(error).__name__, 0]
print(json.dumps(answers))
sys.stdout.flush()
os._exit(0)
"""


def watch(function: Any) -> Any:
    """Decorate, or not."""
    return function if IS_BARE else modeltally.model_request("m")(function)


@watch
def plain(number: int) -> int:
    """Add two."""
    return number + 2


@watch
def again(number: int) -> int:
    """Call itself."""
    return 3 if number == 0 else int(again(number - 1))


@watch
async def awaited(number: int) -> int:
    """Add two, as a coroutine."""
    return number + 2


@watch
def streamed(number: int) -> Iterator[int]:
    """Give one number."""
    yield number + 2


class Adder:
    """Every kind of decorated attribute."""

    added = 2

    @watch
    def method(self, number: int) -> int:
        """Add."""
        return number + self.added

    @watch
    @classmethod
    def above(cls, number: int) -> int:
        """Add."""
        return number + cls.added

    @classmethod
    @watch
    def below(cls, number: int) -> int:
        """Add."""
        return number + cls.added

    @watch
    @staticmethod
    def static(number: int) -> int:
        """Add."""
        return number + 2

    @watch
    def __call__(self, number: int) -> int:
        """Add."""
        return number + self.added


def things() -> dict[str, Callable[[int], Any]]:
    """Give what is sent, by name."""
    two = 2

    @watch
    def local(number: int) -> int:
        return number + two

    class Local(Adder):
        @watch
        def method(self, number: int) -> int:
            return int(super().method(number))

    return {
        "function": plain,
        "function that calls itself": again,
        "coroutine function": awaited,
        "generator function": streamed,
        "lambda": watch(lambda number: number + 2),
        "local function": local,
        "partial": watch(functools.partial(pow, 3)),
        "partial of it": functools.partial(watch(pow), 3),
        "method": Adder().method,
        "class method, above": Adder.above,
        "class method, below": Adder.below,
        "static method": Adder.static,
        "object": Adder(),
        "method of a local class": Local().method,
    }


def by_dill() -> dict[str, Any]:
    """Have another process unpack and call what dill packed, with and without the globals it needs."""
    dill = importlib.import_module("dill")  # it ships no types
    try:
        dill.dumps(lambda: None)
    except AttributeError as error:
        sys.exit(f"dill does not know this Python yet: {error}")
    sent = {
        f"{name}{', its globals too' if has_globals else ''}": dill.dumps(thing, recurse=has_globals)
        for name, thing in things().items()
        for has_globals in (False, True)
        # the whole class would travel with its super()
        if not (has_globals and "class" in name)
    }
    command = [sys.executable, "-c", FAR_SIDE]
    done = subprocess.run(command, input=dill.dumps(sent), stdout=subprocess.PIPE, check=True, cwd="/")
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def by_joblib() -> dict[str, Any]:
    """Have joblib's workers call them; have it keep results on disk, hash and pickle them."""
    joblib = importlib.import_module("joblib")
    answers: dict[str, Any] = {}

    def note(name: str, action: Callable[[], Any]) -> None:
        try:
            answers[name] = action()
        except Exception as error:  # noqa: BLE001 - compared with what it is without us
            answers[name] = type(error).__name__

    def kept(memory: Any, thing: Any) -> list[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            cached = memory.cache(thing)
            return [cached(1), cached(1), cached.check_call_in_cache(1)]

    def dumped(path: str, thing: Any) -> Any:
        joblib.dump(thing, path)
        return joblib.load(path)(1)

    with tempfile.TemporaryDirectory() as directory:
        memory = joblib.Memory(directory, verbose=0)
        for name, thing in things().items():
            if name in {"coroutine function", "generator function"}:
                continue  # what they give cannot be sent by anybody
            note(f"{name}: called", lambda: joblib.Parallel(n_jobs=2)(joblib.delayed(thing)(n) for n in (1, 2)))  # noqa: B023 - called here
            note(f"{name}: kept", lambda: kept(memory, thing))  # noqa: B023 - as above
            note(f"{name}: hashed", lambda: joblib.hash(thing) == joblib.hash(thing))  # noqa: B023 - as above
            note(f"{name}: dumped", lambda: dumped(os.path.join(directory, "dumped"), thing))  # noqa: B023, PTH118 - as above
    return answers


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"dill": by_dill, "joblib": by_joblib}[sys.argv[2]]()))
