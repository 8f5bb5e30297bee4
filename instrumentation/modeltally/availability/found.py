"""Where models are kept on this machine: the places that programs use by default, and those that are named."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from modeltally.availability.comfyui_folders import ComfyFolders
from modeltally.availability.disk import is_folder
from modeltally.availability.folders import Folder
from modeltally.availability.hub_cache import HubCache
from modeltally.availability.ollama_folder import OllamaFolder
from modeltally.availability.servers import SERVERS, Ollama
from modeltally.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.availability._hub_repository import AskTree, Wanted
    from modeltally.availability.store import ModelStore

__all__ = ["KINDS", "Places", "hub_folder", "named_store", "places_of"]

_OLLAMA_PORT: Final = 11434
_OLLAMA_SERVICE: Final = Path("/usr/share/ollama/.ollama/models")
_DISKS: Final = ("huggingface", "comfyui", "ollama", "folder")
KINDS: Final = (*_DISKS, *SERVERS)


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look.

    Attributes:
        stores: What holds models.
        servers: What is asked only which models are in memory, since its models are seen on disk.
    """

    stores: tuple[ModelStore, ...]
    servers: tuple[ModelStore, ...] = ()


def named_store(
    text: str, *, wanted: Mapping[str, Wanted] | None = None, ask_tree: AskTree | None = None
) -> ModelStore:
    """Make the store that a word names.

    Args:
        text: ``KIND=WHERE``: a path, or the address of a server.
        wanted: What is declared of models of the hub, by name.
        ask_tree: Asked which files a commit of the hub has, where the cache kept no list.

    Returns:
        The store; whether it is there shows when it is asked.

    Raises:
        InputError: There is no such kind, or the address is none.
    """
    kind, equals, where = text.partition("=")
    if not equals or kind not in KINDS or not where or "\0" in where:
        raise InputError(
            f"store {text[:80]!r} is not KIND=WHERE, for example huggingface=/data/hub; kinds: {', '.join(KINDS)}"
        )
    if kind in SERVERS:
        return SERVERS[kind](_checked_address(where))
    path = Path(os.path.expanduser(where)).absolute()  # noqa: PTH111 - a user that is not there is left as it is
    if kind == "huggingface":
        return HubCache(path, wanted=wanted, ask_tree=ask_tree)
    if kind == "comfyui":
        return ComfyFolders(path)
    return OllamaFolder(path) if kind == "ollama" else Folder(path)


def _checked_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isprintable() or " " in url:
        raise InputError(f"{url.rpartition('@')[2][:80]!r} is no address; give one such as http://127.0.0.1:8080")
    return url


def hub_folder(environ: Mapping[str, str], home: Path) -> tuple[Path, Path]:
    """Say where huggingface_hub keeps models, and pieces of downloads, by the variables it reads."""

    def expanded(path: str) -> Path:
        return Path(os.path.expandvars(os.path.expanduser(path)))  # noqa: PTH111 - as the library does

    cache = environ.get("XDG_CACHE_HOME") or os.fspath(home / ".cache")
    top = expanded(environ.get("HF_HOME") or os.path.join(cache, "huggingface"))  # noqa: PTH118 - may hold variables
    hub = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE")
    chunks = environ.get("HF_XET_CACHE")
    return (expanded(hub) if hub else top / "hub"), (expanded(chunks) if chunks else top / "xet")


def places_of(
    environ: Mapping[str, str],
    home: Path,
    *,
    wanted: Mapping[str, Wanted] | None = None,
    ask_tree: AskTree | None = None,
) -> Places:
    """Find the places where programs keep models by default, as far as they are there.

    Args:
        environ: The variables that programs go by: ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_XET_CACHE``, ``OLLAMA_MODELS``,
            ``OLLAMA_HOST``, ``COMFYUI_PATH``, ``LLAMA_CACHE``, ``XDG_CACHE_HOME``.
        home: The user's folder.
        wanted: What is declared of models of the hub, by name.
        ask_tree: Asked which files a commit of the hub has, where the cache kept no list.

    Returns:
        Where to look. A place that a variable names is among them though it is not there, to be told of.
    """
    stores: list[ModelStore] = []
    hub, chunks = hub_folder(environ, home)
    if is_folder(hub) or any(environ.get(name) for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")):
        stores.append(HubCache(hub, chunks=chunks, wanted=wanted, ask_tree=ask_tree))
    comfy = environ.get("COMFYUI_PATH")
    comfy_folder = Path(comfy) if comfy else home / "ComfyUI"
    if comfy or is_folder(comfy_folder / "models"):
        stores.append(ComfyFolders(comfy_folder))
    servers: list[ModelStore] = []
    named = environ.get("OLLAMA_MODELS")
    folders = (
        [Path(named)] if named else [path for path in (home / ".ollama" / "models", _OLLAMA_SERVICE) if is_folder(path)]
    )
    stores += [OllamaFolder(path) for path in folders]
    if folders or environ.get("OLLAMA_HOST"):
        server = Ollama(_ollama_address(environ.get("OLLAMA_HOST", "")))
        (servers if folders else stores).append(server)
    llama = environ.get("LLAMA_CACHE")
    library = home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"
    llama_folder = Path(llama) if llama else library / "llama.cpp"
    if llama or is_folder(llama_folder):
        stores.append(Folder(llama_folder))
    return Places(tuple(stores), tuple(servers))


def _ollama_address(host: str) -> str:
    """Read ``OLLAMA_HOST`` as Ollama's own client does: scheme, host and port may each be left out."""
    scheme, _, rest = host.strip().rpartition("://")
    try:
        parts = urlsplit(f"//{rest}")
        port = parts.port or {"http": 80, "https": 443}.get(scheme, _OLLAMA_PORT)
        name = parts.hostname or "127.0.0.1"
    except ValueError:
        name, port = "127.0.0.1", _OLLAMA_PORT
    name = "127.0.0.1" if name in ("0.0.0.0", "::") else f"[{name}]" if ":" in name else name  # noqa: S104 - where it listens
    return f"{scheme or 'http'}://{name}:{port}"
