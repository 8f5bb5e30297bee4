"""The real ComfyUI as a process of its own, and a client of it that keeps all that is said."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support.ports import free_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["CLIENT", "Client", "make_models", "running"]

HERE: Final = Path(__file__).parent
CLIENT: Final = "a client of the tests"
STARTING_SECONDS: Final = 300.0
ANSWER_SECONDS: Final = 120.0


def make_models(comfyui: Path, folder: Path) -> None:
    """Make models of random weights.

    Args:
        comfyui: ComfyUI's own folder.
        folder: Where its folders of models are.
    """
    subprocess.run(
        [sys.executable, str(HERE / "make_models.py"), str(comfyui), str(folder)],
        check=True,
        capture_output=True,
        timeout=STARTING_SECONDS,
        env={**_clean(), "OMP_NUM_THREADS": "1"},
    )


@dataclass
class Client:
    """A client of ComfyUI.

    Attributes:
        url: Where that is.
        said: Everything that was asked, answered and told, in order.
        is_over: Whether the connection by which it tells things has ended.
    """

    url: str
    said: list[dict[str, Any]] = field(default_factory=list)
    is_over: bool = False

    def ask(self, path: str, body: Any = None) -> Any:
        """Ask something, by POST where there is something to send; gives the answer's JSON.

        Args:
            path: Of the address.
            body: What to send.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"Content-Type": "application/json"})  # noqa: S310 - of this machine
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:  # noqa: S310 - as above
                status, content = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                status, content = error.code, error.read()
        answer = json.loads(content) if content else None
        self.said.append({"path": path, "body": body, "status": status, "answer": answer})
        return answer

    def send(self, graph: Mapping[str, Any], **more: Any) -> str:
        """Send a graph; gives the prompt's id.

        Args:
            graph: The graph.
            **more: More of the body.
        """
        return str(self.ask("/prompt", {"prompt": graph, "client_id": CLIENT, **more})["prompt_id"])

    def frames(self, prompt_id: str | None = None) -> list[dict[str, Any]]:
        """Return what was told, perhaps of one prompt alone."""
        frames = [each["frame"] for each in list(self.said) if "frame" in each]
        return [each for each in frames if prompt_id is None or each["data"].get("prompt_id") == prompt_id]

    def has_told(self, prompt_id: str, kind: str, *, node: str | None = None) -> bool:
        """Return whether something of a prompt was told."""
        return any(
            each["type"] == kind and (node is None or each["data"].get("node") == node)
            for each in self.frames(prompt_id)
        )

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        assert wait_until(condition, timeout_seconds=ANSWER_SECONDS), self.frames()[-5:]

    def wait_until_idle(self) -> None:
        """Wait until nothing runs or waits, and all of it was told."""
        self.wait_for(lambda: not any(self._queue().values()))

    def _queue(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/queue", timeout=ANSWER_SECONDS) as response:  # noqa: S310 - as above
            content: dict[str, Any] = json.load(response)
        return content


@contextlib.contextmanager
def running(
    comfyui: Path, base: Path, *, variables: Mapping[str, str], command: Sequence[str] = (), has_node: bool = False
) -> Iterator[Client]:
    """Run ComfyUI without a screen, on the processor; gives a client that listens to it.

    Args:
        comfyui: Its own folder.
        base: What else it needs: ``models`` is there.
        variables: Of the environment.
        command: What it is started by.
        has_node: Whether our custom node is there.
    """
    for name in ("custom_nodes", "input", "output"):
        (base / name).mkdir(exist_ok=True)
    shutil.copy(HERE / "tiny_nodes.py", base / "custom_nodes")
    if has_node:
        shutil.copy(HERE.parents[1] / "deploy" / "comfyui" / "modeltally_node.py", base / "custom_nodes")
    port = free_port()
    program = [sys.executable, str(comfyui / "main.py"), "--cpu", "--disable-auto-launch", "--disable-api-nodes"]
    program += [
        "--verbose",
        "DEBUG",
        "--port",
        str(port),
        "--base-directory",
        str(base),
        "--database-url",
        f"sqlite:///{base / 'db'}",
    ]
    environment = {**_clean(), "OMP_NUM_THREADS": "1", **variables}
    with (base / "log").open("wb") as log, contextlib.ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen([*command, *program], cwd=base, env=environment, stdout=log, stderr=log)
        )
        stack.callback(process.kill)
        client = Client(f"http://127.0.0.1:{port}")
        wait_until(lambda: _answers(client.url) or process.poll() is not None, timeout_seconds=STARTING_SECONDS)
        assert process.poll() is None, (base / "log").read_text()[-3000:]
        socket = stack.enter_context(
            connect(f"ws://127.0.0.1:{port}/ws?clientId={CLIENT.replace(' ', '%20')}", max_size=None)
        )
        listener = threading.Thread(target=_listen, args=(client, socket), daemon=True)
        listener.start()
        yield client
        process.send_signal(signal.SIGINT)  # as Ctrl-C: ComfyUI ends
        process.wait(ANSWER_SECONDS)
        listener.join(ANSWER_SECONDS)


def _listen(client: Client, socket: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        for message in socket:
            if isinstance(message, str):  # else it is a preview
                client.said.append({"frame": json.loads(message)})
    client.is_over = True


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"{url}/queue", timeout=5).close()  # noqa: S310 - of this machine
        return True
    return False


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "MODELTALLY_"))}
