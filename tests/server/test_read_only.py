"""A disk that turns read-only, or has no room: nothing acknowledged is lost, and a stop ends in order."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import SettingError
from modeltally.server import LocalServer, find_server
from receiver.bodies import Sender, body
from support.servers import settings_for
from support.stores import stored
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

DISK_MIB = 256
PORTS = [f"--{name}-port=0" for name in ("otlp", "otlp-grpc", "http", "clickhouse")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system that can be aborted, as a kernel does after an error of its disk."""
    image, where = tmp_path / "image", tmp_path / "disk"
    where.mkdir()
    with image.open("wb") as file:
        file.truncate(DISK_MIB * 1024**2)
    tools = [shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin"), shutil.which("mount")]
    if os.geteuid() != 0 or not all(tools):
        pytest.skip("only root may mount a file system, and mkfs.ext4 makes it")
    subprocess.run([str(tools[0]), "-q", image], check=True)
    mount = subprocess.run([str(tools[1]), "-o", "loop", image, where], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip(f"no loop device: {mount.stderr.decode()}")
    yield where
    subprocess.run(["umount", where], check=True)  # noqa: S607 - the system's own


def health(url: str) -> int:
    """Ask for the health of a server."""
    with contextlib.closing(Sender(url)) as sender:
        return sender.send(b"", method="GET", path="/healthz").status


@pytest.mark.slow(seconds=10, why="a file system that is aborted")
def test_a_stop_on_a_disk_that_turned_read_only_is_in_order(disk: Path) -> None:
    """Senders get 503, health says so, SIGTERM ends it with 0 and without a traceback; all is there after a repair."""
    directory = disk / "data"
    command: list[str | Path] = [Path(sys.executable).parent / "modeltally", "up", "--dir", directory, *PORTS]
    environment = {**os.environ, "MODELTALLY_MIN_FREE_DISK_BYTES": "0"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert wait_until(lambda: find_server(directory) is not None)
        server = find_server(directory)
        assert server is not None
        with contextlib.closing(Sender(server.address.otlp_url)) as sender:
            assert [sender.send(body(100, seed=seed)).status for seed in range(5)] == [200] * 5
            subprocess.run(["mount", "-o", "remount,abort", disk], check=True)  # noqa: S607 - the system's own
            assert wait_until(lambda: sender.send(body(1, seed=99)).status == 503)
        assert wait_until(lambda: health(server.address.http_url) == 503)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "server.json cannot be deleted: Read-only file system; the next start replaces it" in said
    assert "stopped; everything acknowledged is kept" in said
    subprocess.run(["umount", disk], check=True)  # noqa: S607 - the system's own
    subprocess.run(["mount", "-o", "loop", disk.parent / "image", disk], check=True)  # noqa: S607 - as above
    with LocalServer(settings_for(directory)) as again:
        assert again.wait_until_stored()
    assert stored(directory, "SELECT uniqExact(SpanId) AS spans FROM otel_traces") == [{"spans": 500}]


def test_what_a_stop_cannot_tidy_up_is_told(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The address that stays and an engine that does not close are a line each, and no error."""
    unlink = os.unlink

    def read_only(path: str | Path, *given: object, **how: object) -> None:
        if str(path).endswith("server.json"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        unlink(path, *given, **how)  # type: ignore[arg-type] # as it was given

    store = server._store
    assert store is not None
    close = store.close

    def failing() -> None:
        close()
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "unlink", read_only)
    monkeypatch.setattr(store, "close", failing)
    server.stop()
    assert "cannot be deleted: Read-only file system" in caplog.text
    assert "the engine did not close in order" in caplog.text
    assert (server.directory / "server.json").exists()


@pytest.mark.parametrize("call", ["pwrite", "ftruncate", "fdopen"])
def test_a_start_without_room_is_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A disk that takes not even the address or the lock's owner is named, in a sentence."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(SettingError, match="No space left"):
        LocalServer(settings_for(tmp_path / "data")).start()
