"""``evalstream up``: the whole service in one process."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from evalstream.storage.engine import EngineUnavailableError, open_embedded
from evalstream_embedded.app import make_app
from evalstream_embedded.settings import LocalSettings
from evalstream_service.connections import PatientProtocol
from pydantic import ValidationError

from evalstream_cli.console import err, fail

#: How long requests that are under way may take to end, once the service is told to stop.
GRACEFUL_SECONDS = 10
#: And after how long it ends whatever is still being done.
STOP_SECONDS = 25

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """A server that ends within :data:`STOP_SECONDS` of being told to."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; nothing that clients or the matcher do may hold that up for long."""
        super().handle_exit(sig, frame)
        timer = threading.Timer(STOP_SECONDS, _end)
        timer.daemon = True
        timer.start()


def _end() -> None:
    """End the process at once: what was acknowledged is on disk, and the next start takes up what is undone."""
    log.warning("stopped with work undone after %d s; the next start takes it up", STOP_SECONDS)
    logging.shutdown()
    os._exit(0)


def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [env: EVALSTREAM_HOST; 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [env: EVALSTREAM_PORT; 8000]")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder where everything is kept. [env: EVALSTREAM_DATA; .evalstream/data]")
    ] = None,
    media: Annotated[
        Path | None, typer.Option(help="Folder of images to serve under /media. [env: EVALSTREAM_MEDIA]")
    ] = None,
) -> None:
    """Run evalstream on this machine: upload, matching and questions in one process, with nothing else to install.

    It listens on loopback only, unless API keys are needed: those of `evalstream keys` in EVALSTREAM_KEYS_FILE, or
    a fixed few in EVALSTREAM_API_KEYS=KEY=read,OTHER=read+write. Stop it with Ctrl-C, or in any other way: what it
    acknowledged is on disk, and the next start takes up what was left undone.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    given = {"host": host, "port": port, "data": data, "media": media}
    try:
        settings = LocalSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        app = make_app(settings)
        open_embedded(settings.data / "engine").close()  # what is wrong with the folder is said here, in one line
    except ValidationError as error:
        fail("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
    except EngineUnavailableError as error:
        fail(f"{error}; name another folder with --data, or stop the other evalstream")
    except (ValueError, OSError) as error:
        fail(str(error))
    err.print(f"evalstream: http://{settings.host}:{settings.port}, data in {settings.data}")
    # uvicorn stops in good order, and then raises the signal again for whoever waited for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    server = _Server(config)
    gc.freeze()  # what was imported is no garbage, and is not looked at again and again
    try:
        server.run()
    except KeyboardInterrupt:
        pass  # stopped as it was told to
    except SystemExit:
        if not server.started:
            fail(f"the service could not start; if port {settings.port} is in use, choose another with --port")
        raise
