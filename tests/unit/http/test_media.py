"""Images come from the folder that was named, from nowhere else, and with keys set to nobody without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from evalstream_local.app import make_app
from evalstream_local.settings import LocalSettings
from fastapi.testclient import TestClient


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    media = tmp_path / "media"
    media.mkdir()
    (media / "a b.png").write_bytes(b"image")
    (tmp_path / "secret.txt").write_text("secret")
    return media


def test_an_image_is_served_and_nothing_outside_the_folder(folder: Path, tmp_path: Path) -> None:
    with TestClient(make_app(LocalSettings(data=tmp_path / "data", media=folder, _env_file=None))) as http:
        assert http.get("/media/a b.png").content == b"image"
        assert http.get("/media/nothing.png").status_code == 404
        for path in ("/media/../secret.txt", "/media/%2e%2e/secret.txt", "/media/..%2fsecret.txt"):
            assert "secret" not in http.get(path).text


def test_keys_protect_images_too(folder: Path, tmp_path: Path) -> None:
    settings = LocalSettings(data=tmp_path / "data", media=folder, api_keys="k=read", _env_file=None)
    with TestClient(make_app(settings)) as http:
        assert http.get("/media/a b.png").status_code == 401
        assert http.get("/media/a b.png", headers={"Authorization": "Bearer k"}).content == b"image"
