"""Asking the hub which files a revision has, where the cache kept no list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeltally.availability._hub_trees import Tree, TreeFile
from modeltally.availability.held import Digest
from modeltally.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ask_hub"]


def ask_hub(name: str, kind: str, commit: str, tell: Callable[[str], object]) -> Tree | None:
    """Ask the hub, as ``huggingface_hub`` is set up to: its address, its token, whether it may go online.

    Args:
        name: The model's name.
        kind: ``models``, ``datasets``, ``spaces`` or ``kernels``.
        commit: The revision.
        tell: Takes why there is no answer.

    Returns:
        The files by path; None where there is no answer.

    Raises:
        InputError: ``huggingface_hub`` is not installed.
    """
    try:
        from huggingface_hub import HfApi  # noqa: PLC0415 - of the extra `manage`
        from huggingface_hub.hf_api import RepoFile  # noqa: PLC0415 - the same
    except ImportError as error:
        raise InputError("asking the hub takes huggingface_hub: pip install 'modeltally[manage]'") from error
    tree: Tree = {}
    try:
        for entry in HfApi().list_repo_tree(name, recursive=True, revision=commit, repo_type=kind.removesuffix("s")):
            if isinstance(entry, RepoFile):
                large = entry.lfs
                if large is None:
                    tree[entry.path] = TreeFile(entry.size, Digest("git-sha1", entry.blob_id))
                else:
                    tree[entry.path] = TreeFile(large.size, Digest("sha256", large.sha256))
    except Exception as error:  # noqa: BLE001 - whatever its HTTP library raises, of which there have been three
        tell(f"the hub does not say which files {name} has: {' '.join(str(error).split())[:200]}")
        return None
    return tree
