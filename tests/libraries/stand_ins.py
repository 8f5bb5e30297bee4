"""Stand-ins for libraries that cannot be installed here: the classes that are hooked into, as a release declares them.

``make stand-ins`` reads the newest release without importing it and writes a package of the same modules and classes,
with the same signatures, fields and properties, whose methods do nothing: a test says what they do. What an object gets
in its ``__init__`` it gets here too, from the argument of the name where there is one.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import inspect
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FOLDER", "LIBRARIES", "Library", "behaving", "download", "importable", "write"]

FOLDER: Final = Path(__file__).with_name("released")
ALL: Final = "*"
_ENUMS: Final = ("Enum", "IntEnum", "StrEnum")


class Library(NamedTuple):
    """What is needed of one.

    Attributes:
        distribution: The name it is installed by.
        is_source: Whether it is released as source alone.
        modules: By module, then by class: the methods and fields; all fields with :data:`ALL`. Functions and numbers
            of a module have nothing; a name may be a pattern.
    """

    distribution: str
    is_source: bool
    modules: dict[str, dict[str, tuple[str, ...]]]


LIBRARIES: Final = {
    "vllm": Library(
        "vllm",
        is_source=False,
        modules={
            "vllm.lora.request": {"LoRARequest": (ALL,)},
            "vllm.sampling_params": {"RequestOutputKind": (ALL,), "SamplingParams": (ALL,)},
            "vllm.v1.metrics.stats": {"RequestStateStats": (ALL,)},
            "vllm.outputs": {
                "CompletionOutput": (ALL,),
                "PoolingOutput": (ALL,),
                "RequestOutput": ("__init__",),
                "PoolingRequestOutput": ("__init__",),
            },
            "vllm.config.device": {"DeviceConfig": ("device_type",)},
            "vllm.config.model": {"ModelConfig": ("model", "dtype", "quantization", "revision")},
            "vllm.config.vllm": {"VllmConfig": ("model_config", "device_config")},
            "vllm.v1.engine.llm_engine": {"LLMEngine": ("__init__",)},
            "vllm.entrypoints.pooling.offline": {"PoolingOfflineMixin": ("encode", "embed", "classify", "score")},
            "vllm.entrypoints.llm": {"LLM": ("__init__", "generate", "chat", "wait_for_completion")},
            "vllm.v1.engine.async_llm": {"AsyncLLM": ("__init__", "__del__", "shutdown", "generate", "encode")},
        },
    ),
    "llama_cpp": Library(
        "llama-cpp-python",
        is_source=True,
        modules={
            "llama_cpp.llama_cpp": {
                "LLAMA_FTYPE_.+": (),
                "llama_token_is_eog": (),
                "llama_supports_gpu_offload": (),
            },
            "llama_cpp._internals": {"LlamaModel": ("__init__", "n_params", "size")},
            "llama_cpp.llama": {
                "Llama": (
                    "__init__",
                    "from_pretrained",
                    "__call__",
                    "create_completion",
                    "create_chat_completion",
                    "create_embedding",
                    "embed",
                    "generate",
                    "token_eos",
                    "close",
                    "__del__",
                )
            },
        },
    ),
}


@contextlib.contextmanager
def importable(library: str) -> Iterator[None]:
    """Let a stand-in be imported in a block, as the library would be; afterwards it is as if it never was."""
    place = str(FOLDER / library)
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)
        for name in [name for name in sys.modules if name.partition(".")[0] == library]:
            del sys.modules[name]


def behaving(owner: type, name: str, does: Callable[..., Any]) -> None:
    """Say what a method of a stand-in does; it goes on taking what the library's takes, and nothing else.

    Args:
        owner: The class.
        name: The method.
        does: Gets all arguments by name, defaults too.
    """
    declared = vars(owner)[name]
    signature = inspect.signature(declared)

    @functools.wraps(declared)
    def method(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return does(**bound.arguments)

    setattr(owner, name, method)


def download(library: Library, folder: Path) -> Path:
    """Fetch the newest release of a library; it is neither installed nor run.

    Args:
        library: Which one.
        folder: Where to; it is empty.

    Returns:
        The file.
    """
    kind = ["--no-binary", ":all:"] if library.is_source else ["--only-binary", ":all:", "--python-version", "3.12"]
    pip = [os.environ.get("UV", "uv"), "run", "--quiet", "--no-project", "--with", "pip", "python", "-m", "pip"]
    download = ["download", "--quiet", "--no-deps", "--dest", str(folder), *kind, library.distribution]
    subprocess.run([*pip, *download], check=True)
    (file,) = folder.iterdir()
    return file


def write(name: str, release: Path, folder: Path) -> None:
    """Write the stand-in of a library.

    Args:
        name: The library's.
        release: Its wheel, or its source.
        folder: Where the package goes.
    """
    library = LIBRARIES[name]
    version = release.name.split("-")[1].removesuffix(".tar.gz")
    head = f'"""What {library.distribution} {version} declares, from its release; written by `make stand-ins`."""\n'
    _save(folder / f"{library.distribution.replace('-', '_')}.dist-info" / "METADATA", _metadata(library, version))
    with _sources(release) as read:
        for module, wanted in library.modules.items():
            text = head + _module(module, ast.parse(read(f"{module.replace('.', '/')}.py")), wanted, library.modules)
            _save((folder / module.replace(".", "/")).with_suffix(".py"), text)
    for file in (folder / name).rglob("*.py"):
        if not (file.parent / "__init__.py").exists():
            exported = _exported(name, library) if file.parent == folder / name else ""
            _save(file.parent / "__init__.py", head + exported)


def _metadata(library: Library, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {library.distribution}\nVersion: {version}\n"


def _exported(name: str, library: Library) -> str:
    """What a library that is all in one folder exports is what its modules have."""
    return "".join(
        f"from {module} import *\n"
        for module in library.modules
        if library.is_source and module.count(".") == 1 and not module.startswith(f"{name}._")
    )


def _save(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@contextlib.contextmanager
def _sources(release: Path) -> Iterator[Callable[[str], str]]:
    """Read the modules of a release by their paths in the package."""
    if release.suffix == ".whl":
        with zipfile.ZipFile(release) as wheel:
            yield lambda path: wheel.read(path).decode()
        return
    with tarfile.open(release) as source:

        def read(path: str) -> str:
            for member in source:
                if member.name.partition("/")[2] in (path, f"src/{path}"):
                    file = source.extractfile(member)
                    assert file is not None
                    return file.read().decode()
            raise KeyError(path)

        yield read


def _module(name: str, tree: ast.Module, wanted: dict[str, tuple[str, ...]], modules: dict[str, Any]) -> str:
    """Write what is wanted of a module; what is wanted and not there is an error."""
    lines: list[str] = []
    imports: set[str] = set()
    missing = set(wanted)
    for node in tree.body:
        names = [node.name] if isinstance(node, ast.ClassDef | ast.FunctionDef) else _targets(node)
        pattern = next((each for each in wanted for own in names if re.fullmatch(each, own)), None)
        if pattern is None:
            continue
        missing.discard(pattern)
        if isinstance(node, ast.ClassDef):
            lines += ["", "", *_class(node, wanted[pattern], imports, modules, name)]
        elif isinstance(node, ast.FunctionDef):
            lines = [line for line in lines if line != f"{names[0]} = None"]
            lines += ["", "", *_function(node, "")]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            lines.append(f"{names[0]} = {_literal(node.value)}")
    if missing:
        raise LookupError(f"{name} has no {', '.join(sorted(missing))} any more")
    return "\n".join([*sorted(imports), *lines, ""])


def _targets(node: ast.stmt) -> list[str]:
    """Name what a statement assigns to."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _class(
    node: ast.ClassDef, members: tuple[str, ...], imports: set[str], modules: dict[str, Any], module: str
) -> list[str]:
    bases = []
    for base in (ast.unparse(each).partition("[")[0] for each in node.bases):
        where = next((other for other, classes in modules.items() if base in classes), None)
        if base.rpartition(".")[2] in _ENUMS:
            imports.add("import enum")
            bases.append(f"enum.{base.rpartition('.')[2]}")
        elif where is not None:
            bases.append(base)
            if where != module:
                imports.add(f"from {where} import {base}")
    is_enum = any(base.startswith("enum.") for base in bases)
    fields = [] if is_enum else _fields(node, members)
    lines = []
    if fields:
        imports.add("from dataclasses import dataclass")
        lines.append("@dataclass")
    lines.append(f"class {node.name}({', '.join(bases)}):" if bases else f"class {node.name}:")
    body = [f"    {name} = {_literal(each.value)}" for each in node.body if is_enum for name in _assigned(each)]  # type: ignore[attr-defined]
    body += [f"    {field}" for field in fields]
    have = {field.partition(":")[0] for field in fields}
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name in members and not _is_overload(each):
            body += [""] * bool(body) + _function(each, "    ")
            have.add(each.name)
    missing = set(members) - have - {ALL}
    if missing:
        raise LookupError(f"{module}.{node.name} has no {', '.join(sorted(missing))} any more")
    return lines + (body or ["    pass"])


def _is_overload(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(each) == "overload" for each in function.decorator_list)


def _assigned(node: ast.stmt) -> list[str]:
    return _targets(node) if isinstance(node, ast.Assign) else []


def _fields(node: ast.ClassDef, members: tuple[str, ...]) -> list[str]:
    """Write the fields of a class of data; those without a default that come after one that has one get one."""
    found, has_default = [], False
    for each in node.body:
        if not isinstance(each, ast.AnnAssign) or not isinstance(each.target, ast.Name):
            continue
        if each.target.id in members or ALL in members:
            has_default = has_default or each.value is not None
            found.append(f"{each.target.id}: object" + (f" = {_literal(each.value)}" if has_default else ""))
    return found


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, indent: str) -> list[str]:
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if argument is not None:
            argument.annotation = None
    arguments.defaults = [_plain(default) for default in arguments.defaults]
    arguments.kw_defaults = [None if default is None else _plain(default) for default in arguments.kw_defaults]
    kinds = [f"{indent}@{ast.unparse(each)}" for each in node.decorator_list if ast.unparse(each) in _KINDS]
    is_stream = any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(node))
    start = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    lines = [*kinds, f"{indent}{start} {node.name}({ast.unparse(arguments)}):"]
    if node.name == "__init__":
        given = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)}
        names = [name for name in dict.fromkeys(_own(node)) if not name.startswith("__")]
        return lines + [f"{indent}    self.{name} = {name if name in given else None}" for name in names] or lines
    if node.name == "__del__":  # it may not raise, and what it calls is what is asked about
        return [*lines, *(f"{indent}    {line}" for line in ast.unparse(ast.Module(node.body, [])).splitlines())]
    return [*lines, f"{indent}    raise NotImplementedError", *[f"{indent}    yield"] * is_stream]


_KINDS: Final = ("classmethod", "staticmethod", "property")


def _own(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Name the attributes that an object gets in its ``__init__``, in their order."""
    for each in ast.walk(function):
        for target in each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", None)]:
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                yield target.attr


def _plain(value: ast.expr) -> ast.expr:
    return ast.parse(_literal(value), mode="eval").body


def _literal(value: ast.expr | None) -> str:
    """Write a value that is written out in the library; any other is nothing."""
    try:
        made = ast.literal_eval(value) if value is not None else None
    except ValueError:
        return "None"
    return repr(made) if not isinstance(made, list | dict | set) else "None"


def main() -> None:
    """Write the stand-ins of the newest releases, or of files that are there: ``vllm=vllm-0.33.0-....whl``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("files", nargs="*", help="LIBRARY=FILE in place of the newest release")
    given = dict(each.split("=", 1) for each in parser.parse_args().files)
    for name, library in LIBRARIES.items():
        with tempfile.TemporaryDirectory() as folder:
            release = Path(given[name]) if name in given else download(library, Path(folder))
            write(name, release, FOLDER / name)


if __name__ == "__main__":
    main()
