"""A hub on this machine: files over HTTP, with ranges, cut connections and gates, and a count of all bytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["COMMIT", "FakeHub", "git_sum", "running_hub"]

COMMIT: Final = hashlib.sha1(b"the first commit").hexdigest()  # noqa: S324 - as git does
_RESOLVE: Final = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
_API: Final = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/(?P<what>revision|tree)/(?P<revision>[^/]+))?")
_SLICE: Final = 1 << 16


@dataclass
class FakeHub:
    """What it has and what it saw.

    Attributes:
        files: Content by repository and path.
        gated: Repositories that nobody may read.
        large: Paths of files that are kept apart from git, by SHA-256.
        commits: The commit of a repository, where it is not ``COMMIT``.
        cuts: After how many bytes of an answer the connection breaks, by path; one cut is used up by one answer.
        served: Bytes of content sent, by path.
        requests: Requests for content, by path.
        headers: What came as ``Authorization``.
        tick: Called before each piece of an answer.
        url: Where it is.
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    large: set[str] = field(default_factory=set)
    commits: dict[str, str] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    served: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    headers: list[str] = field(default_factory=list)
    tick: Callable[[], object] = lambda: None
    url: str = ""


@contextlib.contextmanager
def running_hub() -> Iterator[FakeHub]:
    """Run a hub for a block."""
    hub = FakeHub()

    class Handler(_Handler):
        of = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    of: FakeHub

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(has_body=False)

    def do_GET(self) -> None:
        self._answer(has_body=True)

    def _answer(self, *, has_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.of.headers += [value for name, value in self.headers.items() if name.lower() == "authorization"]
        if asked := _API.fullmatch(path):
            self._describe(asked["repo"], asked["what"] or "revision")
        elif asked := _RESOLVE.fullmatch(path):
            self._content(asked["repo"], asked["path"], has_body=has_body)
        else:
            self._refuse(404, "RepoNotFound")

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _is_refused(self, repository: str) -> bool:
        if repository in self.of.gated:
            self._refuse(403, "GatedRepo")
        elif repository not in self.of.files:
            self._refuse(404, "RepoNotFound")
        else:
            return False
        return True

    def _describe(self, repository: str, what: str) -> None:
        if self._is_refused(repository):
            return
        files = self.of.files[repository]
        answer: Any = {
            "id": repository,
            "sha": self.of.commits.get(repository, COMMIT),
            "siblings": [{"rfilename": name} for name in files],
        }
        if what == "tree":
            answer = [
                {
                    "type": "file",
                    "oid": git_sum(content),
                    "size": len(content),
                    "path": name,
                    **self._lfs(name, content),
                }
                for name, content in files.items()
            ]
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _lfs(self, name: str, content: bytes) -> dict[str, Any]:
        if name not in self.of.large:
            return {}
        return {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 132}}

    def _content(self, repository: str, path: str, *, has_body: bool) -> None:
        if self._is_refused(repository):
            return
        content = self.of.files[repository].get(path)
        if content is None:
            self._refuse(404, "EntryNotFound")
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin = int(asked[1]) if asked else 0
        whole = len(content)
        etag = hashlib.sha256(content).hexdigest() if path in self.of.large else git_sum(content)
        content = content[: int(asked[2]) + 1] if asked and asked[2] else content
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", self.of.commits.get(repository, COMMIT))
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{whole}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        if has_body:
            self.of.requests[path] += 1
            self._send(path, content[begin:])

    def _send(self, path: str, content: bytes) -> None:
        cuts = self.of.cuts.get(path, [])
        cut = cuts.pop(0) if cuts else len(content)
        for at in range(0, min(cut, len(content)), _SLICE):
            self.of.tick()
            piece = content[at : min(at + _SLICE, cut)]
            self.wfile.write(piece)
            self.of.served[path] += len(piece)
        if cut < len(content):
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(2)


def git_sum(content: bytes) -> str:
    """Return what git calls a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - as git does
