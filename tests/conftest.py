"""What tests of several stages share."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import part
from support.slow import SLOW, Slow
from support.spread import Pieces, longest_first
from support.stores import Template

if TYPE_CHECKING:
    from xdist.remote import Producer

TRACE_NAME = "lora_request_trace.csv"
MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it, for its user alone
_ROOM_BYTES = 4 * 1024**3
_HUNG_AFTER = 6  # times what a test says it takes on a quiet core


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the seed of the parts."""
    parser.addoption(
        "--part", type=int, metavar="SEED", help="run a minute of each test that takes minutes, drawn from SEED"
    )  # fmt: skip


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what the parts were drawn from."""
    seed = config.getoption("--part")
    return [] if seed is None else [f"parts of long tests are drawn from --part {seed}"]


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests' files in memory where there is room: the engine waits for the disk at every table it makes.

    A shell that starts the tests in the background has them ignore Ctrl-C, and so would every program that they start,
    also those that are to be stopped by it.
    """
    part.drawn_from(config.getoption("--part"))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > _ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note what is slow before it is deselected; what takes minutes is taken for hung after many more."""
    config.stash[SLOW] = Slow.of(items)
    for item in items:
        slow = item.get_closest_marker("slow")
        if slow and not item.get_closest_marker("timeout"):
            hung_after = max(float(config.getini("timeout")), _HUNG_AFTER * slow.kwargs["seconds"])
            item.add_marker(pytest.mark.timeout(hung_after))
    part.deselect(config, items)


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def begin_with_the_longest(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what takes longest first where several processes share the tests."""
    if hasattr(config, "workerinput"):
        items[:] = longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Pieces:
    """Share tests out by pieces, in the order they are in."""
    config.option.loadscopereorder = False
    return Pieces(config, log)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Migrate one store, for copies of it."""
    return Template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def gentd26() -> Path:
    """Find the published trace, which is no part of this repository."""
    repository = Path(__file__).parents[1]
    folder = Path(os.environ.get("MODELTALLY_GENTD26", repository.parent / "shared" / "data" / "gentd26"))
    path = folder / TRACE_NAME
    if not path.is_file():
        pytest.skip(
            f"{path} is missing: get {TRACE_NAME} from the dataset GenTD26 (github.com/alibaba/clusterdata,"
            " cluster-trace-v2026-GenAI) and name its folder in MODELTALLY_GENTD26"
        )
    return path
