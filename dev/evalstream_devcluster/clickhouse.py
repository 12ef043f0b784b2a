"""A development stand-in for a ClickHouse server, not for production.

The embedded engine (chDB) allows one process per data folder. This server lets several processes on one
machine share one engine through ClickHouse's HTTP interface, so that they run the code they would run
against a real server. It listens on the loopback interface only. Whoever may query it can also read and
write the files of its process, as SQL has table functions for that.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from evalstream_devcluster.clickhouse_process import (
    DEFAULT_PORT,
    USERS_VARIABLE,
    Endpoint,
    claim,
    kill,
    running,
    start,
    stop,
    url_from_environment,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Endpoint", "kill", "running", "serve", "start", "stop", "url_from_environment"]

# ClickHouse's own default: one user without a password.
DEFAULT_USERS = {"default": ""}
GRACEFUL_SECONDS = 5
MAX_URL_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


def serve(
    path: Path, *, host: str = "127.0.0.1", port: int = DEFAULT_PORT, users: Mapping[str, str] | None = None
) -> None:
    """Serve the engine on `path` until SIGTERM or SIGINT.

    `users` maps names to passwords; without any there is ClickHouse's user `default` without a password.

    Raises
    ------
    RuntimeError
        When another process serves `path`.
    """
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"the development stand-in listens on the loopback interface only, not on {host}")
    path.mkdir(parents=True, exist_ok=True)
    with _listen(host, port) as listener:
        address, bound = listener.getsockname()[:2]
        with claim(path, address, bound):
            _run(path / "data", listener, users or DEFAULT_USERS)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=128)
    # Inherited by every connection. Without it each answer waits 40 ms for a delayed acknowledgement, as
    # asyncio turns it on by itself only for sockets made with an explicit protocol.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _run(folder: Path, listener: socket.socket, users: Mapping[str, str]) -> None:
    # Imported here because only the server's process should load the engine.
    import uvicorn
    from evalstream_devcluster.clickhouse_engine import open_engine
    from evalstream_devcluster.clickhouse_http import STAND_IN, application

    engine = open_engine(folder)
    log.warning("%s: chDB %s on port %d", STAND_IN, engine.version, listener.getsockname()[1])
    config = uvicorn.Config(
        application(engine, users),
        log_level="warning",
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=MAX_URL_BYTES,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])


def main(
    path: Annotated[Path, typer.Option(help="The folder with the data.")],
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes a free one.")] = DEFAULT_PORT,
) -> None:
    """Run the development stand-in for a ClickHouse server; users come as JSON in the environment."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve(path, port=port, users=json.loads(os.environ.get(USERS_VARIABLE, "null")))


if __name__ == "__main__":
    typer.run(main)
