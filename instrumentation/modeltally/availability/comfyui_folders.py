"""ComfyUI's folders of models: its own, and those that ``extra_model_paths.yaml`` names, by ComfyUI's own rules."""

from __future__ import annotations

import os
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability._shards import is_weights
from modeltally.availability._single import Draft, finished, unfinished_name, unfinished_of, within
from modeltally.availability.disk import Growth, inode_of, is_folder, legible, look, read_small, walk
from modeltally.availability.held import Leftover, Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeltally.availability.held import Inode, LoadedModel

__all__ = ["EXTRA", "ComfyFolders", "read_extra_paths"]

EXTRA: Final = "extra_model_paths.yaml"
_EXTRA_BYTES: Final = 1024**2
# sort of model: its folders below `models`; folder_paths.py of ComfyUI 0.3 and later
_OWN: Final = {
    "checkpoints": ("checkpoints",),
    "loras": ("loras",),
    "vae": ("vae",),
    "text_encoders": ("text_encoders", "clip"),
    "diffusion_models": ("unet", "diffusion_models"),
    "clip_vision": ("clip_vision",),
    "style_models": ("style_models",),
    "embeddings": ("embeddings",),
    "diffusers": ("diffusers",),
    "vae_approx": ("vae_approx",),
    "controlnet": ("controlnet", "t2i_adapter"),
    "gligen": ("gligen",),
    "upscale_models": ("upscale_models",),
    "latent_upscale_models": ("latent_upscale_models",),
    "hypernetworks": ("hypernetworks",),
    "photomaker": ("photomaker",),
    "classifiers": ("classifiers",),
    "model_patches": ("model_patches",),
    "audio_encoders": ("audio_encoders",),
    "background_removal": ("background_removal",),
    "frame_interpolation": ("frame_interpolation",),
    "geometry_estimation": ("geometry_estimation",),
    "optical_flow": ("optical_flow",),
    "detection": ("detection",),
}
_LEGACY: Final = {"unet": "diffusion_models", "clip": "text_encoders"}
_NO_MODELS: Final = frozenset({"configs", "custom_nodes", "datasets"})
_PIPELINES, _WITHOUT_ENDING, _PIPELINE = "diffusers", "classifiers", "model_index.json"
_KEYS: Final = ("base_path", "is_default")


class ComfyFolders:
    """The folders of a ComfyUI."""

    kind: Final = "comfyui"

    def __init__(self, root: Path, *, configs: Sequence[Path] = (), clock: Callable[[], float] = time.time) -> None:
        """Say where it is; nothing is looked at yet.

        Args:
            root: The folder of ComfyUI, which holds ``models``; or a file such as ``extra_model_paths.yaml`` alone.
            configs: More such files, as ``--extra-model-paths-config`` takes them.
            clock: Tells the time, seconds since 1970.
        """
        self.root = root
        self._configs = configs
        self._clock = clock
        self._growth = Growth()

    @property
    def location(self) -> str:
        """The folder, or the file."""
        return legible(self.root)

    def loaded(self) -> tuple[LoadedModel, ...]:
        """Say nothing: what ComfyUI has loaded it tells nobody."""
        return ()

    def listing(self) -> Listing:
        """Look what is there; see :class:`modeltally.availability.store.ModelStore`."""
        problems: list[str] = []
        found = look(self.root)
        if found is None:
            why = f"{self.location} is not there, or may not be looked at"
            return Listing(self.kind, self.location, is_readable=False, problems=(why,))
        folders = self._folders(problems.append)
        if not any(is_folder(folder) for _, each in folders for folder in each):
            problems.append(f"{self.location} has none of ComfyUI's folders of models")
        drafts: list[Draft] = []
        leftovers: list[Leftover] = []
        seen: set[tuple[str, Inode]] = set()
        for sort, roots in folders:
            names: dict[str, Path] = {}
            for folder in roots:
                entry = look(folder)
                if entry is None or (sort, inode_of(entry)) in seen:
                    continue  # the same folder, named twice
                seen.add((sort, inode_of(entry)))
                drafts += self._drafts(sort, folder, names, leftovers, problems.append)
        self._growth.forget_absent()
        ours = within([folder for _, roots in folders for folder in roots])
        models = finished(drafts, leftovers, self, is_ours=ours)
        return Listing(self.kind, self.location, problems=tuple(problems), models=models, leftovers=tuple(leftovers))

    def _folders(self, tell: Callable[[str], object]) -> list[tuple[str, list[Path]]]:
        """Collect the folders of each sort of model, in the order in which ComfyUI looks through them."""
        folders: dict[str, list[Path]] = {}
        configs = list(self._configs)
        if is_folder(self.root):
            models = self.root / "models"
            folders = {sort: [models / name for name in names] for sort, names in _OWN.items()}
            if look(self.root / EXTRA) is not None:
                configs.insert(0, self.root / EXTRA)
        else:
            configs.insert(0, self.root)
        for config in configs:
            for sort, path, is_first in read_extra_paths(config, tell):
                known = folders.setdefault(sort, [])
                if path in known and is_first:
                    known.remove(path)
                if path not in known:
                    known.insert(0 if is_first else len(known), path)
        return [(sort, roots) for sort, roots in folders.items() if sort not in _NO_MODELS]

    def _drafts(
        self,
        sort: str,
        folder: Path,
        names: dict[str, Path],
        leftovers: list[Leftover],
        tell: Callable[[str], object],
    ) -> list[Draft]:
        drafts: dict[str, Draft] = {}
        paths = [path for path in walk(folder, tell, follow=True) if ".git" not in path.relative_to(folder).parts]
        pipelines = {path.parent for path in paths if path.name == _PIPELINE and path.parent != folder}
        for path in paths:
            top = next((each for each in reversed(path.parents) if each in pipelines), None)
            relative = path.relative_to(folder).as_posix()
            meant = unfinished_name(relative)
            if meant is not None:
                name = meant if top is None else top.relative_to(folder).as_posix()
                leftover = unfinished_of(path, legible(name), self, self._growth, now=self._clock())
                leftovers += [] if leftover is None else [leftover]
            elif top is not None:
                name = top.relative_to(folder).as_posix()
                draft = drafts.setdefault(name, Draft(name, kind=sort))
                draft.files[path.relative_to(top).as_posix()] = path
            elif sort != _PIPELINES and _is_listed(sort, path.name):
                drafts[relative] = Draft(relative, {path.name: path}, kind=sort)
        for name, draft in drafts.items():
            if name in names:
                draft.reason = f"hidden from ComfyUI by {legible(names[name])}"
            names.setdefault(name, folder / name)
        return list(drafts.values())


def _is_listed(sort: str, name: str) -> bool:
    """Return whether ComfyUI, or one of its nodes for other formats, would offer a file."""
    return is_weights(name) or (sort == _WITHOUT_ENDING and not PurePosixPath(name).suffix)


def read_extra_paths(config: Path, tell: Callable[[str], object]) -> list[tuple[str, Path, bool]]:
    """Read a file as ComfyUI does: groups of ``sort: folders``, below ``base_path``, first where ``is_default``.

    Args:
        config: The file.
        tell: Takes what cannot be understood.

    Returns:
        Sort of model, folder, and whether it goes before the others.
    """
    groups = _groups(config, tell)
    found = []
    here = config.absolute().parent
    for group, entries in groups.items():
        if entries is None:
            continue
        if not isinstance(entries, dict):
            tell(f"{legible(config)}: {group!s:.64} is no group of folders")
            continue
        base = entries.get("base_path")
        if base is not None and not isinstance(base, str):
            tell(f"{legible(config)}: base_path of {group!s:.64} is {base!r:.64}; give a path")
            continue
        top = here if base is None else here / os.path.expandvars(os.path.expanduser(base))  # noqa: PTH111 - a user that is not there is left as it is
        is_first = bool(entries.get("is_default", False))
        for sort, folders in entries.items():
            if sort in _KEYS:
                continue
            name = _LEGACY.get(str(sort), str(sort))
            found += [(name, Path(os.path.normpath(top / line)), is_first) for line in _lines(folders)]
            if not isinstance(folders, str):
                tell(f"{legible(config)}: {group!s:.64}.{sort!s:.64} is no text, which ComfyUI does not read")
    return found


def _lines(folders: object) -> list[str]:
    lines = folders.split("\n") if isinstance(folders, str) else folders if isinstance(folders, list) else []
    return [line for line in lines if isinstance(line, str) and line and "\0" not in line]


def _groups(config: Path, tell: Callable[[str], object]) -> dict[Any, Any]:
    try:
        import yaml  # noqa: PLC0415 - of the extra `manage`
    except ImportError:
        tell(f"{legible(config)} is not read: that takes PyYAML, `pip install 'modeltally[manage]'`")
        return {}
    try:
        groups = yaml.safe_load(read_small(config, limit_bytes=_EXTRA_BYTES).decode("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        tell(f"{legible(config)} cannot be read: {' '.join(str(error).split())}")
        return {}
    if groups is None:
        return {}
    if not isinstance(groups, dict):
        tell(f"{legible(config)} holds no groups of folders")
        return {}
    return groups
