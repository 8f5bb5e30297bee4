"""The user key of a data directory: made once, kept secret, the same for every process."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import SettingError
from modeltally.keys import ensure_user_key

if TYPE_CHECKING:
    from pathlib import Path


def test_key_is_made_once_and_kept(tmp_path: Path) -> None:
    """The first use makes directory and key; later uses read it."""
    directory = tmp_path / "new" / "data"
    key = ensure_user_key(directory)
    assert len(bytes.fromhex(key)) == 32
    assert ensure_user_key(directory) == key
    assert stat.S_IMODE((directory / "user.key").stat().st_mode) == 0o600
    assert [path.name for path in directory.iterdir()] == ["user.key"]


def test_key_is_one_when_many_start_at_once(tmp_path: Path) -> None:
    """Whoever is first decides; all others use the same key."""
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(ensure_user_key, [tmp_path / "data"] * 64))
    assert len(keys) == 1


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe", b"z" * 64])
def test_key_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """A damaged key is never replaced in silence: users would count twice."""
    (tmp_path / "user.key").write_bytes(content)
    with pytest.raises(SettingError, match=r"user\.key"):
        ensure_user_key(tmp_path)
    assert (tmp_path / "user.key").read_bytes() == content


def test_key_cannot_be_made_where_a_file_stands(tmp_path: Path) -> None:
    """A data directory that is a file is named."""
    (tmp_path / "data").touch()
    with pytest.raises(SettingError, match="choose another --dir"):
        ensure_user_key(tmp_path / "data")
