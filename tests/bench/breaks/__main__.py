"""Breaks one line at a time, runs the tests that guard it, and counts how many breaks are caught.

``make breaks N=200 SEED=1`` takes the commit that is checked out, ``COMMIT=...`` another one, with the libraries that
its lock file names. A break counts as caught when a test fails that passes without it; one whose tests did not come to
their end in time is counted apart. Nothing is written but the results, one line each; what is in them already is not
run again.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.breaks.mutations import Break, is_python, python_breaks, sql_breaks
from bench.breaks.rooms import ROOMS, Room

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
CAUGHT, MISSED, DOUBTFUL, UNFINISHED = VERDICTS = "caught", "missed", "doubtful", "unfinished"
_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+\.py(?:::.+?)?)(?: - .*)?$", re.MULTILINE)
_NO_TESTS = 5
_TEST_SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """What became of a break.

    Attributes:
        room: Where it was.
        number: Which of the room's breaks it was.
        file: The file that was broken.
        line: The line.
        kind: What sort of slip it was.
        after: What stood there.
        verdict: caught, missed, doubtful where the test also fails without it, unfinished where time was over.
        by: The test that failed.
        seconds: How long its tests ran.
    """

    room: str
    number: int
    file: str
    line: int
    kind: str
    after: str
    verdict: str
    by: str
    seconds: float


def chosen(root: Path, room: Room, *, count: int, seed: int) -> list[tuple[Path, Break]]:
    """Choose some of all breaks of a room; the same seed chooses the same of the same files."""
    every = [
        (file.relative_to(root), one)
        for file in room.files(root)
        for one in (python_breaks if file.suffix == ".py" else sql_breaks)(file.read_text())
    ]
    source = random.Random(f"{seed} {room.name}")
    source.shuffle(every)
    turns: Counter[str] = Counter()
    ranked = []
    for path, one in every:  # as many of each kind as there are
        turns[one.kind] += 1
        ranked.append((turns[one.kind], source.random(), path, one))
    whole = (
        (path, one)
        for _, _, path, one in sorted(ranked, key=lambda rank: rank[:2])
        if path.suffix == ".sql" or is_python(one.applied((root / path).read_text()))
    )
    return list(itertools.islice(whole, count))


def _pytest(python: str, copy: Path, arguments: list[str], *, seconds: float) -> tuple[int | None, str]:
    """Run tests in a copy; gives pytest's exit code, None where the time was over, and the first test that failed."""
    temporary = copy.with_name(f"{copy.name}-tmp")
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy / "instrumentation"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
    command = [python, "-m", "pytest", *arguments]
    command += [
        "-x",
        "-q",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
        "-o",
        f"timeout={_TEST_SECONDS}",
        f"--basetemp={temporary}",
    ]
    process = subprocess.Popen(
        command,
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
        failed = _FAILED.search(output)
        return process.returncode, failed[1] if failed else ""
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        with contextlib.suppress(ProcessLookupError):  # what the tests started and left behind, too
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        shutil.rmtree(temporary, ignore_errors=True)


def judge(python: str, copy: Path, room: Room, file: Path, one: Break, *, seconds: float) -> tuple[str, str]:
    """Break a line in a copy, run its guards, and mend it; gives the verdict and the test."""
    text = (copy / file).read_text()
    guards = [arguments for arguments in room.guards(copy, copy / file) if arguments]
    (copy / file).write_text(one.applied(text))
    ends_at = time.monotonic() + seconds
    verdict, failed, again = MISSED, "", list[str]()
    try:
        for arguments in guards:
            code, failed = _pytest(python, copy, arguments, seconds=max(ends_at - time.monotonic(), 0.1))
            if code is None:
                verdict = UNFINISHED
                break
            if code not in {0, _NO_TESTS}:
                # a file that cannot be loaded names no test: all of them are tried without the break
                verdict, again = CAUGHT, [failed] if "::" in failed else arguments
                break
    finally:
        (copy / file).write_text(text)
    if verdict == CAUGHT and _pytest(python, copy, again, seconds=seconds)[0] not in {0, _NO_TESTS}:
        verdict = DOUBTFUL
    return verdict, failed


def _python_of(copy: Path, commit: str) -> str:
    """The interpreter with the libraries of a commit: this one, or one made for it where its lock file is another."""
    lock = "uv.lock"
    if (copy / lock).read_bytes() == (ROOT / lock).read_bytes():
        return sys.executable
    sys.stdout.write(f"the libraries of {commit} are others: they are installed beside\n")
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run(["make", "setup"], cwd=copy, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S607 - make from the PATH
    return str(copy / ".venv" / "bin" / "python")


@contextlib.contextmanager
def _copies(commit: str, count: int) -> Iterator[list[Path]]:
    """Unpack a commit several times."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=True).stdout  # noqa: S607 - git from the PATH
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        made = []
        for number in range(count):
            copy = Path(folder) / f"copy{number}"
            copy.mkdir()
            subprocess.run(["tar", "-x", "-C", str(copy)], input=archive, check=True)  # noqa: S607 - tar from the PATH
            made.append(copy)
        yield made


def _report(found: list[Outcome]) -> str:
    lines = [f"{'room':12} {'breaks':>6} {'caught':>6} {'missed':>6} {'doubtful':>8} {'unfinished':>10}"]
    for name in [*(room.name for room in ROOMS), "together"]:
        ours = [one.verdict for one in found if name in {one.room, "together"}]
        counts = [ours.count(verdict) for verdict in VERDICTS]
        lines.append(f"{name:12} {len(ours):6} {counts[0]:6} {counts[1]:6} {counts[2]:8} {counts[3]:10}")
    return "\n".join(lines)


def main() -> int:
    """Break, run, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--breaks", type=int, default=200, help="how many, the same number in each room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commit", default="HEAD")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long one break's tests may run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--most-seconds", type=float, default=float("inf"), help="begin no break after this time")
    parser.add_argument("--results", type=Path, help="where results are kept; .breaks/<commit>-<seed>.jsonl otherwise")
    options = parser.parse_args()
    named = ["git", "-C", str(ROOT), "rev-parse", "--short", options.commit]
    commit = subprocess.run(named, capture_output=True, text=True, check=True).stdout.strip()
    results: Path = options.results or ROOT / ".breaks" / f"{commit}-{options.seed}.jsonl"
    results.parent.mkdir(parents=True, exist_ok=True)
    found = [Outcome(**json.loads(line)) for line in results.read_text().splitlines()] if results.exists() else []
    done = {(one.room, one.number) for one in found}
    ends_at = time.monotonic() + options.most_seconds
    with _copies(commit, options.jobs) as copies, results.open("a") as file:
        free: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for copy in copies:
            free.put(copy)
        python = _python_of(copies[0], commit)
        each = options.breaks // len(ROOMS)
        every = [
            (room, number, *one)
            for room in ROOMS
            for number, one in enumerate(chosen(copies[0], room, count=each, seed=options.seed))
            if (room.name, number) not in done
        ]
        every.sort(key=lambda one: one[1])  # a run that is cut short has some of every room

        def run(room: Room, number: int, path: Path, one: Break) -> None:
            if time.monotonic() > ends_at:
                return
            copy, begun = free.get(), time.monotonic()
            try:
                verdict, test = judge(python, copy, room, path, one, seconds=options.seconds)
            finally:
                free.put(copy)
            seconds = round(time.monotonic() - begun, 1)
            outcome = Outcome(
                room.name, number, str(path), one.line, one.kind, one.after.strip(), verdict, test, seconds
            )
            found.append(outcome)
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()
            sys.stdout.write(f"{verdict:8} {seconds:5.1f} s  {path}:{one.line} {one.kind}: {one.after.strip()}\n")
            sys.stdout.flush()

        with ThreadPoolExecutor(options.jobs) as pool:
            for waited in [pool.submit(run, *one) for one in every]:
                waited.result()
    sys.stdout.write(f"commit {commit}, seed {options.seed}\n{_report(found)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
