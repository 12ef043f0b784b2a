"""The file of API keys: what it holds, who may read it, and that it is whole whatever happens."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from evalstream_service.key_file import KeyFileError, change_keys, read_keys
from evalstream_service.keys import PREFIX, digest, new_key


def add(path: Path, name: str) -> str:
    token, kept = new_key(name, ["read"])
    change_keys(path, lambda keys: (*keys, kept))
    return token


def test_a_key_is_nowhere_in_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "keys.json"
    token = add(path, "one")
    assert token.startswith(PREFIX)
    assert len(token) == len(PREFIX) + 43  # 256 bits
    assert token not in path.read_text(encoding="utf-8")
    assert read_keys(path)[0].sha256 == digest(token.encode())


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    add(tmp_path / "keys.json", "one")
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_without_a_file_there_are_no_keys(tmp_path: Path) -> None:
    assert read_keys(tmp_path / "keys.json") == ()


def test_changes_at_the_same_time_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add(path, f"key-{number}"), range(24)))
    assert {key.name for key in read_keys(path)} == {f"key-{number}" for number in range(24)}
    assert {file.name for file in tmp_path.iterdir()} == {"keys.json", "keys.json.lock"}


def test_a_change_that_fails_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add(path, "one")
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="2 keys have the name 'one'"):
        add(path, "one")
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"keys.json", "keys.json.lock"}


def test_one_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add(path, "one")
    path.chmod(0o620)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_keys(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "secret",
        '{"keys": [{"name": "secret"}]}',
        '{"version": 2}',
        json.dumps({"keys": [{"name": "n", "key": "secret", "scopes": ["read"], "created_at": "2026-01-01T00:00Z"}]}),
    ],
)
def test_one_that_cannot_be_read_is_not_repeated(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(KeyFileError) as error:
        read_keys(path)
    assert str(path) in str(error.value)
    assert "secret" not in str(error.value)
