"""The page is served where it was built, and takes no path from the API."""

from __future__ import annotations

from pathlib import Path

from evalstream_api import page
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.asking import asking


def app(folder: Path) -> TestClient:
    own = FastAPI()

    @own.get("/v1/datasets")
    def _datasets() -> list[str]:
        return []

    page.serve(own, folder)
    return asking(own)


def test_home_is_the_page(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>the page</title>")
    (tmp_path / "assets" / "page.js").write_text("1")
    http = app(tmp_path)
    home = http.get("/?d=digits&c=0.5")
    assert home.text == "<title>the page</title>"
    assert "default-src 'self'" in home.headers["content-security-policy"]
    assert http.get("/assets/page.js").headers["content-type"].startswith("text/javascript")
    assert http.get("/v1/datasets").json() == []
    assert http.get("/no-such-thing").status_code == 404


def test_only_what_never_changes_is_kept_by_the_browser(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("the page")
    (tmp_path / "assets" / "page-1a2b.js").write_text("1")
    http = app(tmp_path)
    assert "immutable" in http.get("/assets/page-1a2b.js").headers["cache-control"]
    for path in ("/", "/index.html"):
        assert http.get(path).headers["cache-control"] == "no-cache"
    assert "cache-control" not in http.get("/assets/page-of-yesterday.js").headers


def test_nothing_outside_the_folder_is_served(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "index.html").write_text("the page")
    http = app(folder)
    for path in ("/../secret", "/%2e%2e/secret", "/..%2fsecret"):
        assert "secret" not in http.get(path).text


def test_without_a_build_home_is_the_description(tmp_path: Path) -> None:
    assert app(tmp_path).get("/").url.path == "/docs"
