"""The embedded engine as a transport of httpx: the application of ``evalstream up`` in this process, with no socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Final

import httpx
from anyio.from_thread import start_blocking_portal

from evalstream.client.errors import NoServiceError

#: A name under which a service without keys may be asked.
URL: Final = "http://127.0.0.1"


class Embedded(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Serves requests from an engine of its own, on an event loop of its own, matcher included.

    Parameters
    ----------
    folder : Path
        Where everything is kept, as ``evalstream up --data`` has it; made where there is none.

    Raises
    ------
    NoServiceError
        If the engine cannot be opened, because another process has it open for instance.
    """

    def __init__(self, folder: Path) -> None:
        self._closing = ExitStack()
        self._portal = self._closing.enter_context(start_blocking_portal(name="evalstream"))
        try:
            asgi = self._closing.enter_context(self._portal.wrap_async_context_manager(_serving(folder)))
        except Exception as error:
            self._closing.close()
            raise NoServiceError(f"{folder}: {error}") from error
        self._asgi: httpx.ASGITransport = asgi
        # Interpreters wait for other threads before they run what is registered with atexit, and the matcher goes on
        # until it is told to stop.
        threading._register_atexit(self.close)  # type: ignore[attr-defined]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Have a request answered, and wait for the whole answer."""
        content = request.read()
        return self._portal.call(self._answer, request, content)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Have a request answered, without holding up the caller's event loop."""
        content = await request.aread()
        return await asyncio.wrap_future(self._portal.start_task_soon(self._answer, request, content))

    async def _answer(self, request: httpx.Request, content: bytes) -> httpx.Response:
        own = httpx.Request(request.method, request.url, headers=request.headers, content=content)
        answer = await self._asgi.handle_async_request(own)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

    def close(self) -> None:
        """Stop the matcher and close the engine; what is not matched yet is taken up when it is opened again."""
        self._closing.close()

    async def aclose(self) -> None:
        """Close without holding up the caller's event loop."""
        await asyncio.to_thread(self.close)


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[httpx.ASGITransport]:
    # By name, for the library knows nothing of services otherwise, and most of what uses it never wants one.
    local, settings = import_module("evalstream_embedded.app"), import_module("evalstream_embedded.settings")
    # Whoever can open the folder may ask anything; keys of the environment are for those who come over a network.
    app = local.make_app(settings.LocalSettings(_env_file=None, data=folder, api_keys="", keys_file=None))
    async with app.router.lifespan_context(app):
        yield httpx.ASGITransport(app)
