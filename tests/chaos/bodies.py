"""Posts damaged OTLP bodies to a real server, and holds its verdicts against the Collector's own decoder.

``python tests/chaos/bodies.py --bodies 100000 --seed 1`` prints how many bodies of each kind were taken and refused,
and where the two verdicts differ, with the reason. The server must answer each, never with a 5xx, and its store must
hold every invariant after rolls. What the decoder takes must be taken; what it refuses may be taken where the reason is
one of ``LENIENT``. The decoder is the program in ``judge/``, which ``make judge`` builds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from chaos.mutations import KINDS, mutated
from modeltally.server import find_server
from receiver.bodies import JSON, PROTOBUF, Sender, texts_as_bytes
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.server.client import RemoteStore

ROOT = Path(__file__).parents[2]
JUDGE = ROOT / ".collector" / "judge"
MISSING = "the Collector's decoder is not built: make judge (needs Go, https://go.dev/dl)"
CHUNK = 2_000
SENDERS = 4
# Nobody waits this long for an answer.
HANGS_SECONDS = 60.0
ROLL_SECONDS = 10

# Why the decoder may refuse what is taken here: one bad piece must not cost the good ones beside it.
LENIENT = {
    "an id of another form, which costs its own span": re.compile(
        r"ID\.UnmarshalJSON|invalid (TraceID|SpanID|Profile ?ID) length|ReadStringAsSlice"
    ),
    "a field of another wire type, skipped as unknown; or damage in a nested value, which is not kept": re.compile(
        r"wrong wireType|illegal field=|illegal wireType|illegal tag|unexpected EOF|invalid length|integer overflow"
        r"|unexpected end of group|intOverflow|negative length"
    ),
    "JSON that reads otherwise: numbers in other forms, null, words of enums, values nobody keeps": re.compile(
        r"Read(Object|Array|String|Bool|Enum|U?int|U?Int|Float|Number)|read(U?int|Float|Number)|assertInteger|base64"
        r"|unsupported value|Skip|skip|invalid|escape|strconv"
    ),
}


@dataclass
class Found:
    """What became of the bodies.

    Attributes:
        statuses: How many answers of each kind of body had which status.
        lenient: Taken though the decoder refuses it, by the reason.
        strict: Refused though the decoder takes it, by the reason why that is right.
        wrong: What is not as it must be.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    lenient: Counter[str] = field(default_factory=Counter)
    strict: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def judged(bodies: list[tuple[str, bytes]]) -> list[str]:
    """Ask the decoder: what is wrong with each body, nothing where it takes it."""
    frames = b"".join(kind.encode() + struct.pack(">I", len(body)) + body for kind, body in bodies)
    done = subprocess.run([JUDGE], input=frames, stdout=subprocess.PIPE, check=True, timeout=600)
    said = [line[1:-1] for line in done.stdout.decode(errors="replace").splitlines()]
    assert len(said) == len(bodies)
    return said


class Posting:
    """Senders that keep a connection each."""

    def __init__(self, url: str) -> None:
        """Take the server's address."""
        self._url = url
        self._own = threading.local()
        self._senders: list[Sender] = []
        self._pool = ThreadPoolExecutor(SENDERS)

    def statuses(self, bodies: list[tuple[str, bytes]]) -> Iterator[int]:
        """Post bodies; gives the status of each, 0 where none came."""
        return self._pool.map(self._post, bodies)

    def close(self) -> None:
        """End them."""
        self._pool.shutdown()
        for sender in self._senders:
            sender.close()

    def _post(self, given: tuple[str, bytes]) -> int:
        kind, body = given
        if not hasattr(self._own, "sender"):
            self._own.sender = Sender(self._url, timeout_seconds=HANGS_SECONDS)
            self._senders.append(self._own.sender)
        path = "/v1/traces" if kind in "tT" else "/v1/metrics"
        headers = {"Content-Type": JSON if kind.isupper() else PROTOBUF}
        try:
            return int(self._own.sender.send(body, path=path, headers=headers).status)
        except OSError:
            self._own.sender.close()
            return 0


def compare(found: Found, kind: str, body: bytes, status: int, said: str) -> None:
    """Note what a body's two verdicts are."""
    found.statuses[kind, status] += 1
    if status not in {200, 400}:
        found.wrong.append(f"{kind} was answered {status}: {body.hex()}")
    elif status == 200 and said:
        reason = next((reason for reason, words in LENIENT.items() if words.search(said)), None)
        if reason is None:
            found.wrong.append(f"{kind} is taken, the decoder says {said[:200]}: {body.hex()}")
        else:
            found.lenient[reason] += 1
    elif status != 200 and not said:
        reason = why_strict(kind, body)
        if reason is None:
            found.wrong.append(f"{kind} is refused, the decoder takes it: {body.hex()}")
        else:
            found.strict[reason] += 1


def why_strict(kind: str, body: bytes) -> str | None:
    """Say why a body that the decoder takes is rightly refused; None when it is not."""
    if kind in "tm":
        request = ExportTraceServiceRequest if kind == "t" else ExportMetricsServiceRequest
        try:
            texts_as_bytes(request).FromString(body)
        except DecodeError:
            return "protobuf itself refuses it: a group that another one ends, which the decoder does not notice"
        return None
    text = body.decode("utf-8", "replace")
    try:
        json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        there = text[error.pos : error.pos + 1]
        if (error.msg == "Expecting ',' delimiter" and there in {"[", "{"}) or (
            error.msg == "Expecting value" and there == ","
        ):
            return "no JSON: a bracket and a comma in each other's place, which the decoder does not notice"
    except ValueError:
        return None
    return None


def run(directory: Path, *, bodies: int, seed: int) -> Found:
    """Start a server, post the bodies, roll, and check the store."""
    found = Found()
    with server(directory) as address:
        posting = Posting(address.address.otlp_url)
        source = random.Random(seed)
        made = ((kind, mutated(kind, source)) for kind in itertools.islice(itertools.cycle(KINDS), bodies))
        for chunk in iter(lambda: list(itertools.islice(made, CHUNK)), []):
            verdicts = zip(chunk, posting.statuses(chunk), judged(chunk), strict=True)
            for (kind, body), status, said in verdicts:
                compare(found, kind, body, status, said)
        posting.close()
        if not wait_until(lambda: is_stored(address), timeout_seconds=300):
            found.wrong.append("not everything was stored")
        told = address.status()
        found.wrong += [f"{name}: {told[name]}" for name in ("problem", "store_failure") if told[name]]
        found.wrong += [
            f"{counts['refused']} were refused for a reason nobody foresaw: see the log"
            for counts in (told, told["metrics"])
            if "unforeseen" in counts["refused"]
        ]
        address.run("roll", {})
        for row in address.run("check", {}):
            if row["broken_rows"]:
                found.wrong.append(f"{row['check']}: {row['first_rows']}")
    return found


class server:  # noqa: N801 - used like a function
    """A server in a process of its own, that rolls often."""

    def __init__(self, directory: Path) -> None:
        """Take its directory."""
        self._directory = directory
        ports = [f"--{name}-port=0" for name in ("otlp", "otlp-grpc", "http", "clickhouse")]
        settings = {"MIN_FREE_DISK_BYTES": "0", "ROLL_INTERVAL_SECONDS": str(ROLL_SECONDS)}
        with (directory.parent / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [Path(sys.executable).parent / "modeltally", "up", "--dir", directory, *ports],
                env={**os.environ, **{f"MODELTALLY_{name}": value for name, value in settings.items()}},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def __enter__(self) -> RemoteStore:
        """Wait until it answers."""
        wait_until(lambda: find_server(self._directory) is not None or self._process.poll() is not None)
        found = find_server(self._directory)
        assert found is not None, (self._directory.parent / "log").read_text()
        return found

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(HANGS_SECONDS)


def is_stored(address: RemoteStore) -> bool:
    """Tell whether no spool holds anything."""
    status = address.status()
    return not status["spool"]["records"] and not status["metrics_spool"]["records"]


def main() -> int:
    """Run, print, and exit with 1 when something is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not JUDGE.is_file():
        sys.stdout.write(f"skipped: {MISSING}\n")
        return 0
    with tempfile.TemporaryDirectory() as directory:
        found = run(Path(directory) / "data", bodies=options.bodies, seed=options.seed)
    counts = ", ".join(f"{kind} {status}: {count:,}" for (kind, status), count in sorted(found.statuses.items()))
    sys.stdout.write(f"{options.bodies:,} bodies (seed {options.seed}): {counts}\n")
    for title, differences in (("taken, the decoder refuses", found.lenient), ("refused, it takes", found.strict)):
        for reason, count in differences.most_common():
            sys.stdout.write(f"{title}: {count:,} {reason}\n")
    for wrong in found.wrong[:20]:
        sys.stdout.write(f"WRONG {wrong[:4000]}\n")
    sys.stdout.write(f"{len(found.wrong)} not as they must be (target 0)\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
