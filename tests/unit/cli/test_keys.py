"""``evalstream keys``: a key is shown once, works, is listed without itself, and is gone when it is revoked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evalstream_cli.main import app
from evalstream_service.security import checked_keys
from typer.testing import CliRunner, Result


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.json"
    monkeypatch.setenv("EVALSTREAM_KEYS_FILE", str(path))
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["keys", *words])


def test_made_listed_and_revoked(file: Path) -> None:
    assert run("list").stdout == "There are no keys\n"
    options = ["--scope", "write", "--scope", "read", "--dataset", "street-*", "--dataset", "coco", "--per-minute", "9"]
    made = run("create", "nightly", *options)
    assert made.exit_code == 0, made.output
    assert "shown this once" in made.stderr
    token = made.stdout.strip()
    assert token not in run("list").output + run("list", "--json").output
    (listed,) = json.loads(run("list", "--json").stdout)
    assert listed.pop("created_at")
    assert listed == {
        "name": "nightly",
        "scopes": ["write", "read"],
        "datasets": ["street-*", "coco"],
        "per_minute": 9,
    }
    assert "nightly" in run("list").stdout
    ring = checked_keys("", file, "0.0.0.0")
    assert [key.name for key in ring.in_force()] == ["nightly"]
    assert run("revoke", "nightly").exit_code == 0
    assert ring.in_force() == ()


def test_one_that_is_not_told_otherwise_reads_everything(file: Path) -> None:
    assert run("create", "page").exit_code == 0
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["scopes"], listed["datasets"], listed["per_minute"]) == (["read"], ["*"], None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create", "taken"], "there is a key 'taken' already"),
        (["create", "two words"], "name: "),
        (["create", "x", "--scope", "root"], "'read', 'write' or 'admin'"),
        (["create", "x", "--per-minute", "0"], "--per-minute"),
        (["create", "x", "--dataset", ""], "datasets.0: "),
        (["revoke", "none"], "there is no key 'none'"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(file: Path, words: list[str], said: str) -> None:
    assert run("create", "taken").exit_code == 0
    before = file.read_bytes()
    result = run(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_read_is_left_alone(file: Path) -> None:
    file.write_text("secret", encoding="utf-8")
    file.chmod(0o600)
    for words in (["list"], ["create", "x"], ["revoke", "x"]):
        result = run(*words)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"error: {file}: ")
    assert file.read_text(encoding="utf-8") == "secret"
