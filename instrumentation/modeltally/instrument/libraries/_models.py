"""What a loaded model is: its weights' type, number and bytes, where its files are, and how long it stays."""

from __future__ import annotations

import os
import re
import sys
import weakref
from typing import TYPE_CHECKING, Any, Final, cast

from modeltally.instrument import _clock, _late
from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modeltally.instrument._scalars import Stored
    from modeltally.instrument._values import Values

__all__ = [
    "cached_folder",
    "call_it",
    "call_off",
    "called",
    "files_of",
    "place_of",
    "quantization_of",
    "repository_of",
    "source_of",
    "told_when_closed",
    "told_when_gone",
    "weights_of",
]

CACHE, DISK, DOWNLOAD = "cache", "disk", "download"
_FORMATS: Final = {
    ".safetensors": "safetensors",
    ".gguf": "gguf",
    ".onnx": "onnx",
    ".bin": "pytorch",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".ckpt": "pytorch",
}
_MAX_FILES: Final = 10_000
_CACHED: Final = re.compile(r".*[/\\]models--(.+?)[/\\]snapshots[/\\][^/\\]+[/\\]?")
_called: Final[weakref.WeakKeyDictionary[Any, str]] = weakref.WeakKeyDictionary()


@guarded(None)
def call_it(model: Any, name: str) -> None:
    """Remember the name of a model that does not keep it itself.

    Args:
        model: The object; held no longer for it.
        name: What it is called.
    """
    _called[model] = name


def called(model: Any) -> str:
    """Return the name that a model was loaded by; its class's where it was loaded before anybody watched."""
    return _called.get(model) or type(model).__name__


def repository_of(path: str) -> str:
    """Return the repository whose snapshot in the hub's cache a path is; any other name as it is."""
    matched = _CACHED.fullmatch(path)
    return path if matched is None else matched[1].replace("--", "/")


@guarded(None)
def cached_folder(repository: str, revision: str | None = None) -> str | None:
    """Find the snapshot of a repository in the hub's cache, for what another process loads from there.

    Args:
        repository: Its name.
        revision: A branch, tag or commit; the main branch where None.
    """
    hub = getattr(sys.modules.get("huggingface_hub.constants"), "HF_HUB_CACHE", None)
    if hub is None:
        return None
    folder = os.path.join(hub, "models--" + repository.replace("/", "--"))  # noqa: PTH118 - pathlib loads long
    wanted = revision or "main"
    try:
        with open(os.path.join(folder, "refs", wanted), encoding="utf-8") as file:  # noqa: PTH118, PTH123 - as above
            wanted = file.read().strip()
    except OSError:
        pass  # a commit is its own name
    found = os.path.join(folder, "snapshots", wanted)  # noqa: PTH118 - as above
    return found if os.path.isdir(found) else None  # noqa: PTH112 - as above


def weights_of(modules: Iterable[Any]) -> Values:
    """Say what the weights of some of torch's modules are; shared ones count once.

    Args:
        modules: The modules; anything else among them is passed over.
    """
    return _weights_of(modules) or {}


@guarded(None)
def _weights_of(modules: Iterable[Any]) -> Values:
    seen: dict[int, tuple[int, int]] = {}
    kinds: dict[str, int] = {}
    for tensor in _tensors(modules):
        number, size = tensor.numel(), tensor.numel() * tensor.element_size()
        seen[id(tensor)] = number, size
        kind = str(tensor.dtype).removeprefix("torch.")
        kinds[kind] = kinds.get(kind, 0) + size
    if not seen:
        return {}
    return {
        "model_parameters": sum(number for number, _ in seen.values()),
        "model_memory_bytes": sum(size for _, size in seen.values()),
        "model_dtype": max(kinds, key=lambda kind: kinds[kind]),
    }


def _tensors(modules: Iterable[Any]) -> Iterator[Any]:
    seen = set()
    for module in modules:
        if callable(getattr(module, "named_modules", None)):
            for tensor in module.parameters():
                if id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield tensor


def files_of(folder: Any) -> Values:
    """Say how large the weights in a folder are, and of which format; nothing is opened.

    Args:
        folder: The path of a folder or a file; anything else says nothing.
    """
    return _files_of(folder) or {}


@guarded(None)
def _files_of(folder: Any) -> Values:
    if not isinstance(folder, str | os.PathLike) or not os.path.exists(folder):  # noqa: PTH110 - a name of a repository is often no path
        return {}
    sizes: dict[str, int] = {}
    for name, size in _files(os.fspath(folder)):
        kind = _FORMATS.get(os.path.splitext(name)[1].lower())  # noqa: PTH122 - as above
        if kind is not None:
            sizes[kind] = sizes.get(kind, 0) + size
    if not sizes:
        return {}
    return {"model_size_bytes": sum(sizes.values()), "model_format": max(sizes, key=lambda kind: sizes[kind])}


def _files(path: str) -> Iterator[tuple[str, int]]:
    if os.path.isfile(path):  # noqa: PTH113 - as above
        yield path, os.stat(path).st_size  # noqa: PTH116
        return
    count = 0
    for folder, _, files in os.walk(path):
        for name in files:
            count += 1
            if count > _MAX_FILES:
                return
            yield name, os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118 - as above


def place_of(model: Any) -> Values:
    """Say on which device a model of torch's is, and of which type its numbers are."""
    told: Values = {}
    for keyword, name in (("device", "device"), ("model_dtype", "dtype")):
        try:
            value = getattr(model, name, None)
        except Exception:  # noqa: BLE001, S112 - without weights it is nowhere
            continue
        if value is not None:
            told[keyword] = str(value).removeprefix("torch.")  # type: ignore[literal-required] # two of them
    return told


def quantization_of(config: Any) -> str | None:
    """Name how a configuration of quantization does it; None without one.

    Args:
        config: The object of a library, or a dictionary.
    """

    def look(name: str) -> Any:
        return config.get(name) if isinstance(config, dict) else getattr(config, name, None)

    method = look("quant_method") or look("quant_backend")
    return None if method is None else str(getattr(method, "value", method))


def source_of(path: Any, *, moved_bytes: int) -> str:
    """Say where a model was loaded from: a folder of its own, the hub's cache, or the network just now."""
    if moved_bytes:
        return DOWNLOAD
    return DISK if isinstance(path, str | os.PathLike) and os.path.exists(path) else CACHE  # noqa: PTH110 - as above


@guarded(None)
def told_when_gone(model: Any, values: Values) -> weakref.finalize[..., Any] | None:
    """Have an unload recorded when nobody holds a model any more.

    Args:
        model: The model; held no longer for it.
        values: What is said of it then, beside the reason and how long it stayed.

    Returns:
        What will do it, for who has recorded another end of its stay and calls it off.
    """
    loaded_ns = _clock.perf_counter_ns()
    told = cast("dict[str, Stored]", {**{name: value for name, value in values.items() if value is not None}})
    # not at the interpreter's end: what is loaded then ends with the process
    finalizer = weakref.finalize(model, _gone, id(model), told, loaded_ns)
    finalizer.atexit = False
    _finalizers[id(model)] = finalizer
    return finalizer


@guarded(None)
def call_off(finalizer: weakref.finalize[..., Any]) -> None:
    """Have no unload recorded after all: another end of the stay was.

    Args:
        finalizer: What told_when_gone gave.
    """
    left = finalizer.detach()
    if left is not None:
        _finalizers.pop(left[2][0], None)


@guarded(None)
def told_when_closed(model: Any) -> None:
    """Have an unload recorded now: the model's owner has closed it. What is closed as it is collected says so itself.

    Args:
        model: The model.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - the only way to know that a destructor calls
    for _ in range(_FRAMES):
        if frame.f_code.co_name == "__del__":
            return
        if frame.f_back is None:
            break
        frame = frame.f_back
    finalizer = _finalizers.get(id(model))
    left = None if finalizer is None else finalizer.detach()
    if left is not None:
        _gone(*left[2], reason="manual")


_FRAMES: Final = 6  # those of the guard, of the adapter and of wrapt's wrapper lie between
# by identity, until they are gone
_finalizers: Final[dict[int, weakref.finalize[Any, Any]]] = {}


def _gone(key: int, values: dict[str, Stored], loaded_ns: int, *, reason: str = "gc") -> None:
    _finalizers.pop(key, None)
    values |= {"unload_reason": reason, "resident_seconds": (_clock.perf_counter_ns() - loaded_ns) / 1e9}
    _late.leave(names.MODEL_UNLOAD, values)
