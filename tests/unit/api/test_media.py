"""Images come from the folder that was named, from nowhere else, and with keys set to nobody without one.

Services are asked that were never started: images need no engine.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings

from tests.asking import asking


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    media = tmp_path / "media"
    media.mkdir()
    (media / "a b.png").write_bytes(b"image")
    (tmp_path / "secret.txt").write_text("secret")
    return media


def test_an_image_is_served_and_nothing_outside_the_folder(folder: Path, tmp_path: Path) -> None:
    http = asking(make_app(LocalSettings(data=tmp_path / "data", media=folder, _env_file=None)))
    assert http.get("/media/a b.png").content == b"image"
    assert http.get("/media/nothing.png").status_code == 404
    for path in ("/media/../secret.txt", "/media/%2e%2e/secret.txt", "/media/..%2fsecret.txt"):
        assert "secret" not in http.get(path).text


@pytest.mark.parametrize("suffix", ["png", "jpeg", "webp", "avif", "gif", "svg"])
def test_images_say_what_they_are_and_are_nothing_else(folder: Path, tmp_path: Path, suffix: str) -> None:
    (folder / f"x.{suffix}").write_bytes(b"image")
    http = asking(make_app(LocalSettings(data=tmp_path / "data", media=folder, _env_file=None)))
    headers = http.get(f"/media/x.{suffix}").headers
    assert headers["Content-Type"] == f"image/{suffix}" + "+xml" * (suffix == "svg")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


def test_keys_protect_images_too(folder: Path, tmp_path: Path) -> None:
    settings = LocalSettings(data=tmp_path / "data", media=folder, api_keys="k=read,w=write", _env_file=None)
    http = asking(make_app(settings))
    for path in ("/media/a b.png", "/media/nothing.png"):
        assert http.get(path).status_code == 401
        assert http.get(path, headers={"Authorization": "Bearer other"}).status_code == 401
        assert http.get(path, headers={"Authorization": "Bearer w"}).status_code == 403
    assert http.get("/media/a b.png", headers={"Authorization": "Bearer k"}).content == b"image"


def test_a_kept_image_is_asked_for_again_and_never_without_a_key(folder: Path, tmp_path: Path) -> None:
    settings = LocalSettings(data=tmp_path / "data", media=folder, api_keys="k=read", _env_file=None)
    http = asking(make_app(settings))
    first = http.get("/media/a b.png", headers={"Authorization": "Bearer k"})
    assert first.headers["Cache-Control"] == "private, no-cache"
    kept = {"If-None-Match": first.headers["ETag"]}
    assert http.get("/media/a b.png", headers=kept).status_code == 401
    again = http.get("/media/a b.png", headers=kept | {"Authorization": "Bearer k"})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    (folder / "a b.png").write_bytes(b"another")
    assert http.get("/media/a b.png", headers=kept | {"Authorization": "Bearer k"}).content == b"another"
