"""The page at ``/docs``, which shows the OpenAPI document: everything that it needs comes from this service."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

_ASSETS: Final = "/docs/assets"
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_COMMON: Final = {"Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}


class _Assets(StaticFiles):
    """Swagger UI as package `fastapi-offline` brings it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_COMMON)
        return response


def describe(app: FastAPI) -> None:
    """Serve the page; the application must have been made without FastAPI's own, which loads scripts from a CDN."""
    html = get_swagger_ui_html(
        openapi_url=app.openapi_url or "",
        title=app.title,
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    ).body
    headers = _COMMON | {"Content-Security-Policy": _policy(bytes(html).decode())}

    @app.get("/docs", include_in_schema=False)
    async def _docs() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)

    app.mount(_ASSETS, _Assets(packages=[("fastapi_offline", "static")]), name="docs-assets")


def _policy(html: str) -> str:
    """Allow the service's own scripts, and of inline ones that which starts Swagger UI; it sets styles itself."""
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(html))
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
    )
