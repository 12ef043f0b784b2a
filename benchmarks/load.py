"""Many readers and some writers at a time: how long answers take, health included, and how many are turned away.

Without ``--url`` it starts an ``evalstream up`` of its own on an empty folder. Every reader asks for the overview of a
run at a confidence of its own, so that hardly any two questions are equal and can share an answer; whoever is turned
away (429) comes back when it was told to. Times are those of answers, without the waiting between attempts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import orjson
from evalstream_devcluster.kafka_process import free_ports

DATASET, RUN = "load", "bench"
#: How often health is asked for.
WATCH_SECONDS = 0.1


class Figures(NamedTuple):
    """Milliseconds of each answer, and what else was said."""

    read: list[float]
    written: list[float]
    health: list[float]
    shed: int
    failed: Counter[int]  # by status: every other answer

    def lines(self) -> list[str]:
        """Tell them to whoever reads them."""
        told = []
        for name, times in (("read", self.read), ("write", self.written), ("health", self.health)):
            if times:
                half, most = np.percentile(times, (50, 99))
                told.append(f"{name:>7}: {len(times):>6,} answers, p50 {half:8.1f} ms, p99 {most:8.1f} ms")
        return [*told, f"turned away (429): {self.shed:,}", f"failed: {dict(self.failed) or 'none'}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--rows", type=int, default=500, help="data rows that are there before")
    parser.add_argument(
        "--each", type=int, default=10, help="answers that each reader wants, and uploads of each writer"
    )
    parser.add_argument("--url", help="a service that runs already")
    arguments = parser.parse_args()
    with service(arguments.url) as url:
        found = asyncio.run(run(url, arguments.readers, arguments.writers, arguments.rows, arguments.each))
    print(f"{arguments.readers} readers, {arguments.writers} writers, {arguments.rows} data rows")
    print("\n".join(found.lines()))


@contextmanager
def service(url: str | None, folder: str | None = None) -> Iterator[str]:
    """Give the address of a service: of one of its own, which keeps its data below ``folder``, if none is named."""
    if url is not None:
        yield url
        return
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as folder:
        command = [Path(sys.executable).with_name("evalstream"), "up", "--port", str(port), "--data", f"{folder}/data"]
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, "EVALSTREAM_API_KEYS": ""})
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


async def run(url: str, readers: int, writers: int, rows: int, each: int) -> Figures:
    """Load a service; return when every reader has its answers and every upload is accepted."""
    figures = Figures([], [], [], 0, Counter())
    shed = Counter[str]()
    certificates = ssl.create_default_context()  # read once: each client by itself would take 20 ms for them

    def client() -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=url, timeout=300, verify=certificates)

    async with client() as http:
        await _wait_until_there(http)
        rng = random.Random(7)
        await _send(http, "annotations", [_event(rng, row, "annotations") for row in range(rows)])
        await _send(http, f"runs/{RUN}/predictions", [_event(rng, row, "predictions") for row in range(rows)])

    async def asked(http: httpx.AsyncClient, times: list[float], method: str, path: str, **more: Any) -> None:
        while True:
            start = time.perf_counter()
            answer = await http.request(method, path, **more)
            if answer.status_code == 429:
                shed["all"] += 1
                await asyncio.sleep(int(answer.headers["Retry-After"]))
                continue
            times.append(1000 * (time.perf_counter() - start))
            if answer.status_code != 200:
                figures.failed[answer.status_code] += 1
            return

    async def read(number: int) -> None:
        async with client() as http:
            for turn in range(each):
                confidence = (number * each + turn) / (readers * each)
                path = f"/v1/datasets/{DATASET}/runs/{RUN}/overview"
                await asked(http, figures.read, "GET", path, params={"confidence": confidence})

    async def write(number: int) -> None:
        own = random.Random(number)
        path = f"/v1/datasets/{DATASET}/runs/{RUN}/predictions"
        async with client() as http:
            for turn in range(each):
                body = orjson.dumps(_event(own, rows + number * each + turn, "predictions"))
                await asked(http, figures.written, "POST", path, content=body)

    async def watch() -> None:
        async with client() as http:
            while True:
                await asked(http, figures.health, "GET", "/health")
                await asyncio.sleep(WATCH_SECONDS)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*map(read, range(readers)), *map(write, range(writers)))
    watching.cancel()
    return figures._replace(shed=shed["all"])


async def _wait_until_there(http: httpx.AsyncClient) -> None:
    for _ in range(6000):
        try:
            if (await http.get("/health")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.05)
    raise RuntimeError(f"nothing answers at {http.base_url}")


async def _send(http: httpx.AsyncClient, route: str, events: list[dict[str, Any]]) -> None:
    answer = await http.post(f"/v1/datasets/{DATASET}/{route}", content=b"\n".join(map(orjson.dumps, events)))
    answer.raise_for_status()


def _event(rng: random.Random, row: int, side: str) -> dict[str, Any]:
    objects = [
        {
            "type": "bbox",
            "feature": f"class {rng.randrange(20)}",
            "bbox": [rng.random() * 600, rng.random() * 400, 40, 40],
        }
        for _ in range(rng.randrange(12))
    ]
    if side == "predictions":
        objects = [one | {"confidence": rng.random()} for one in objects]
    return {"data_row": str(row), "operation": "replace", side: objects}


if __name__ == "__main__":
    main()
