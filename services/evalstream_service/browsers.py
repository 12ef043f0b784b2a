"""Protection from web pages of other sites: they may have a browser do nothing here.

A service without API keys trusts whoever can reach it. So can a page that the user happens to have open: it may post to
loopback (which needs no permission for plain text), and it may make its own name mean loopback (DNS rebinding), and
then even read. Browsers say where a request comes from; these headers cannot be set by a page.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The names of this machine, which no page can make mean another one.
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
#: Methods that change nothing.
_SAFE: Final = ("GET", "HEAD", "OPTIONS")


class OnlyOwnPages:
    """Middleware that refuses requests under another name, and changes that another site's page asks for.

    Parameters
    ----------
    names : collection of str
        Under which names the service may be asked, without ports; empty: any, for where keys tell who may ask.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 or 403, or pass the request on."""
        if scope["type"] == "http":
            send = _as_data(send) if scope["path"].startswith("/v1/") else send
            if refused := self._refused(scope["method"], Headers(scope=scope)):
                status, detail = refused
                await JSONResponse({"detail": detail}, status)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refused(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self._names and name_of(host) not in self._names:
            return 421, f"this service is not {host!r}; name it in EVALSTREAM_ALLOWED_HOSTS if it should be"
        if method not in _SAFE and not is_own_page(headers, host):
            return 403, "a web page of another site may not change anything here"
        return None


def _as_data(send: Send) -> Send:
    """Have answers taken for what they say they are, and kept nowhere: the next one may be another."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending


def served_names(host: str, allowed: Collection[str], *, keys: bool) -> tuple[str, ...]:
    """Say under which names a service may be asked; any where keys tell who may ask and no names were given."""
    if allowed:
        return (*LOOPBACK, *allowed)
    return () if keys else (*LOOPBACK, host)


def is_own_page(headers: Headers, host: str) -> bool:
    """Whether a request comes from no page at all, or from one that this service has served."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()


def name_of(host: str) -> str:
    """Give the name in a Host header, without its port, brackets and final dot."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
    return name.rstrip(".")


def split_names(names: object) -> object:
    """Read the names of a setting, separated by commas."""
    return tuple(filter(None, (name.strip() for name in names.split(",")))) if isinstance(names, str) else names
